"""What the grants let a role do, and what not, with the policies enforced: real processes under the credentials of a
worker, a web server and a person; each with the role of one grant, in an account with two stages of one manifest.

Each refusal is shown to be of the policy: the answer names the missing action, and the same request comes through with
other credentials. Not seen here, for the local AWS does not look at it, but held by tests of the templates: what a
customer's key lets anyone do (tests/synth/test_grants.py, tests/synth/test_queues.py), the role of schedules and the
queues' refusal of what comes without TLS (tests/synth/test_policies.py). StartMessageMoveTask is not there at all.
"""

import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rota.ledger.records import Record, State, key_of
from rota.run import Outcome
from rota.stores.base import Write
from rota.stores.dynamodb import DynamoDBStore

AT = datetime(2199, 1, 1, 3, 0, 30, tzinfo=UTC)


def test_a_worker_under_its_role_does_all_that_a_worker_does(office: Any) -> None:
    worker = office.spawn("default-worker", "worker", "office:manifest", "--concurrency", "4", "--grace", "60")

    office.aws.fire_rule("office-default.by-rule", at=AT)
    office.aws.fire_schedule("office-default.by-schedule", group="office-default", at=AT.replace(second=0))
    office.eventually(lambda: office.events("done", "by-rule") and office.events("done", "by-schedule"))

    holder = office.enqueue("locked", '{"n": 1}')
    office.eventually(lambda: office.events("started", holder))
    (first,) = office.records("locked")
    skipped = office.enqueue("locked", '{"n": 1}')
    office.eventually(lambda: len(office.records("locked")) == 2)
    # A renewal, of a run that has outlived the visibility timeout by then.
    office.eventually(lambda: office.records("locked")[-1].lease_until > first.lease_until)
    office.gate.touch()
    office.eventually(lambda: office.events("done", holder))
    assert len(office.events("started", holder)) == 1

    uniques = [office.enqueue("unique", '{"n": 7}') for _ in range(2)]
    plain = office.enqueue("plain", '{"n": 3}')
    office.aws.fire_rule("office-default.failing", at=AT)
    office.eventually(lambda: office.events("done", plain) and office.messages(office.queue().url) == 0)

    outcomes = {
        record.run: (str(record.outcome), record.attempt)
        for job in ("by-rule", "by-schedule", "locked", "unique", "failing", "plain")
        for record in office.records(job)
    }
    assert outcomes == {
        "by-rule@2199-01-01T03:00:00Z": ("succeeded", 1),
        "by-schedule@2199-01-01T03:00:00Z": ("succeeded", 1),
        holder: ("succeeded", 1),
        skipped: ("skipped", 1),
        uniques[0]: ("succeeded", 1),
        uniques[1]: ("skipped", 1),
        "failing@2199-01-01T03:00:00Z": ("failed", 2),
    }
    assert len(office.events("failed")) == 2
    assert office.messages(office.queue().dead_letter_url) == 1

    office.gate.unlink()
    waiting = [office.enqueue("held") for _ in range(6)]
    office.eventually(lambda: len(office.events("started", "held")) == 4)
    worker.send_signal(signal.SIGTERM)
    office.gate.touch()
    assert worker.wait(60) == 0, office.output()
    done = [event["run"] for event in office.events("done", "held")]
    assert done
    assert set(done) <= set(waiting)
    assert office.messages(office.queue().url, "", "Delayed") == len(waiting) - len(done)
    assert office.messages(office.queue().url, "NotVisible") == 0

    assert "not authorized" not in office.output()
    assert "AccessDenied" not in office.output()


