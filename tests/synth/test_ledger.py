"""The table in which workers claim runs."""

import pytest
from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match

from rota import Cron, Manifest
from rota_cdk import JobQueue, Rota, RunLedger, ScheduledJob, SynthError
from rota_cdk.testing import synth


@pytest.fixture
def table(stack, as_json, of_type):
    """The properties of the only table in the stack."""

    def read():
        (found,) = of_type(as_json(stack), "AWS::DynamoDB::Table")
        return found

    return read


def _tables(template):
    return [found for found in template["Resources"].values() if found["Type"] == "AWS::DynamoDB::Table"]


def test_a_deployment_has_one_table_that_costs_nothing_while_it_is_not_used(template):
    (table,) = _tables(template)

    assert table["Properties"]["TableName"] == "shop-staging_ledger"
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
    assert "ProvisionedThroughput" not in table["Properties"]


def test_its_key_is_two_strings_and_it_has_no_index(template):
    (table,) = _tables(template)

    assert table["Properties"]["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    assert table["Properties"]["AttributeDefinitions"] == [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
    ]
    assert not {"GlobalSecondaryIndexes", "LocalSecondaryIndexes"} & set(table["Properties"])


def test_old_records_go_by_themselves(template):
    (table,) = _tables(template)

    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_it_outlives_its_stack_and_can_go_back_to_any_second(template):
    (table,) = _tables(template)

    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_a_manifest_that_has_nothing_to_record_yet_has_its_table_all_the_same(declare):
    assert len(_tables(synth(Manifest(name="shop", jobs=[declare("send-invoice")])).to_json())) == 1


def test_a_stage_that_is_thrown_away_takes_its_table_along(stack, as_json):
    RunLedger(stack, "Ledger", manifest="shop", removal_policy=RemovalPolicy.DESTROY, point_in_time_recovery=False)

    (table,) = _tables(as_json(stack))
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Delete"
    assert table["Properties"]["DeletionProtectionEnabled"] is False
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": False}


def test_dynamodb_encrypts_with_a_key_of_its_own_unless_a_key_is_given(stack, deploy, template, table):
    assert "SSESpecification" not in _tables(template)[0]["Properties"]

    key = kms.Key(stack, "Key")
    deploy(encryption_key=key)

    assert table()["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": stack.resolve(key.key_arn),
    }


def test_two_stages_have_two_tables(stack, deploy, as_json):
    deploy("Staging", stage="staging")
    deploy("Production", stage="production")

    names = {table["Properties"]["TableName"] for table in _tables(as_json(stack))}
    assert names == {"shop-staging_ledger", "shop-production_ledger"}


def test_a_ledger_of_the_users_own_is_used_and_no_other_made(stack, shop, table):
    own = RunLedger(stack, "Ledger", manifest="shop", point_in_time_recovery=False)
    rota = Rota(stack, "Jobs", manifest=shop, ledger=own)

    assert rota.ledger is own
    assert table()["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": False}


@pytest.mark.parametrize(("manifest", "stage"), [("shop", "staging"), ("office", "default")])
def test_the_ledger_of_another_deployment_is_refused_for_it_would_mix_their_runs(stack, shop, manifest, stage):
    other = RunLedger(stack, "Ledger", manifest=manifest, stage=stage)

    message = (
        f"manifest 'shop': ledger= is the RunLedger of '{manifest}-{stage}', and this is 'shop-default': .*"
        r"give RunLedger\(manifest='shop', stage='default'\)"
    )
    with pytest.raises(SynthError, match=message):
        Rota(stack, "Jobs", manifest=shop, ledger=other)


def test_a_second_ledger_of_one_deployment_is_refused_with_the_way_out(stack, deploy, as_json):
    RunLedger(stack, "Ledger", manifest="shop")
    deploy()

    message = r"makes the DynamoDB table 'shop-default_ledger' 2 times: .*hand over the ledger, Rota\(ledger="
    with pytest.raises(RuntimeError, match=message):
        as_json(stack)


def test_tables_of_the_user_may_have_any_name_or_none(stack, deploy, as_json):
    deploy()
    for name in ("Orders", "Customers"):
        dynamodb.CfnTable(stack, name, key_schema=[{"attributeName": "id", "keyType": "HASH"}])

    as_json(stack)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"manifest": "Shop"}, "RunLedger 'Ledger': manifest: .*'Shop'"),
        ({"stage": "my-stage"}, "RunLedger 'Ledger': stage must be .*'my-stage'"),
        (
            {"removal_policy": RemovalPolicy.SNAPSHOT},
            "RunLedger 'Ledger': removal_policy must be RemovalPolicy.RETAIN, or .*; got SNAPSHOT",
        ),
        (
            {"alarm_throttles": 0},
            "ledger 'shop-default_ledger': alarm_throttles: must be 1 or more requests, or None for no alarm; got 0",
        ),
        ({"alarm_errors": -1}, "ledger 'shop-default_ledger': alarm_errors: must be 1 or more requests, .*; got -1"),
    ],
)
def test_what_cannot_be_is_refused(stack, keywords, message):
    with pytest.raises(SynthError, match=message):
        RunLedger(stack, "Ledger", **{"manifest": "shop"} | keywords)


