"""The idle timeout that an endpoint declares, and the one that its load balancer has."""

from datetime import timedelta

import pytest
from aws_cdk import CfnParameter

from rota import Endpoint
from rota_cdk import AlbEndpoint, FanoutTrigger


@pytest.fixture
def waits(stack, balance):
    """A balancer with an endpoint of that idle timeout behind it."""

    def make(seconds):
        there = balance()
        web = Endpoint(name="web", idle_timeout=timedelta(seconds=seconds))
        place = AlbEndpoint(there.listener, host="app.example.com")
        FanoutTrigger(stack, "Trigger", manifest="shop", endpoints={web: place})
        return there.made

    return make


def test_a_balancer_that_waits_shorter_is_refused(waits, stack, as_json):
    waits(300)

    message = (
        r"endpoint 'web': its idle_timeout is 0:05:00, and its load balancer waits 0:01:00, .* give "
        r"ApplicationLoadBalancer\(idle_timeout=Duration.seconds\(300\)\), or .*timedelta\(seconds=60\)"
    )
    with pytest.raises(RuntimeError, match=message):
        as_json(stack)


def test_one_that_is_told_later_to_wait_shorter_is_too(waits, stack, as_json):
    waits(60).set_attribute("idle_timeout.timeout_seconds", "30")

    with pytest.raises(RuntimeError, match="its load balancer waits 0:00:30"):
        as_json(stack)


@pytest.mark.parametrize("seconds", ["300", "301"])
def test_one_that_waits_as_long_or_longer_passes(waits, stack, as_json, seconds):
    waits(300).set_attribute("idle_timeout.timeout_seconds", seconds)

    assert as_json(stack)


def test_one_of_which_only_the_deploy_knows_passes(waits, stack, as_json):
    asked = CfnParameter(stack, "IdleTimeout")
    waits(300).set_attribute("idle_timeout.timeout_seconds", asked.value_as_string)

    assert as_json(stack)
