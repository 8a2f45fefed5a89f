"""What a FanoutTrigger is: queue, function, secret, and who may do what."""

import json
import re
from datetime import timedelta

import pytest
from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns

from rota import Endpoint, keys
from rota.trigger.config import TriggerConfig
from rota.trigger.telemetry import DIMENSIONS, NAMESPACE
from rota_cdk import FanoutTrigger, RunLedger, SynthError, UrlEndpoint

WEB = Endpoint(name="web")
SLOW = Endpoint(name="slow", path="/slow/jobs", idle_timeout=timedelta(minutes=5), lease=timedelta(minutes=1))
PLACES = {WEB: UrlEndpoint("https://example.com"), SLOW: UrlEndpoint("https://slow.example.com:8443/eu/")}


@pytest.fixture
def trigger(stack):
    def make(**keywords):
        return FanoutTrigger(stack, "Trigger", **{"manifest": "shop", "endpoints": PLACES} | keywords)

    return make


@pytest.fixture
def only(stack, as_json, of_type):
    """The properties of the only resource of a type."""

    def read(kind):
        (found,) = of_type(as_json(stack), kind)
        return found

    return read


def test_the_function_can_read_its_configuration(trigger, stack, only, resolved):
    made = trigger(ledger=RunLedger(stack, "Ledger", manifest="shop"))

    variables = only("AWS::Lambda::Function")["Environment"]["Variables"]
    assert list(variables) == ["ROTA_TRIGGER"]
    config = TriggerConfig.decode(resolved(variables["ROTA_TRIGGER"]))
    assert config.deployment == "shop-default"
    for text, there in (
        (config.queue, made.queue.sqs_queue.queue_url),
        (config.dead_letters, made.queue.dead_letters.queue_url),
        (config.secret, made.secret.secret_arn),
    ):
        assert text == resolved(stack.resolve(there))
    slow = config.endpoints["slow"]
    assert (slow.address, slow.port, slow.tls, slow.host) == ("slow.example.com", 8443, True, "slow.example.com")
    assert (slow.path, slow.idle_timeout, slow.lease, slow.ledger) == ("/eu/slow/jobs", 300, 60, True)
    assert config.endpoints["web"].path == "/jobs"


def test_without_a_ledger_nobody_can_tell_what_became_of_a_run(trigger, only, resolved):
    trigger()

    text = resolved(only("AWS::Lambda::Function")["Environment"]["Variables"]["ROTA_TRIGGER"])
    assert not any(endpoint.ledger for endpoint in TriggerConfig.decode(text).endpoints.values())


def test_servers_of_another_language_answer_for_nothing_even_with_a_ledger(trigger, stack, only, resolved):
    elsewhere = Endpoint(name="node", ledger=False)
    trigger(
        endpoints={elsewhere: UrlEndpoint("https://example.com")}, ledger=RunLedger(stack, "Ledger", manifest="shop")
    )

    text = resolved(only("AWS::Lambda::Function")["Environment"]["Variables"]["ROTA_TRIGGER"])
    assert not TriggerConfig.decode(text).endpoints["node"].ledger


def test_the_function_waits_for_the_slowest_endpoint_and_its_messages_six_times_as_long(trigger, stack, as_json, only):
    trigger()

    assert only("AWS::Lambda::Function")["Timeout"] == 330
    queues = [r["Properties"] for r in as_json(stack)["Resources"].values() if r["Type"] == "AWS::SQS::Queue"]
    (queue,) = [queue for queue in queues if queue["QueueName"] == "shop-default_trigger"]
    assert queue["VisibilityTimeout"] == 6 * 330
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 1000


def test_the_function_runs_on_arm64_and_the_newest_python_with_traces_and_a_log_that_ends(trigger, only):
    trigger(reserved_concurrency=5, log_retention=logs.RetentionDays.ONE_WEEK)

    function = only("AWS::Lambda::Function")
    assert (function["Architectures"], function["Runtime"]) == (["arm64"], "python3.14")
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["ReservedConcurrentExecutions"] == 5
    assert "VpcConfig" not in function
    assert only("AWS::Logs::LogGroup")["RetentionInDays"] == 7


