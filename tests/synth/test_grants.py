"""What a server may do after a grant, and nothing more."""

import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms


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
                queue = template["Resources"].get(text.partition(".")[0], {}).get("Properties", {}).get("QueueName")
                found.setdefault(queue or text, set()).update([actions] if isinstance(actions, str) else actions)
        return found

    return read


SETTINGS = "arn:AWS::Partition:ssm:AWS::Region:AWS::AccountId:parameter"
WORKER = {
    "sqs:ReceiveMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:SendMessage",
}


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
    assert found["shop-default_billing"] == WORKER
    assert found["shop-default_billing_dead"] == {"sqs:SendMessage"}
    assert "shop-default_billing_undelivered" not in found
    assert any(name.startswith(SETTINGS) for name in found)


def test_one_queue_can_be_granted_alone(deploy, server, allowed):
    deploy().queues["reports"].grant_consume(server)

    assert set(allowed()) == {"shop-default_reports", "shop-default_reports_dead"}


def test_a_customers_key_comes_with_the_grant_and_without_wildcards(stack, deploy, server, allowed):
    rota = deploy(encryption_key=kms.Key(stack, "Key"))
    rota.grant_enqueue(server)

    (key,) = [actions for name, actions in allowed().items() if name.startswith("Key")]
    assert key == {"kms:GenerateDataKey", "kms:Decrypt"}
