"""How the trigger's queue calls its function."""

import pytest

from rota_cdk import FanoutTrigger, UrlEndpoint


@pytest.fixture
def trigger(stack):
    def make(**keywords):
        places = {"web": UrlEndpoint("https://example.com")}
        return FanoutTrigger(stack, "Trigger", manifest="shop", endpoints=places, **keywords)

    return make


@pytest.fixture
def only(stack, as_json, of_type):
    """The properties of the only resource of a type."""

    def read(kind):
        (found,) = of_type(as_json(stack), kind)
        return found

    return read


def test_one_failed_message_does_not_repeat_the_others(trigger, only):
    trigger()

    mapping = only("AWS::Lambda::EventSourceMapping")
    assert mapping["BatchSize"] == 10
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize(("reserved", "asked"), [(None, None), (2, 2), (5, 5), (2000, 1000)])
def test_its_queue_asks_for_no_more_calls_than_are_reserved(trigger, only, reserved, asked):
    trigger(reserved_concurrency=reserved)

    scaling = only("AWS::Lambda::EventSourceMapping").get("ScalingConfig")
    assert scaling == (None if asked is None else {"MaximumConcurrency": asked})
