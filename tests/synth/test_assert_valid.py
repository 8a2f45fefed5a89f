"""`assert_valid`: finds what the fast synth does not look for."""

from collections.abc import Iterator

import pytest
from aws_cdk import App, CfnResource, Stack
from aws_cdk.assertions import Template

from rota import Manifest
from rota_cdk import Rota
from rota_cdk.testing import assert_valid, new_app


@pytest.fixture(autouse=True)
def validation_is_not_turned_off(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("CDK_VALIDATION", raising=False)
    return


def add_a_queue_that_is_none(stack: Stack) -> Stack:
    CfnResource(stack, "Queue", type="AWS::SQS::Queue", properties={"VisibilityTimeout": "soon", "Colour": "red"})
    return stack


def test_what_cloudformation_would_refuse_is_found_here_and_not_by_the_fast_synth() -> None:
    fast = add_a_queue_that_is_none(Stack(new_app(), "Shop"))
    Template.from_stack(fast).resource_count_is("AWS::SQS::Queue", 1)

    with pytest.raises(AssertionError) as error:
        assert_valid(lambda app: add_a_queue_that_is_none(Stack(app, "Shop")))

    assert str(error.value).startswith("the app is not valid, 2 found:\n")
    assert "Shop/Queue: VisibilityTimeout: 'soon' is not of type 'integer'" in str(error.value)
    assert "Shop/Queue: Colour: Additional properties are not allowed" in str(error.value)


def test_what_rota_makes_is_valid(shop: Manifest) -> None:
    assert_valid(lambda app: Rota(Stack(app, "Shop"), "Jobs", manifest=shop, shards=2, schedules_with="scheduler"))


def test_an_app_or_a_stack_of_one_is_taken_too(shop: Manifest) -> None:
    app = App()
    stack = Stack(app, "Shop")
    Rota(stack, "Jobs", manifest=shop)
    assert_valid(app)
    assert_valid(stack)


def test_one_with_the_validation_off_is_not_taken_for_valid(shop: Manifest) -> None:
    stack = Stack(new_app(), "Shop")
    Rota(stack, "Jobs", manifest=shop)
    with pytest.raises(ValueError, match=r"the validation of this app is off: make it with App\(\)"):
        assert_valid(stack)


def test_what_plugins_call_an_error_is_one() -> None:
    app = App(context={"@aws-cdk/core:validateAgainstDefaultRules": True})
    add_a_queue_that_is_none(Stack(app, "Shop"))
    with pytest.raises(AssertionError, match="the app is not valid"):
        assert_valid(app)
