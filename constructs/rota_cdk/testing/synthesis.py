"""Templates of a manifest, in a fraction of the time that `cdk synth` takes."""

from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from rota.manifest import Manifest
from rota.settings import DEFAULT_STAGE
from rota_cdk.endpoints import Places
from rota_cdk.rota import Rota
from rota_cdk.testing.stand_ins import stand_ins
from rota_cdk.validation import SchedulesWith


def new_app() -> App:
    """An empty app without the validation against CloudFormation's schemas."""
    return App(builtin_cloud_formation_validation=False)


def new_stack() -> Stack:
    """An empty stack in an app of its own, to put constructs into; then `Template.from_stack(stack)`."""
    return Stack(new_app(), "Test")


def synth(
    manifest: Manifest,
    *,
    stage: str = DEFAULT_STAGE,
    schedules_with: SchedulesWith = "rules",
    endpoints: Places | None = None,
) -> Template:
    """The template of a stack with nothing but a `Rota` of `manifest`. `endpoints` says where each endpoint is; places
    that are made up unless given.

    Raises `SynthError` for what AWS would refuse, as the real synth does.
    """
    stack = new_stack()
    places = stand_ins(stack, manifest) if endpoints is None else endpoints
    Rota(stack, "Jobs", manifest=manifest, stage=stage, schedules_with=schedules_with, endpoints=places)
    return Template.from_stack(stack)
