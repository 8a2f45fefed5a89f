"""Policies of constant size: as large with a hundred jobs as with one."""

import json

import pytest

from rota import Cron, Manifest
from rota_cdk.testing import synth


def _manifest(declare, count, zone="UTC"):
    return Manifest(
        name="shop", jobs=[declare(f"job-{index}", Cron("0 2 * * *", time_zone=zone)) for index in range(count)]
    )


@pytest.mark.parametrize("schedules_with", ["rules", "scheduler"])
def test_with_a_hundred_jobs_every_policy_is_the_same_as_with_one(declare, of_type, schedules_with):
    one, hundred = (synth(_manifest(declare, count), schedules_with=schedules_with).to_json() for count in (1, 100))

    for kind in ("AWS::SQS::QueuePolicy", "AWS::IAM::Policy", "AWS::IAM::Role"):
        assert of_type(one, kind) == of_type(hundred, kind)
    due = "AWS::Events::Rule" if schedules_with == "rules" else "AWS::Scheduler::Schedule"
    assert len(of_type(hundred, due)) == 100


@pytest.mark.parametrize("queue", ["shop-staging_billing", "shop-staging_billing_undelivered"])
def test_rules_of_this_deployment_and_account_alone_may_send(template, statements, resolved, queue):
    (allow,) = [each for each in statements(template)[queue] if each["Effect"] == "Allow"]

    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert allow["Action"] == "sqs:SendMessage"
    assert allow["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    (source,) = allow["Condition"]["ArnLike"].values()
    assert resolved(source) == "arn:AWS::Partition:events:AWS::Region:AWS::AccountId:rule/shop-staging.*"


def test_nothing_but_workers_sends_to_the_dead_letters(template, statements):
    assert [each["Effect"] for each in statements(template)["shop-staging_billing_dead"]] == ["Deny"]


def test_every_queue_takes_tls_only(template, statements):
    for policy in statements(template).values():
        deny = policy[0]
        assert (deny["Effect"], deny["Action"]) == ("Deny", "sqs:*")
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_schedules_share_one_role_a_queue_that_only_their_group_may_take_on(template, of_type, resolved):
    (role,) = of_type(template, "AWS::IAM::Role")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]

    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
    assert resolved(trust["Condition"]["StringEquals"]["aws:SourceArn"]).endswith(":schedule-group/shop-staging")


def test_that_role_may_send_to_the_queue_and_its_undelivered_and_nothing_else(template, of_type):
    (policy,) = of_type(template, "AWS::IAM::Policy")
    (statement,) = policy["PolicyDocument"]["Statement"]

    assert statement["Action"] == "sqs:SendMessage"
    names = [
        template["Resources"][resource["Fn::GetAtt"][0]]["Properties"]["QueueName"]
        for resource in statement["Resource"]
    ]
    assert names == ["shop-staging_billing", "shop-staging_billing_undelivered"]


def test_without_schedules_there_is_neither_role_nor_group(declare):
    text = json.dumps(synth(_manifest(declare, 1)).to_json())

    assert "AWS::IAM::Role" not in text
    assert "ScheduleGroup" not in text