NO_LEDGER = Match.string_like_regexp(
    r"job 'close-books': duplicates possible, .*give it here as ledger= .*or use Rota.*\[ack: rota:no-ledger\]"
)


def _warnings(stack):
    return Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("rota:"))


def test_a_scheduled_job_alone_without_a_ledger_warns_that_duplicates_are_possible(stack, declare):
    job = declare("close-books", Cron("0 2 * * *"))
    queue = JobQueue(stack, "Billing", queue=job.target, manifest="shop")
    ScheduledJob(stack, "CloseBooks", job=job, queue=queue)

    Annotations.from_stack(stack).has_warning("/Test/CloseBooks", NO_LEDGER)


def test_with_a_ledger_or_within_rota_nothing_is_warned_of(stack, declare, shop):
    job = declare("close-books", Cron("0 2 * * *"))
    queue = JobQueue(stack, "Billing", queue=job.target, manifest="shop")
    ScheduledJob(stack, "CloseBooks", job=job, queue=queue, ledger=RunLedger(stack, "Ledger", manifest="shop"))
    other = Stack(stack.node.root, "Other")
    Rota(other, "Jobs", manifest=shop, stage="staging")

    assert _warnings(stack) == []
    assert _warnings(other) == []


def test_a_scheduled_job_with_the_ledger_of_another_deployment_is_refused(stack, declare):
    job = declare("close-books", Cron("0 2 * * *"))
    queue = JobQueue(stack, "Billing", queue=job.target, manifest="shop")
    other = RunLedger(stack, "Ledger", manifest="shop", stage="staging")

    with pytest.raises(SynthError, match="job 'close-books': ledger= is the RunLedger of 'shop-staging', and this is"):
        ScheduledJob(stack, "CloseBooks", job=job, queue=queue, ledger=other)


def test_throttles_and_errors_are_watched_and_told_to_the_topic(stack, as_json, of_type):
    topic = sns.Topic(stack, "Oncall")
    ledger = RunLedger(stack, "Ledger", manifest="shop", alarm_topic=topic, alarm_errors=3)
    throttles, errors, transactions = of_type(as_json(stack), "AWS::CloudWatch::Alarm")
    name = stack.resolve(ledger.table.table_name)

    assert list(ledger.alarms) == ["throttles", "errors", "transaction-errors"]
    assert (throttles["Threshold"], errors["Threshold"]) == (10, 3)
    assert (throttles["MetricName"], errors["MetricName"]) == ("WriteThrottleEvents", "SystemErrors")
    assert throttles["Dimensions"] == [{"Name": "TableName", "Value": name}]
    assert errors["Dimensions"] == [{"Name": "Operation", "Value": "PutItem"}, {"Name": "TableName", "Value": name}]
    assert transactions["Dimensions"][0] == {"Name": "Operation", "Value": "TransactWriteItems"}
    for alarm in (throttles, errors, transactions):
        assert alarm["AlarmActions"] == [stack.resolve(topic.topic_arn)]
        assert alarm["AlarmDescription"].startswith("shop-default_ledger: DynamoDB ")


def test_none_means_no_alarm(stack, as_json, of_type):
    ledger = RunLedger(stack, "Ledger", manifest="shop", alarm_throttles=None, alarm_errors=None)

    assert ledger.alarms == {}
    assert of_type(as_json(stack), "AWS::CloudWatch::Alarm") == []


def test_metrics_are_those_that_dynamodb_writes(stack):
    ledger = RunLedger(stack, "Ledger", manifest="shop")

    for name, metric in {
        "ConsumedReadCapacityUnits": ledger.metric_reads(),
        "ConsumedWriteCapacityUnits": ledger.metric_writes(),
        "ConditionalCheckFailedRequests": ledger.metric_conflicts(),
        "WriteThrottleEvents": ledger.metric_throttles(),
    }.items():
        assert (metric.namespace, metric.metric_name, metric.statistic) == ("AWS/DynamoDB", name, "Sum")
        assert metric.dimensions == {"TableName": ledger.table.table_name}
    transactions = ledger.metric_errors(operation="TransactWriteItems")
    assert transactions.metric_name == "SystemErrors"
    assert transactions.dimensions == {"TableName": ledger.table.table_name, "Operation": "TransactWriteItems"}
    latency = ledger.metric("SuccessfulRequestLatency", operation="PutItem", statistic="p99")
    assert latency.dimensions == {"TableName": ledger.table.table_name, "Operation": "PutItem"}
