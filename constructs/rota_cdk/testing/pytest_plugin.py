"""The pytest plugin: fixtures for tests of what the deployment will be.

    def test_every_job_is_scheduled(rota_templates, rota_manifest):
        for job in rota_manifest.jobs:
            if job.schedule:
                assert_scheduled(rota_templates, job)

The manifest is that of the fixture `rota_manifest`, which comes with `rota` itself. A stack of your own is tested in
place of one with nothing but a `Rota` by a fixture in conftest.py:

    @pytest.fixture(scope="session")
    def rota_stack(rota_app):
        return ShopStack(rota_app, "Shop")

It is synthesised once a session, without the validation that takes seconds (`assert_valid` does that). Neither CDK nor
Node is started for a session in which no test asks for a fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aws_cdk import App, Stack
    from aws_cdk.assertions import Template

    from rota.manifest import Manifest


@pytest.fixture(scope="session")
def rota_app() -> App:
    """An empty app without the validation against CloudFormation's schemas, for `rota_stack`."""
    from rota_cdk.testing.synthesis import new_app

    return new_app()


@pytest.fixture(scope="session")
def rota_stack(rota_app: App, rota_manifest: Manifest) -> Stack:
    """The stack under test: one with nothing but a `Rota` of the manifest, whose endpoints have places that are made
    up. Override it with your own."""
    from aws_cdk import Stack

    from rota_cdk import Rota
    from rota_cdk.testing.stand_ins import stand_ins

    stack = Stack(rota_app, "Test")
    Rota(stack, "Jobs", manifest=rota_manifest, endpoints=stand_ins(stack, rota_manifest))
    return stack


@pytest.fixture(scope="session")
def rota_template(rota_stack: Stack) -> Template:
    """CDK's `Template` of `rota_stack`."""
    from aws_cdk.assertions import Template

    return Template.from_stack(rota_stack)


@pytest.fixture(scope="session")
def rota_templates(rota_stack: Stack) -> tuple[Template, ...]:
    """The templates of all stacks in the app of `rota_stack`: of its shards too, where it has any."""
    from aws_cdk import Stack
    from aws_cdk.assertions import Template

    stacks = [found for found in rota_stack.node.root.node.find_all() if isinstance(found, Stack)]
    return tuple(Template.from_stack(stack) for stack in stacks if not stack.nested)
