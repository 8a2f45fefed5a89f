"""The trigger's function against real services and servers: what becomes of a message."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rota.envelope import Envelope
from rota.trigger import function, outcomes

if TYPE_CHECKING:
    from tests.integration.trigger.conftest import Deployment

Lines = Callable[[], list[dict[str, Any]]]


def test_what_a_rule_fired_is_posted_signed_and_deleted(deployment: Deployment, lines: Lines) -> None:
    deployment.send(
        {
            "rota": 1,
            "job": "refresh-prices",
            "fired_at": "2026-11-21T11:05:42Z",
            "payload": {"card": "4111"},
            "post": {"endpoints": ["web"], "timeout": 5},
        }
    )
    assert deployment.invoke() == (1, 0)
    [(headers, body)] = deployment.fleet.posts
    assert body == {
        "rota": 1,
        "job": "refresh-prices",
        "endpoint": "web",
        "run": "refresh-prices@2026-11-21T11:05:00Z",
        "scheduled_at": "2026-11-21T11:05:00Z",
        "fired_at": "2026-11-21T11:05:42Z",
        "payload": {"card": "4111"},
    }
    assert headers["host"] == "app.example.com"
    assert deployment.waiting() == (0, 0, 0)
    [line] = lines()
    assert line["event"] == "posted"
    assert {name: line[name] for name in ("deployment", "job", "run", "endpoint", "attempt", "status", "reason")} == {
        "deployment": "shop-default",
        "job": "refresh-prices",
        "run": "refresh-prices@2026-11-21T11:05:00Z",
        "endpoint": "web",
        "attempt": 1,
        "status": 200,
        "reason": "the endpoint answered 200",
    }
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("rota", [["deployment", "job", "endpoint"]])
    assert {metric["Name"] for metric in directive["Metrics"]} == {"Posted", "Succeeded", "Duration"}
    assert (line["Posted"], line["Succeeded"]) == (1, 1)
    assert "4111" not in json.dumps(line)
    assert deployment.key.secret not in json.dumps(line)


def test_several_jobs_and_endpoints_are_split_and_a_failed_one_alone_comes_again(deployment: Deployment) -> None:
    post = {"endpoints": ["web", "gone"]}
    deployment.send({"rota": 1, "scheduled_at": "2026-11-21T11:05:00Z", "jobs": ["a", "b"], "post": post})
    assert deployment.invoke() == (1, 0)
    assert deployment.fleet.posts == []
    assert deployment.waiting() == (4, 0, 0)
    assert deployment.invoke() == (4, 2)
    assert sorted(body["job"] for _, body in deployment.fleet.posts) == ["a", "b"]
    assert deployment.waiting() == (0, 2, 0)


def test_a_hidden_message_comes_again_with_the_same_id(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "LEAST_WAIT", 1)
    deployment.send({"rota": 1, "job": "a", "run": "r", "post": {"endpoints": ["web"]}})
    deployment.fleet.status, deployment.fleet.headers["retry-after"] = 202, "1"
    # First as a new message, which says that it runs; then that is hidden, and comes again.
    assert deployment.invoke() == (1, 0)
    assert deployment.waiting() == (0, 0, 1)
    assert deployment.next_batch() == (1, 1)
    assert deployment.waiting() == (0, 1, 0)
    deployment.fleet.status = 200
    assert deployment.next_batch() == (1, 0)
    assert len({headers["webhook-id"] for headers, _ in deployment.fleet.posts}) == 1
    [first, second, third] = [body for _, body in deployment.fleet.posts]
    assert first == second == third
    assert deployment.waiting() == (0, 0, 0)


def test_a_failed_attempt_is_followed_by_the_next(deployment: Deployment) -> None:
    deployment.send({"rota": 1, "job": "a", "run": "r", "post": {"endpoints": ["web"], "attempts": 2}})
    deployment.fleet.status = 500
    deployment.fleet.said = b'{"rota":1,"job":"a","outcome":"failed","error":"ValueError: x","attempt":2,"again_in":0}'
    assert deployment.invoke() == (1, 0)
    deployment.fleet.said = (
        b'{"rota":1,"job":"a","outcome":"failed","error":"ValueError: y","reason":"no","final":true}'
    )
    assert deployment.invoke() == (1, 0)
    (_, first), (_, second) = deployment.fleet.posts
    assert second == {**first, "attempt": 2, "error": "ValueError: x"}
    [(body, said)] = deployment.letters()
    assert Envelope.decode(body).redrives == 1
    assert (said["rota.reason"], said["rota.error"], said["rota.attempts"]) == ("no", "ValueError: y", "2")


def test_where_nobody_answers_the_deadline_ends_it_and_a_redrive_runs_it(deployment: Deployment) -> None:
    due = datetime.now(UTC) - timedelta(seconds=90)
    post = {"endpoints": ["gone"], "start_deadline": 60}
    deployment.send({"rota": 1, "job": "a", "scheduled_at": due.isoformat(), "post": post})
    assert deployment.invoke() == (1, 0)
    [(body, said)] = deployment.letters()
    assert said["rota.reason"].startswith("not started in time: no connection to 127.0.0.1:")
    assert said["rota.endpoint"] == "gone"
    deployment.send(body.replace('"gone"', '"web"'))
    assert deployment.invoke() == (1, 0)
    assert deployment.fleet.posts[0][1]["redrives"] == 1


def test_what_cannot_be_read_is_a_dead_letter_beside_others_that_can(deployment: Deployment) -> None:
    deployment.send("no json")
    deployment.send({"rota": 1, "job": "a"})
    deployment.send({"rota": 1, "job": "b", "post": {"endpoints": ["web"]}})
    assert deployment.invoke() == (3, 0)
    reasons = {body[:7]: said["rota.reason"] for body, said in deployment.letters()}
    assert reasons["no json"].startswith("not JSON")
    assert any("this trigger has several" in reason for reason in reasons.values())
    assert [body["job"] for _, body in deployment.fleet.posts] == ["b"]


def test_a_record_that_raises_stays_and_the_others_do_not_suffer(deployment: Deployment, lines: Lines) -> None:
    deployment.send({"rota": 1, "job": "b", "post": {"endpoints": ["web"]}})
    [one] = deployment.sqs.receive_message(QueueUrl=deployment.queue, AttributeNames=["All"])["Messages"]
    good = {
        "messageId": "good",
        "receiptHandle": one["ReceiptHandle"],
        "body": one["Body"],
        "attributes": one["Attributes"],
        "messageAttributes": {},
    }
    bad = {"messageId": "bad", "attributes": {}}
    unhideable = {
        **good,
        "messageId": "unhideable",
        "receiptHandle": "none",
        "body": good["body"].replace("web", "gone"),
    }
    answer = function.handler({"Records": [bad, good, unhideable]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}, {"itemIdentifier": "unhideable"}]}
    told = {line["message"]: line for line in lines() if line["event"] == "error"}
    assert "KeyError: 'body'" in told["bad"]["traceback"]
    assert "sqs ChangeMessageVisibility: " in told["unhideable"]["traceback"]
    assert len(deployment.fleet.posts) == 1


def test_what_is_not_due_is_not_posted(deployment: Deployment) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    deployment.send({"rota": 1, "job": "a", "not_before": later, "post": {"endpoints": ["web"]}})
    assert deployment.invoke() == (1, 1)
    assert (deployment.fleet.posts, deployment.waiting()) == ([], (0, 1, 0))


def test_a_warm_start_reads_nothing_again(deployment: Deployment) -> None:
    for _ in range(3):
        deployment.send({"rota": 1, "job": "a", "post": {"endpoints": ["web"]}})
        assert deployment.invoke() == (1, 0)
    assert len(function._made) == 1


def test_a_fresh_process_imports_little(deployment: Deployment) -> None:
    deployment.fleet.said = b"{}"
    record = {
        "messageId": "m",
        "receiptHandle": "r",
        "body": '{"rota":1,"job":"a","post":{"endpoints":["web"]}}',
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(round(time.time() * 1000))},
        "messageAttributes": {},
    }
    code = (
        "import json, sys\n"
        "from rota.trigger.function import handler\n"
        f"assert handler({{'Records': [{record!r}]}}, None) == {{'batchItemFailures': []}}\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **deployment.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(json.loads(found.stdout.splitlines()[-1]))
    ours = {name for name in modules if name.split(".")[0] == "rota" and not name.startswith("rota.trigger")}
    assert ours == {"rota", "rota.envelope", "rota.errors", "rota.keys", "rota.signature"}
    # Each of these costs a cold start some milliseconds, and is there only where it is needed.
    costly = {"email", "http.client", "ssl", "urllib.parse", "uuid", "logging", "traceback", "xml", "boto3", "pydantic"}
    assert modules & costly == set()
