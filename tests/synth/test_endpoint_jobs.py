"""A manifest with jobs for endpoints, deployed whole by Rota."""

import json

import pytest
from aws_cdk import aws_iam as iam

from rota import Cron, Endpoint, EveryServer, Manifest
from rota.envelope import Envelope, Post
from rota.settings import Settings
from rota.trigger.config import TriggerConfig
from rota_cdk import FanoutTrigger, Rota, RunLedger, SynthError, UrlEndpoint

DAILY = Cron("0 2 * * *")
PLACE = UrlEndpoint("https://example.com")
EU, US = Endpoint(name="web-eu"), Endpoint(name="web-us", path="/us/jobs")


@pytest.fixture
def shop(declare, web):
    return Manifest(
        name="shop",
        jobs=[
            declare("close-books", DAILY),
            declare("refresh-prices", DAILY, target=web),
            declare("berlin", Cron("0 2 * * *", time_zone="Europe/Berlin"), target=web),
            declare("rebuild-search", DAILY, target=[EU, US]),
            declare("mail", target=web),
        ],
    )


@pytest.fixture
def deployed(stack, shop):
    def make(**keywords):
        places = {"web": PLACE, EU: UrlEndpoint("https://eu.example.com"), US: UrlEndpoint("https://us.example.com")}
        return Rota(stack, "Jobs", **{"manifest": shop, "endpoints": places} | keywords)

    return make


def test_their_rules_and_schedules_feed_the_trigger_queue(deployed, stack, due, as_json):
    rota = deployed()
    template = as_json(stack)

    queue = stack.resolve(rota.trigger.queue.sqs_queue.queue_arn)
    undelivered = stack.resolve(rota.trigger.queue.undelivered.queue_arn)
    rules, schedules = due(template, "Events::Rule"), due(template, "Scheduler::Schedule")
    (search,) = rules["shop-default.rebuild-search"]["Targets"]
    berlin = schedules["shop-default.berlin"]["Target"]
    for target in (search, berlin):
        assert (target["Arn"], target["DeadLetterConfig"]["Arn"]) == (queue, undelivered)
    (books,) = rules["shop-default.close-books"]["Targets"]
    assert books["Arn"] == stack.resolve(rota.queues["billing"].sqs_queue.queue_arn)


def test_one_rule_names_every_endpoint_of_its_job(deployed, stack, due, as_json):
    deployed()

    (target,) = due(as_json(stack), "Events::Rule")["shop-default.rebuild-search"]["Targets"]
    envelope = Envelope.decode(target["InputTransformer"]["InputTemplate"].replace("<fired_at>", "null"))
    assert envelope.job == "rebuild-search"
    assert envelope.post == Post(endpoints=("web-eu", "web-us"), attempts=3)


def test_rules_may_send_to_the_trigger_queue_before_any_fires(deployed, stack, as_json, statements):
    deployed()

    template = as_json(stack)
    for queue in ("shop-default_trigger", "shop-default_trigger_undelivered"):
        assert "RulesOfThisDeployment" in [statement.get("Sid") for statement in statements(template)[queue]]
    rules = [found for found in template["Resources"].values() if found["Type"] == "AWS::Events::Rule"]
    assert all(any("Policy" in name for name in rule["DependsOn"]) for rule in rules)


def test_servers_find_the_trigger_queue_and_the_keys_in_the_settings(deployed, stack, as_json, of_type, resolved):
    rota = deployed()

    (parameter,) = of_type(as_json(stack), "AWS::SSM::Parameter")
    read = Settings.decode(resolved(parameter["Value"]), source="test")
    assert set(read.queues) == {"billing", "trigger"}
    assert read.queues["trigger"].url == resolved(stack.resolve(rota.trigger.queue.sqs_queue.queue_url))
    assert read.keys == resolved(stack.resolve(rota.trigger.secret.secret_arn))
    assert set(rota.queues) == {"billing"}


def test_the_function_knows_every_endpoint_of_the_manifest_as_declared(deployed, stack, as_json, of_type, resolved):
    deployed()

    (function,) = of_type(as_json(stack), "AWS::Lambda::Function")
    config = TriggerConfig.decode(resolved(function["Environment"]["Variables"]["ROTA_TRIGGER"]))
    assert {name: endpoint.path for name, endpoint in config.endpoints.items()} == {
        "web": "/jobs",
        "web-eu": "/jobs",
        "web-us": "/us/jobs",
    }
    assert all(endpoint.ledger for endpoint in config.endpoints.values())


