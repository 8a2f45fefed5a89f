"""Rules of one listener that are in each other's way."""

import pytest
from aws_cdk import Stack
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from rota import Endpoint
from rota_cdk import AlbEndpoint, FanoutTrigger, SynthError

HOST = "app.example.com"


@pytest.fixture
def there(balance):
    return balance()


@pytest.fixture
def trigger(stack):
    """A trigger of a stage, with endpoints at those paths, and what their places have besides."""

    def make(listener, stage="default", scope=stack, **endpoints):
        places = {
            Endpoint(name=name, path=path): AlbEndpoint(listener, **{"host": HOST} | keywords)
            for name, (path, keywords) in endpoints.items()
        }
        return FanoutTrigger(scope, f"Trigger-{stage}", manifest="shop", stage=stage, endpoints=places)

    return make


@pytest.fixture
def synthesise(stack, as_json):
    return lambda: as_json(stack)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_two_stages_of_one_listener_and_priority_are_refused_once(trigger, there, stack, as_json, elsewhere):
    trigger(there.listener, web=("/jobs", {"priority": 10, "host": "blue.example.com"}))
    scope = Stack(stack.node.root, "Other") if elsewhere else stack
    trigger(there.listener, "green", scope, web=("/jobs", {"priority": 10, "host": "green.example.com"}))

    with pytest.raises(RuntimeError, match=r"Rule-web has priority 10, and so has .*/Rule-web, of the same") as caught:
        as_json(stack)
    assert str(caught.value).count("priority 10") == 1


@pytest.mark.parametrize("before", [False, True])
def test_the_priority_of_a_rule_of_ones_own_is_refused(trigger, there, stack, as_json, before):
    def own():
        there.listener.add_action(
            "Own" if before else "ZOwn",
            priority=10,
            conditions=[elbv2.ListenerCondition.path_patterns(["/x"])],
            action=elbv2.ListenerAction.forward([there.servers]),
        )

    if before:
        own()
    trigger(there.listener, web=("/jobs", {"priority": 10}))
    if not before:
        own()

    message = (
        r"endpoint 'web': its rule Test/Trigger-default/Rule-web has priority 10, and so has Test/Web/Listener/Z?Own"
    )
    with pytest.raises(RuntimeError, match=message):
        as_json(stack)


def test_that_of_a_rule_of_another_listener_passes(trigger, there, balance, stack, as_json):
    trigger(there.listener, web=("/jobs", {"priority": 10}))
    trigger(balance("Second", vpc=there.vpc).listener, "green", web=("/jobs", {"priority": 10}))

    assert as_json(stack)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("/jobs", {"priority": 10}), ("/jobs/slow", {"priority": 11})),
        (("/jobs", {"priority": 10}), ("/jobs/slow/still", {"priority": 11})),
    ],
)
def test_a_rule_that_takes_all_requests_of_a_later_one_is_refused(trigger, there, synthesise, first, second):
    trigger(there.listener, web=first, slow=second)

    message = (
        r"endpoint 'slow': no request reaches its rule .*Rule-slow, with priority 11, for .*Rule-web, with 10, takes"
    )
    with pytest.raises(RuntimeError, match=message):
        synthesise()


def test_that_of_another_stage_is_refused_too(trigger, there, stack, as_json):
    trigger(there.listener, web=("/jobs", {"priority": 10}))
    trigger(there.listener, "green", web=("/jobs", {"priority": 11}))

    with pytest.raises(RuntimeError, match="Trigger-green/Rule-web, with priority 11, for Test/Trigger-default/Rule-"):
        as_json(stack)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("/jobs", {"priority": 11}), ("/jobs/slow", {"priority": 10})),
        (("/jobs", {"priority": 10}), ("/jobs-slow", {"priority": 11})),
        (("/jobs", {"priority": 10}), ("/jobs/slow", {"priority": 11, "host": "slow.example.com"})),
    ],
)
def test_what_leaves_each_its_requests_passes(trigger, there, synthesise, first, second):
    trigger(there.listener, web=first, slow=second)

    assert synthesise()


@pytest.mark.parametrize("keywords", [{}, {"priority": 11}])
def test_endpoints_whose_requests_nothing_tells_apart_are_refused(trigger, there, keywords):
    message = "endpoints 'web' and 'slow' have one listener, host and path, .* give each a path= or a host= of its own"
    with pytest.raises(SynthError, match=message):
        trigger(there.listener, web=("/jobs", {}), slow=("/jobs", keywords))
