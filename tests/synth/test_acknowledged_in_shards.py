"""What a validation finds in one schedule of many is acknowledged there, and the rest stays found."""

import json
from pathlib import Path

import jsii
import pytest
from aws_cdk import (
    Acknowledgment,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    Stack,
    Validations,
)

from rota import Cron, Manifest
from rota_cdk import Rota
from rota_cdk.testing import new_app


@jsii.implements(IPolicyValidationPlugin)
class House:
    """A rule of a house, for no pack that we know has one for schedules: each has to have a description."""

    @property
    def name(self):
        return "House"

    @property
    def version(self):
        return "1.0.0"

    @property
    def rule_ids(self):
        return ["described"]

    def validate(self, context):
        resources = [
            PolicyViolatingResource(resource_logical_id=logical_id, template_path=path, locations=[])
            for path in context.template_paths
            for logical_id, found in json.loads(Path(path).read_text(encoding="utf-8"))["Resources"].items()
            if found["Type"] == "AWS::Scheduler::Schedule" and "Description" not in found["Properties"]
        ]
        violation = PolicyViolation(
            rule_name="described",
            description="A schedule says what it is for",
            severity="error",
            violating_resources=resources,
        )
        return PolicyValidationPluginReport(success=not resources, violations=[violation] if resources else [])


@pytest.fixture
def synth(declare):
    """A synth of three jobs in two shards, under the rule of the house; those named are acknowledged."""

    def run(*acknowledged):
        app = new_app()
        Validations.of(app).add_plugins(House())
        jobs = [declare(name, Cron("0 2 * * *")) for name in ("one", "two", "three")]
        manifest = Manifest(name="shop", jobs=jobs)
        rota = Rota(Stack(app, "Shop"), "Jobs", manifest=manifest, schedules_with="scheduler", shards=2)
        for name in acknowledged:
            said = Acknowledgment(id="House::described", reason="Its name says it.")
            Validations.of(rota.jobs[name]).acknowledge(said)
        app.synth()

    return run


def test_what_is_found_in_schedules_ends_the_synth_and_names_each(synth):
    with pytest.raises(RuntimeError) as told:
        synth()
    assert all(f"Schedules/{name} " in str(told.value) for name in ("one", "two", "three"))


def test_what_is_acknowledged_on_one_is_found_in_the_others_alone(synth):
    with pytest.raises(RuntimeError) as told:
        synth("two")
    assert "Schedules/two " not in str(told.value)
    assert all(f"Schedules/{name} " in str(told.value) for name in ("one", "three"))


def test_what_is_acknowledged_on_all_passes(synth):
    synth("one", "two", "three")
