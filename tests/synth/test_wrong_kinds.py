"""Values of a wrong kind, as type checkers refuse them: the message names endpoint, field, value and way out."""

import pytest
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from rota import Endpoint
from rota_cdk import AlbEndpoint, FanoutTrigger, SynthError, UrlEndpoint

HOST = "app.example.com"


@pytest.fixture
def at(stack):
    def make(place, **declared):
        web = Endpoint(name="web", **declared)
        return FanoutTrigger(stack, "Trigger", manifest="shop", endpoints={web: place})

    return make


def test_an_arn_as_listener(at):
    message = r"endpoint 'web': listener must be an ApplicationListener; got 'arn:aws:1'; import it: "
    with pytest.raises(SynthError, match=message):
        at(AlbEndpoint("arn:aws:1", host=HOST))


def test_a_load_balancer_as_listener(at, balance):
    with pytest.raises(SynthError, match=r"'web': listener must be .* got a load balancer; give the one of its list"):
        at(AlbEndpoint(balance().made, host=HOST))


def test_a_listener_of_a_network_load_balancer(at, stack, balance):
    network = elbv2.NetworkLoadBalancer(stack, "Network", vpc=balance().vpc)

    with pytest.raises(SynthError, match=r"'web': listener must be .* got a NetworkListener; .* give UrlEndpoint"):
        at(AlbEndpoint(network.add_listener("Listener", port=443), host=HOST))


def test_anything_else_as_listener(at):
    with pytest.raises(SynthError, match=r"'web': listener must be .* got None; give what add_listener"):
        at(AlbEndpoint(None, host=HOST))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"priority": "10"}, "priority must be a number from 1 to 50000, or None for no rule; got '10'"),
        ({"priority": True}, "priority must be a number .*; got True"),
        ({"host": 5}, 'host must be a name such as "app.example.com"; got 5'),
    ],
)
def test_keywords(at, balance, keywords, message):
    with pytest.raises(SynthError, match=f"endpoint 'web': {message}"):
        at(AlbEndpoint(balance().listener, **{"host": HOST} | keywords))


def test_a_url(at):
    with pytest.raises(SynthError, match=r"endpoint 'web': url must be a text, \"https://...\"; got None"):
        at(UrlEndpoint(None))


def test_a_path_that_no_rule_takes(at, balance):
    place = AlbEndpoint(balance().listener, host=HOST, priority=10)
    with pytest.raises(SynthError, match=r"its path has 127 characters, and a rule .* takes 126 and .* shorter path"):
        at(place, path="/" + "x" * 126)


def test_without_a_rule_it_may_be(at, balance):
    assert at(AlbEndpoint(balance().listener, host=HOST), path="/" + "x" * 126)


def test_the_longest_path_of_a_rule(at, balance):
    assert at(AlbEndpoint(balance().listener, host=HOST, priority=10), path="/" + "x" * 125)


def test_a_host_that_no_rule_takes(at, balance):
    host = ".".join(["a" * 42] * 3)
    long = AlbEndpoint(balance().listener, host=host + "a", priority=10)
    with pytest.raises(SynthError, match=r"host has 129 characters, and a rule .* takes 128"):
        at(long)