def test_the_first_key_is_written_by_aws_and_readable(trigger, only):
    trigger()

    made = only("AWS::SecretsManager::Secret")
    assert "SecretString" not in made
    asked = made["GenerateSecretString"]
    assert (asked["ExcludePunctuation"], asked["IncludeSpace"]) == (True, False)
    # As Secrets Manager does it: the random text stands under that key, beside what the template has.
    written = json.loads(asked["SecretStringTemplate"]) | {
        asked["GenerateStringKey"]: "a1" * (asked["PasswordLength"] // 2)
    }
    (key,) = keys.decode(json.dumps(written))
    assert key.secret.startswith("whsec_")
    assert "keys" in made["Description"]


def test_the_role_has_no_managed_policy_and_no_more_than_it_needs(trigger, stack, as_json, only):
    trigger()

    template = as_json(stack)
    assert "ManagedPolicyArns" not in json.dumps(template)
    (trust,) = only("AWS::IAM::Role")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    allowed = {}
    for statement in only("AWS::IAM::Policy")["PolicyDocument"]["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        allowed.setdefault(_named(template, statement["Resource"]), set()).update(actions)
    assert allowed == {
        "shop-default_trigger": {
            "sqs:ReceiveMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:SendMessage",
            "sqs:GetQueueAttributes",
        },
        "shop-default_trigger_dead": {"sqs:SendMessage"},
        "AWS::SecretsManager::Secret": {"secretsmanager:GetSecretValue"},
        "AWS::Logs::LogGroup": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "*": {"xray:PutTraceSegments", "xray:PutTelemetryRecords"},
    }


def test_a_customers_key_encrypts_queue_and_secret_and_the_role_may_use_it(trigger, stack, as_json, only):
    trigger(encryption_key=kms.Key(stack, "Key"))

    template = as_json(stack)
    assert "KmsKeyId" in only("AWS::SecretsManager::Secret")
    used = set()
    for statement in only("AWS::IAM::Policy")["PolicyDocument"]["Statement"]:
        if _named(template, statement["Resource"]) == "AWS::KMS::Key":
            used.update([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    assert used == {"kms:GenerateDataKey", "kms:Decrypt"}


@pytest.mark.parametrize(
    ("grant", "expected"),
    [
        ("grant_enqueue", {"shop-default_trigger": {"sqs:SendMessage"}}),
        ("grant_verify", {"AWS::SecretsManager::Secret": {"secretsmanager:GetSecretValue"}}),
        (
            "grant_rotate",
            {
                "AWS::SecretsManager::Secret": {
                    "secretsmanager:GetSecretValue",
                    "secretsmanager:PutSecretValue",
                    "secretsmanager:UpdateSecretVersionStage",
                }
            },
        ),
    ],
)
def test_a_grant_gives_what_it_says_and_nothing_more(trigger, stack, as_json, grant, expected):
    role = iam.Role(stack, "Server", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))

    assert isinstance(getattr(trigger(), grant)(role), iam.Grant)

    template = as_json(stack)
    (policy,) = [
        found["Properties"]["PolicyDocument"]
        for name, found in template["Resources"].items()
        if found["Type"] == "AWS::IAM::Policy" and name.startswith("Server")
    ]
    allowed = {}
    for statement in policy["Statement"]:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        allowed.setdefault(_named(template, statement["Resource"]), set()).update(actions)
    assert allowed == expected


def test_who_operates_may_redrive_the_triggers_dead_letters_and_not_see_its_keys(trigger, stack, as_json):
    role = iam.Role(stack, "Person", assumed_by=iam.AccountRootPrincipal())
    trigger().grant_operate(role)

    policy = json.dumps(
        [found for name, found in as_json(stack)["Resources"].items() if name.startswith("PersonDefaultPolicy")]
    )
    assert "sqs:StartMessageMoveTask" in policy
    assert "secretsmanager" not in policy


def test_servers_of_other_languages_are_told_where_the_keys_are(trigger, stack):
    made = trigger()

    assert made.environment == {"ROTA_KEYS_ARN": made.secret.secret_arn}


def test_its_metrics_are_those_that_the_function_writes(trigger):
    made = trigger()

    for name, written in {
        "posted": "Posted",
        "succeeded": "Succeeded",
        "failed": "Failed",
        "unknown": "Unknown",
        "not_started": "NotStarted",
        "dead_lettered": "DeadLettered",
        "duration": "Duration",
        "servers": "Servers",
        "servers_joined": "ServersJoined",
        "servers_left": "ServersLeft",
    }.items():
        metric = getattr(made, f"metric_{name}")(job="close-books", endpoint="web")
        assert (metric.namespace, metric.metric_name) == (NAMESPACE, written)
        assert set(metric.dimensions) == set(DIMENSIONS)
        assert metric.dimensions["deployment"] == "shop-default"
    assert made.metric("Posted", job="a", endpoint="web", period=Duration.hours(1)).period.to_seconds() == 3600


def test_its_queue_has_the_alarms_of_every_queue(trigger, stack):
    made = trigger(alarm_topic=sns.Topic(stack, "Pager"), alarm_age=None, alarm_depth=5)

    assert set(made.queue.alarms) == {"depth", "dead-letters", "undelivered"}


def test_endpoints_given_by_name_have_the_defaults(trigger):
    made = trigger(endpoints={"web": UrlEndpoint("https://example.com")})

    assert dict(made.endpoints) == {"web": WEB}


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"endpoints": {}}, r"FanoutTrigger 'Trigger': it has no endpoints; give endpoints="),
        ({"reserved_concurrency": 0}, "reserved_concurrency must be a number, 2 or more, or None for no limit; got 0"),
        ({"reserved_concurrency": "5"}, "reserved_concurrency must be a number, .*; got '5'"),
        ({"reserved_concurrency": True}, "reserved_concurrency must be a number, .*; got True"),
        ({"reserved_concurrency": 1}, "reserved_concurrency is 1, and a queue asks .* give 2, or leave it out"),
        ({"manifest": "Shop"}, "manifest: "),
        ({"stage": "a stage"}, "stage"),
        (
            {"endpoints": {"web": UrlEndpoint("https://a.com"), WEB: UrlEndpoint("https://b.com")}},
            "endpoint 'web' is given by its name and by its declaration; once is enough",
        ),
        ({"endpoints": {"web": "https://example.com"}}, r"endpoint 'web': must be AlbEndpoint.*; got 'https"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(trigger, keywords, message):
    with pytest.raises(SynthError, match=message):
        trigger(**keywords)


def test_a_ledger_of_another_deployment_is_refused(trigger, stack):
    with pytest.raises(SynthError, match="ledger= is the RunLedger of 'store-default', and this is 'shop-default'"):
        trigger(ledger=RunLedger(stack, "Ledger", manifest="store"))


def test_more_endpoints_than_the_environment_of_a_lambda_can_name_are_refused(trigger):
    def places(count):
        return {Endpoint(name=f"web-{n}"): UrlEndpoint(f"https://shop-{n}.example.com") for n in range(count)}

    with pytest.raises(
        SynthError, match=r"comes to about \d{4} bytes, and the environment of a Lambda takes 4096; split"
    ):
        trigger(endpoints=places(40))


def test_two_triggers_of_one_deployment_are_refused(trigger, stack, as_json):
    trigger()
    FanoutTrigger(stack, "Other", manifest="shop", endpoints=PLACES)

    with pytest.raises(RuntimeError, match="makes the SQS queue 'shop-default_trigger' 2 times"):
        as_json(stack)


def _named(template, resource):
    """A queue's name, or the type of any other resource."""
    if resource == "*":
        return "*"
    found = template["Resources"][re.search(r'"(?:Ref|Fn::GetAtt)": \[?"(\w+)"', json.dumps(resource))[1]]
    return found["Properties"].get("QueueName") or found["Type"]