def test_an_operator_under_its_role_reads_the_ledger_and_sends_dead_letters_again(office: Any) -> None:
    def rota(*words: str) -> Any:
        return office.run("default-operator", *words, "--manifest", "office")

    at = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)
    seen = "by-rule@2026-01-01T03:00:00Z"
    record = Record(
        job="by-rule",
        run=seen,
        target="work",
        state=State.FINISHED,
        attempt=1,
        scheduled_at=at,
        outcome=Outcome.SUCCEEDED,
        reason="done",
    )
    key = key_of("by-rule", seen, target="work", scheduled_at=at)
    root = DynamoDBStore(office.aws.client("dynamodb"), office.table())
    root.write([Write(key=key, expects=None, body=record.body(), keep_until=time.time() + 3600)])
    assert seen in [found["run"] for found in rota("runs", "by-rule")["runs"]]
    assert [found["outcome"] for found in rota("show", seen)["runs"]] == ["succeeded"]

    lying = {
        office.queue().dead_letter_url: '{"rota":1,"job":"plain","run":"died","payload":{"n":1}}',
        office.undelivered(): '{"rota":1,"job":"by-rule","fired_at":"2199-01-01T03:00:30Z"}',
    }
    for url, body in lying.items():
        office.aws.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    told = [run["run"] for place in rota("dead")["places"] for run in place["runs"]]
    assert {"died", "by-rule@2199-01-01T03:00:00Z"} <= set(told)
    rota("redrive", "--all", "--yes")
    now = rota("run", "plain", "--input", '{"n": 5}')["run"]

    assert [office.messages(url) for url in lying] == [0, 0]
    sqs, sent = office.aws.client("sqs"), set[str]()
    while found := sqs.receive_message(QueueUrl=office.queue().url, MaxNumberOfMessages=10).get("Messages"):
        for message in found:
            sent.add(json.loads(message["Body"])["run"])
            sqs.delete_message(QueueUrl=office.queue().url, ReceiptHandle=message["ReceiptHandle"])
    assert {"died", "by-rule@2199-01-01T03:00:00Z", now} <= sent
    assert "not authorized" not in office.output()


@dataclass(frozen=True)
class Attempt:
    """A request, and who may make it: with what answer, None for success."""

    service: str
    operation: str
    arguments: Callable[[Any], dict[str, Any]]
    allowed: str = "root"
    answer: str | None = None
    action: str | None = None
    """What the policy would have to allow, where it is not named as the operation."""

    def __str__(self) -> str:
        return f"{self.service}-{self.operation}"

    def make(self, office: Any, role: str) -> tuple[str | None, str]:
        """The error's code, None for success, and its message."""
        try:
            getattr(office.client(role, self.service), self.operation)(**self.arguments(office))
        except ClientError as error:
            return error.response["Error"]["Code"], error.response["Error"]["Message"]
        return None, ""


KEY = {"pk": {"S": "run#tried"}, "sk": {"S": "-"}}
BY_JOB: dict[str, Any] = {
    "KeyConditionExpression": "pk = :pk",
    "ExpressionAttributeValues": {":pk": {"S": "run#failing"}},
}
OTHER_ROLE = "arn:aws:iam::000000000000:role/staging-worker"
DENIAL = {"Effect": "Deny", "Action": "glacier:*", "Resource": "*"}
HARMLESS = json.dumps({"Version": "2012-10-17", "Statement": DENIAL})
UNKNOWN: dict[str, Any] = {"ReceiptHandle": "unknown"}


def on_queue(operation: str, allowed: str, url: Callable[[Any], str], **rest: Any) -> Attempt:
    answer = "ReceiptHandleIsInvalid" if "ReceiptHandle" in rest else None
    return Attempt("sqs", operation, lambda office: {"QueueUrl": url(office), **rest}, allowed, answer)


def on_table(operation: str, allowed: str, stage: str, answer: str | None = None, **rest: Any) -> Attempt:
    return Attempt("dynamodb", operation, lambda office: {"TableName": office.table(stage), **rest}, allowed, answer)


def work(stage: str) -> Callable[[Any], str]:
    return lambda office: office.queue(stage).url


def dead(stage: str) -> Callable[[Any], str]:
    return lambda office: office.queue(stage).dead_letter_url


def undelivered(stage: str) -> Callable[[Any], str]:
    return lambda office: office.undelivered(stage)


def parameter(stage: str) -> Attempt:
    return Attempt("ssm", "get_parameter", lambda office: {"Name": f"/rota/office/{stage}"}, f"{stage}-worker")