def test_no_secret_is_in_a_rule_a_log_or_an_environment(deployed, stack, as_json):
    deployed()

    for found in as_json(stack)["Resources"].values():
        text = json.dumps(found)
        assert "whsec_" not in text
        assert "resolve:secretsmanager" not in text
        if found["Type"] in ("AWS::Events::Rule", "AWS::Scheduler::Schedule", "AWS::Logs::LogGroup"):
            assert "Secret" not in text
            assert "Keys" not in text


@pytest.fixture
def granted(deployed, stack, as_json):
    """The actions that a role has after a grant."""

    def read(grant):
        role = iam.Role(stack, "Server", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        assert isinstance(getattr(deployed(), grant)(role), iam.Grant)
        (policy,) = [
            found["Properties"]["PolicyDocument"]["Statement"]
            for name, found in as_json(stack)["Resources"].items()
            if found["Type"] == "AWS::IAM::Policy" and name.startswith("Server")
        ]
        return policy

    return read


def _actions(policy):
    return {
        action
        for statement in policy
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }


def test_a_server_with_the_middleware_reads_settings_and_keys_and_claims_runs(granted):
    assert _actions(granted("grant_verify")) == {
        "ssm:GetParameter",
        "secretsmanager:GetSecretValue",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
    }


def test_who_rotates_the_keys_reads_the_settings_and_writes_the_secret(granted):
    assert _actions(granted("grant_rotate")) == {
        "ssm:GetParameter",
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
    }


@pytest.mark.parametrize(
    ("grant", "reaches"), [("grant_enqueue", True), ("grant_operate", True), ("grant_consume", False)]
)
def test_who_enqueues_or_operates_reaches_the_trigger_queue_and_a_worker_does_not(granted, grant, reaches):
    policy = granted(grant)

    assert ("JobsTriggerQueue" in json.dumps(policy)) is reaches
    assert not any("secretsmanager" in action for action in _actions(policy))


def test_without_endpoints_there_is_no_trigger(stack, declare, as_json):
    rota = Rota(stack, "Jobs", manifest=Manifest(name="shop", jobs=[declare("close", DAILY)]))

    assert rota.trigger is None
    assert "AWS::Lambda::Function" not in json.dumps(as_json(stack))


def test_an_endpoint_whose_place_is_not_told_is_refused(deployed):
    with pytest.raises(SynthError, match=r"manifest 'shop': its jobs have 'web-eu' and 'web-us' as endpoint, and end"):
        deployed(endpoints={"web": PLACE})


def test_without_any_place_the_message_shows_how_to_tell_one(deployed):
    with pytest.raises(SynthError, match=r"give endpoints=\{\"web\": AlbEndpoint\(listener, host=...\)\}"):
        deployed(endpoints=None)


def test_an_endpoint_that_no_job_has_is_refused(deployed):
    with pytest.raises(
        SynthError, match=r"endpoints= has 'wbe', which no job has as its target; .* 'web' and 'web-eu'"
    ):
        deployed(endpoints={"web": PLACE, "wbe": PLACE, "web-eu": PLACE, "web-us": PLACE})


def test_every_job_for_every_server_is_checked_also_one_that_is_only_enqueued(stack, declare, web):
    manifest = Manifest(name="shop", jobs=[declare("drop-caches", target=EveryServer(web))])

    with pytest.raises(SynthError, match="job 'drop-caches': EveryServer"):
        Rota(stack, "Jobs", manifest=manifest, endpoints={"web": PLACE})


def test_a_trigger_of_another_deployment_or_beside_endpoints_is_refused(stack, shop, deployed):
    trigger = FanoutTrigger(stack, "Mine", manifest="store", endpoints=dict.fromkeys(shop.endpoints, PLACE))

    with pytest.raises(SynthError, match="trigger= is the FanoutTrigger of 'store-default'; give FanoutTrigger"):
        deployed(endpoints=None, trigger=trigger)
    with pytest.raises(SynthError, match="endpoints= and trigger= are both given"):
        Rota(stack, "Both", manifest=shop, endpoints={"web": PLACE}, trigger=trigger)


def test_a_trigger_that_lacks_an_endpoint_is_refused_by_the_jobs_name(stack, shop, web):
    ledger = RunLedger(stack, "Ledger", manifest="shop")
    trigger = FanoutTrigger(stack, "Mine", manifest="shop", endpoints={web: PLACE}, ledger=ledger)

    with pytest.raises(SynthError, match="job 'rebuild-search': the trigger does not know its endpoint 'web-eu' and"):
        Rota(stack, "Jobs", manifest=shop, trigger=trigger)
