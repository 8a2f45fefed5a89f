"""The three SQS queues of a declared queue."""

import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match, Template

from rota import ManifestError, Queue
from rota_cdk import JobQueue, SynthError


def _queues(template, of_type):
    return {queue["QueueName"]: queue for queue in of_type(template, "AWS::SQS::Queue")}


def test_a_queue_has_what_was_declared_and_a_week_of_retention(template, of_type):
    queue = _queues(template, of_type)["shop-staging_billing"]

    assert queue["VisibilityTimeout"] == 30
    assert queue["MessageRetentionPeriod"] == 7 * 24 * 3600
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 7
    to = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    assert template["Resources"][to]["Properties"]["QueueName"] == "shop-staging_billing_dead"


def test_dead_letters_and_the_undelivered_are_kept_for_two_weeks(template, of_type):
    queues = _queues(template, of_type)

    for name in ("shop-staging_billing_dead", "shop-staging_billing_undelivered"):
        assert queues[name]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_queues_are_encrypted_with_keys_of_sqs_and_standard(template, of_type):
    for queue in of_type(template, "AWS::SQS::Queue"):
        assert queue["SqsManagedSseEnabled"] is True
        assert "FifoQueue" not in queue


def test_a_customers_key_encrypts_all_three_and_lets_eventbridge_use_it(stack, deploy, of_type, as_json):
    deploy(encryption_key=kms.Key(stack, "Key"))
    template = as_json(stack)

    for queue in of_type(template, "AWS::SQS::Queue"):
        assert queue["KmsMasterKeyId"]["Fn::GetAtt"][1] == "Arn"
    (key,) = of_type(template, "AWS::KMS::Key")
    (statement,) = [
        each for each in key["KeyPolicy"]["Statement"] if each["Principal"] == {"Service": "events.amazonaws.com"}
    ]
    assert statement["Action"] == ["kms:GenerateDataKey", "kms:Decrypt"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_a_customers_key_may_be_used_by_the_role_of_the_schedules(stack, deploy, of_type, as_json):
    deploy(encryption_key=kms.Key(stack, "Key"), schedules_with="scheduler")

    for policy in of_type(as_json(stack), "AWS::IAM::Policy"):
        actions = [statement["Action"] for statement in policy["PolicyDocument"]["Statement"]]
        assert actions == ["sqs:SendMessage", ["kms:GenerateDataKey", "kms:Decrypt"]]


def test_the_key_that_aws_keeps_for_sqs_is_refused(stack, deploy):
    key = kms.Alias.from_alias_name(stack, "Key", "alias/aws/sqs")

    with pytest.raises(SynthError, match="queue 'billing': encryption_key is alias/aws/sqs, which EventBridge cannot"):
        deploy(encryption_key=key)


def test_an_imported_key_is_taken_with_a_warning_that_says_what_to_add(stack, deploy):
    deploy(encryption_key=kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:eu-west-1:123456789012:key/abc"))

    Template.from_stack(stack)
    Annotations.from_stack(stack).has_warning(
        "/Test/Jobs/Queue-billing",
        Match.string_like_regexp("events.amazonaws.com use kms:GenerateDataKey and kms:Decrypt"),
    )


def test_a_fifo_queue_is_refused_with_the_reason(stack):
    with pytest.raises(ManifestError, match="name must be"):
        Queue(name="billing.fifo")
    with pytest.raises(SynthError, match=r"queue must be a rota.Queue; got .* a FIFO queue has no delay"):
        JobQueue(stack, "Billing", queue=sqs.Queue(stack, "Q", fifo=True), manifest="shop")


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"manifest": "Shop"}, "queue 'billing': manifest: name must be .*; got 'Shop'"),
        ({"manifest": "s" * 33}, "queue 'billing': manifest: name must be at most 32 characters; got 33"),
        ({"stage": "pre-prod"}, "queue 'billing': stage must be 1 to 16 .*; got 'pre-prod'"),
    ],
)
def test_a_manifest_or_stage_that_cannot_be_in_a_name_is_refused(stack, keywords, message):
    with pytest.raises(SynthError, match=message):
        JobQueue(stack, "Billing", **{"queue": Queue(name="billing"), "manifest": "shop"} | keywords)
