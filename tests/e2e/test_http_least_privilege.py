"""What the trigger, a server with the middleware and whoever rotates keys may do, and what not, with policies enforced.

Each refusal is shown to be of the policy: the answer names the missing action, and root may. What is asked of the EC2
API by Lambda itself, for its place in the VPC, nobody asks here (tests/synth/test_trigger.py).
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rota.testing.local_aws import local_aws

APP = Path(__file__).parent / "http_app"
KEY = {"pk": {"S": "run#tried"}, "sk": {"S": "-"}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The depot in an account of its own, since policies stay enforced."""
    if str(APP) not in sys.path:
        sys.path.insert(0, str(APP))
    from depot_site import Site

    folder = tmp_path_factory.mktemp("guarded-depot")
    with local_aws(log_file=folder / "ministack.txt") as aws:
        outputs = aws.deploy(APP, app=f"{sys.executable} app.py", env={"CDK_VALIDATION": "false"})
        aws.enforce_policies()
        site = Site(aws, outputs["Depot"], folder)
        try:
            yield site
        finally:
            site.end()


def test_trigger_server_and_keeper_do_under_their_roles_all_that_they_do(site: Any) -> None:
    import depot as jobs

    as_server = site.credentials("server")
    servers = site.start("one", "two", **as_server)
    notes, packs, drops = site.fire(jobs.note, 4), site.fire(jobs.pack), site.fire(jobs.drop_caches)
    site.eventually(lambda: len(site.events("done", *notes)) == 4 and len(site.events("done", *drops)) == 2)
    site.eventually(lambda: site.events("started", *packs))
    site.gate.touch()
    site.eventually(lambda: site.events("done", *packs))

    site.rota("keys", "rotate", **site.credentials("keeper"))
    assert len(site.rota("keys", "list", **site.credentials("keeper"))["keys"]) == 2
    later = site.fire(jobs.note, 2)
    site.eventually(lambda: len(site.events("done", *later)) == 2)

    for server in servers:
        server.kill()
    run = site.enqueue(jobs.brief)
    site.eventually(lambda: site.messages(site.queue.dead_letter_url) == 1)
    assert run in str(site.rota("dead"))
    said = site.output() + site.aws.log_file.read_text()
    assert "not authorized" not in said
    assert "AccessDenied" not in said


def table(site: Any) -> dict[str, Any]:
    return {"TableName": site.settings.ledger.table}


def keys(site: Any) -> dict[str, Any]:
    return {"SecretId": site.settings.keys}


Arguments = Callable[[Any], dict[str, Any]]
NOBODYS: list[tuple[str, str, Arguments]] = [
    ("secretsmanager", "get_secret_value", lambda _: {"SecretId": "depot-other"}),
    ("secretsmanager", "list_secrets", lambda _: {}),
    ("ssm", "get_parameters_by_path", lambda _: {"Path": "/rota"}),
    ("sqs", "list_queues", lambda _: {}),
    ("dynamodb", "scan", table),
    ("dynamodb", "delete_item", lambda site: {**table(site), "Key": KEY}),
    ("iam", "list_roles", lambda _: {}),
    ("lambda", "list_functions", lambda _: {}),
    ("elasticloadbalancing", "describe_load_balancers", lambda _: {}),
]
NEW_KEY: tuple[str, str, Arguments] = (
    "secretsmanager",
    "put_secret_value",
    lambda site: {**keys(site), "SecretString": '{"keys":[]}', "VersionStages": ["TRIED"]},
)
LEDGER: list[tuple[str, str, Arguments]] = [
    ("dynamodb", "get_item", lambda site: {**table(site), "Key": KEY}),
    ("dynamodb", "put_item", lambda site: {**table(site), "Item": KEY}),
]
TO_TRIGGER: list[tuple[str, str, Arguments]] = [
    ("sqs", "send_message", lambda site: {"QueueUrl": site.queue.url, "MessageBody": "not a run"}),
    ("sqs", "receive_message", lambda site: {"QueueUrl": site.queue.url}),
    ("sqs", "receive_message", lambda site: {"QueueUrl": site.queue.dead_letter_url}),
]
DENIED = {
    "trigger": [
        *NOBODYS,
        NEW_KEY,
        *LEDGER,
        TO_TRIGGER[2],
        ("ssm", "get_parameter", lambda _: {"Name": "/rota/depot/default"}),
    ],
    "server": [*NOBODYS, NEW_KEY, *TO_TRIGGER],
    "keeper": [*NOBODYS, *LEDGER, *TO_TRIGGER],
}


@pytest.mark.parametrize(
    ("role", "service", "operation", "arguments"),
    [
        pytest.param(role, *attempt, id=f"{role}-{number}-{attempt[0]}-{attempt[1]}")
        for role, attempts in DENIED.items()
        for number, attempt in enumerate(attempts)
    ],
)
def test_a_role_is_denied_what_it_does_not_need(
    site: Any, role: str, service: str, operation: str, arguments: Arguments
) -> None:
    client = {"elasticloadbalancing": "elbv2"}.get(service, service)
    with pytest.raises(ClientError) as denied:
        getattr(site.client(role, client), operation)(**arguments(site))
    assert denied.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}
    action = f"{service}:{operation.title().replace('_', '')}"
    assert f"because no identity-based policy allows the {action} action" in denied.value.response["Error"]["Message"]
    getattr(site.client("root", client), operation)(**arguments(site))