OTHER_STAGE = [
    on_queue("send_message", "staging-web", work("staging"), MessageBody="{}"),
    on_queue("receive_message", "staging-worker", work("staging")),
    on_queue("change_message_visibility", "staging-worker", work("staging"), **UNKNOWN, VisibilityTimeout=1),
    on_queue("delete_message", "staging-worker", work("staging"), **UNKNOWN),
    on_queue("send_message", "staging-worker", dead("staging"), MessageBody="{}"),
    on_queue("receive_message", "staging-operator", dead("staging")),
    on_queue("receive_message", "staging-operator", undelivered("staging")),
    on_table("get_item", "staging-worker", "staging", Key=KEY),
    on_table("put_item", "staging-worker", "staging", Item=KEY),
    on_table("query", "staging-operator", "staging", **BY_JOB),
    parameter("staging"),
]
NOBODYS = [
    Attempt("secretsmanager", "get_secret_value", lambda _: {"SecretId": "default-secret"}),
    Attempt("secretsmanager", "get_secret_value", lambda _: {"SecretId": "staging-secret"}),
    Attempt("secretsmanager", "list_secrets", lambda _: {}),
    Attempt("ssm", "get_parameters_by_path", lambda _: {"Path": "/rota"}),
    Attempt(
        "ssm",
        "put_parameter",
        lambda _: {"Name": "/rota/office/tried", "Value": "x", "Type": "String", "Overwrite": True},
    ),
    Attempt("sqs", "create_queue", lambda _: {"QueueName": "office-default_tried"}),
    Attempt("sqs", "list_queues", lambda _: {}),
    on_queue("set_queue_attributes", "root", work("default"), Attributes={"MessageRetentionPeriod": "604800"}),
    on_queue("purge_queue", "root", undelivered("default")),
    Attempt("dynamodb", "list_tables", lambda _: {}),
    on_table("scan", "root", "default"),
    on_table("delete_item", "root", "default", Key=KEY),
    on_table("update_item", "root", "default", Key=KEY),
    # Protected from whoever has the right.
    on_table("delete_table", "root", "default", "ValidationException"),
    Attempt("iam", "list_roles", lambda _: {}),
    Attempt(
        "iam", "put_role_policy", lambda _: {"RoleName": "default-web", "PolicyName": "x", "PolicyDocument": HARMLESS}
    ),
    Attempt("sts", "assume_role", lambda _: {"RoleArn": OTHER_ROLE, "RoleSessionName": "tried"}),
    Attempt("events", "put_rule", lambda _: {"Name": "office-default.tried", "ScheduleExpression": "rate(1 day)"}),
    Attempt("lambda", "list_functions", lambda _: {}),
    Attempt("s3", "list_buckets", lambda _: {}, action="s3:ListAllMyBuckets"),
]
NO_WORKERS = [
    on_queue("receive_message", "default-operator", dead("default")),
    on_queue("delete_message", "default-operator", dead("default"), **UNKNOWN),
    on_queue("receive_message", "default-operator", undelivered("default")),
    on_queue("send_message", "root", undelivered("default"), MessageBody="{}"),
    on_table("query", "default-operator", "default", **BY_JOB),
]
NO_WEB_SERVERS = [
    on_queue("receive_message", "default-worker", work("default")),
    on_queue("delete_message", "default-worker", work("default"), **UNKNOWN),
    on_queue("send_message", "default-worker", dead("default"), MessageBody="{}"),
    on_table("get_item", "default-worker", "default", Key=KEY),
    on_table("put_item", "default-worker", "default", Item=KEY),
    on_table("query", "default-operator", "default", **BY_JOB),
]
NO_OPERATORS = [
    on_queue("receive_message", "default-worker", work("default")),
    on_queue("delete_message", "default-worker", work("default"), **UNKNOWN),
    on_table("put_item", "default-worker", "default", Item=KEY),
]
DENIED = {
    "default-worker": [*OTHER_STAGE, *NOBODYS, *NO_WORKERS],
    "default-web": [*OTHER_STAGE, *NOBODYS, *NO_WEB_SERVERS],
    "default-operator": [*OTHER_STAGE, *NOBODYS, *NO_OPERATORS],
}


@pytest.mark.parametrize(
    ("role", "attempt"),
    [
        pytest.param(role, attempt, id=f"{role}-{number}-{attempt}")
        for role, attempts in DENIED.items()
        for number, attempt in enumerate(attempts)
    ],
)
def test_a_role_is_denied_what_others_may(office: Any, role: str, attempt: Attempt) -> None:
    code, message = attempt.make(office, role)
    assert code in {"AccessDenied", "AccessDeniedException"}
    named = attempt.action or f"{attempt.service}:{attempt.operation.title().replace('_', '')}"
    assert "because no identity-based policy allows the " + named + " action" in message
    assert attempt.make(office, attempt.allowed)[0] == attempt.answer
