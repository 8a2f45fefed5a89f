"""What a server may do after a grant, and nothing more."""

import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from rota_cdk import RunLedger


@pytest.fixture
def server(stack):
    return iam.Role(stack, "Server", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))


@pytest.fixture
def allowed(stack, as_json, resolved):
    """The actions that the server's role has, by what they are allowed on."""

    def read():
        template = as_json(stack)
        (policy,) = [
            found["Properties"]
            for name, found in template["Resources"].items()
            if found["Type"] == "AWS::IAM::Policy" and name.startswith("Server")
        ]
        found: dict[str, set[str]] = {}
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            resources = statement["Resource"]
            for resource in resources if isinstance(resources, list) else [resources]:
                text = resolved(resource)
                named = template["Resources"].get(text.partition(".")[0], {}).get("Properties", {})
                name = named.get("QueueName") or named.get("TableName") or text
                found.setdefault(name, set()).update([actions] if isinstance(actions, str) else actions)
        return found

    return read


SETTINGS = "arn:AWS::Partition:ssm:AWS::Region:AWS::AccountId:parameter"
CLAIM = {"dynamodb:GetItem", "dynamodb:PutItem"}
READ = {"dynamodb:GetItem", "dynamodb:Query"}
ENQUEUE = {"sqs:SendMessage", "sqs:GetQueueAttributes"}
CLEAR = {"sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
WORKER = {"sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:SendMessage"}


def test_a_web_server_that_enqueues_may_send_and_read_the_settings(deploy, server, allowed):
    grant = deploy().grant_enqueue(server)

    assert isinstance(grant, iam.Grant)
    found = allowed()
    (settings,) = [name for name in found if name.startswith(SETTINGS)]
    assert found == {
        "shop-default_billing": {"sqs:SendMessage"},
        "shop-default_reports": {"sqs:SendMessage"},
        settings: {"ssm:GetParameter"},
    }


def test_a_worker_may_consume_send_back_and_send_to_the_dead_letters(deploy, server, allowed):
    deploy().grant_consume(server)

    found = allowed()
    (settings,) = [name for name in found if name.startswith(SETTINGS)]
    assert found == {
        "shop-default_billing": WORKER,
        "shop-default_billing_dead": {"sqs:SendMessage"},
        "shop-default_reports": WORKER,
        "shop-default_reports_dead": {"sqs:SendMessage"},
        "shop-default_ledger": CLAIM,
        settings: {"ssm:GetParameter"},
    }


def test_a_person_with_the_command_line_may_read_the_ledger_and_redrive_but_not_consume(deploy, server, allowed):
    grant = deploy().grant_operate(server)

    assert isinstance(grant, iam.Grant)
    found = allowed()
    (settings,) = [name for name in found if name.startswith(SETTINGS)]
    assert found == {
        "shop-default_billing": ENQUEUE,
        "shop-default_billing_dead": CLEAR | {"sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks"},
        "shop-default_billing_undelivered": CLEAR,
        "shop-default_reports": ENQUEUE,
        "shop-default_reports_dead": CLEAR | {"sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks"},
        "shop-default_reports_undelivered": CLEAR,
        "shop-default_ledger": READ,
        settings: {"ssm:GetParameter"},
    }


@pytest.mark.parametrize(("grant", "actions"), [("grant_claim", CLAIM), ("grant_read", READ)])
def test_the_ledger_can_be_granted_alone(stack, server, allowed, grant, actions):
    ledger = RunLedger(stack, "Ledger", manifest="shop", stage="staging")

    assert isinstance(getattr(ledger, grant)(server), iam.Grant)
    assert allowed() == {"shop-staging_ledger": actions}


def test_one_queue_can_be_granted_alone(deploy, server, allowed):
    deploy().queues["reports"].grant_consume(server)

    assert set(allowed()) == {"shop-default_reports", "shop-default_reports_dead"}


def test_a_customers_key_comes_with_the_grant_and_without_wildcards(stack, deploy, server, allowed):
    rota = deploy(encryption_key=kms.Key(stack, "Key"))
    rota.grant_enqueue(server)

    (key,) = [actions for name, actions in allowed().items() if name.startswith("Key")]
    assert key == {"kms:GenerateDataKey", "kms:Decrypt"}


def test_who_reads_a_ledger_may_decrypt_with_its_key_and_nothing_more(stack, server, allowed):
    ledger = RunLedger(stack, "Ledger", manifest="shop", encryption_key=kms.Key(stack, "Key"))
    ledger.grant_read(server)

    found = allowed()
    assert found.pop("shop-default_ledger") == READ
    assert list(found.values()) == [{"kms:Decrypt", "kms:DescribeKey"}]


def test_who_claims_in_a_ledger_may_use_its_key_without_wildcards(stack, server, allowed):
    ledger = RunLedger(stack, "Ledger", manifest="shop", encryption_key=kms.Key(stack, "Key"))
    ledger.grant_claim(server)

    found = allowed()
    assert found.pop("shop-default_ledger") == CLAIM
    (key,) = found.values()
    assert {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"} <= key
    assert not any("*" in action for action in key)


@pytest.mark.parametrize("grant", ["grant_enqueue", "grant_consume", "grant_operate"])
def test_no_grant_holds_a_wildcard(stack, deploy, server, allowed, grant):
    getattr(deploy(encryption_key=kms.Key(stack, "Key")), grant)(server)

    for name, actions in allowed().items():
        assert "*" not in name
        assert not any("*" in action for action in actions)
