"""A FanoutTrigger of one's own, given to Rota: what the two have to have in common."""

import pytest
from aws_cdk import aws_kms as kms

from rota import Endpoint, Manifest
from rota.trigger.config import TriggerConfig
from rota_cdk import FanoutTrigger, Rota, RunLedger, SynthError, UrlEndpoint

PLACE = UrlEndpoint("https://example.com")


@pytest.fixture
def ledger(stack):
    return RunLedger(stack, "Ledger", manifest="shop")


@pytest.fixture
def trigger(stack, web):
    def make(endpoint=web, **keywords):
        return FanoutTrigger(stack, "Mine", manifest="shop", endpoints={endpoint: PLACE}, **keywords)

    return make


@pytest.fixture
def deploy_with(stack, declare, web):
    def make(trigger, *, endpoint=web, **keywords):
        manifest = Manifest(name="shop", jobs=[declare("refresh-prices", target=endpoint)])
        return Rota(stack, "Jobs", manifest=manifest, trigger=trigger, **keywords)

    return make


@pytest.fixture
def told(stack, as_json, of_type, resolved):
    """What the function is told."""

    def read():
        (function,) = of_type(as_json(stack), "AWS::Lambda::Function")
        return TriggerConfig.decode(resolved(function["Environment"]["Variables"]["ROTA_TRIGGER"]))

    return read


def test_its_ledger_is_that_of_rota(deploy_with, trigger, ledger, told):
    given = trigger(ledger=ledger, reserved_concurrency=3)
    rota = deploy_with(given)

    assert rota.trigger is given
    assert rota.ledger is ledger
    assert rota.settings.keys == given.secret.secret_arn
    assert told().endpoints["web"].ledger


def test_the_same_ledger_may_be_given_to_both(deploy_with, trigger, ledger):
    assert deploy_with(trigger(ledger=ledger), ledger=ledger).ledger is ledger


def test_without_a_ledger_it_is_refused_for_the_servers_claim_in_one(deploy_with, trigger, ledger, stack):
    made = trigger()
    message = r"trigger= has no ledger, and the servers of 'web' claim .* give FanoutTrigger\(ledger=RunLedger\(...\)\)"
    with pytest.raises(SynthError, match=message):
        deploy_with(made, ledger=ledger)
    stack.node.try_remove_child("Jobs")
    with pytest.raises(SynthError, match="trigger= has no ledger"):
        deploy_with(made)


def test_servers_that_claim_nowhere_need_none(deploy_with, trigger):
    elsewhere = Endpoint(name="node", ledger=False)

    assert deploy_with(trigger(elsewhere), endpoint=elsewhere).ledger


def test_two_ledgers_are_refused(deploy_with, trigger, ledger, stack):
    other = RunLedger(stack, "Other", manifest="shop")

    with pytest.raises(
        SynthError, match=r"ledger= is Test/Other, and that of trigger= is Test/Ledger; .* leave ledger="
    ):
        deploy_with(trigger(ledger=ledger), ledger=other)


def test_a_key_that_the_trigger_has_not_is_refused(deploy_with, trigger, ledger, stack):
    key = kms.Key(stack, "Key")
    message = r"encryption_key= is not that of trigger=, which has none, .* give FanoutTrigger\(encryption_key=...\)"
    with pytest.raises(SynthError, match=message):
        deploy_with(trigger(ledger=ledger), encryption_key=key)


def test_another_key_is_refused_and_the_same_one_is_not(deploy_with, trigger, ledger, stack):
    key = kms.Key(stack, "Key")
    made = trigger(ledger=ledger, encryption_key=key)
    with pytest.raises(SynthError, match="which has another; give"):
        deploy_with(made, encryption_key=kms.Key(stack, "Other"))
    stack.node.try_remove_child("Jobs")
    assert deploy_with(made, encryption_key=key)
