"""`rota dead` and `rota redrive`, against moto."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rota.envelope import Envelope
from rota.errors import BackendError
from rota.queues.base import Move
from rota.queues.sqs import SqsQueue
from rota.run import Outcome
from rota.verdicts import dead

NIGHT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
RULE = "arn:aws:events:eu-west-1:123456789012:rule/shop-default.close-books"


def put(operated, place, job, run, reason="attempts exhausted (3): ValueError: x", **fields):
    settle = dead(Envelope(job=job, run=run, attempt=3, **fields), reason, Outcome.FAILED, error="ValueError: x").settle
    operated.send(place, settle.body, **{name.replace(".", "__"): text for name, text in settle.attributes.items()})


@pytest.fixture
def dying(operated):
    """A failed occurrence, one that EventBridge could not deliver, two that SQS moved, and rubbish."""
    put(operated, "slow_dead", "close-books", "close-books@2026-11-21T02:00:00Z", scheduled_at=NIGHT)
    operated.send(
        "slow_undelivered",
        json.dumps({"time": "2026-11-20T02:00:10Z", "detail-type": "Scheduled Event", "detail": {}}),
        RULE_ARN=RULE, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="not authorized",
    )  # fmt: skip
    for _ in range(2):
        operated.send("work_dead", Envelope(job="plain", run="r-1").encode())
    operated.send("work_dead", "rubbish")
    return operated


def places(out):
    return {(place["queue"], place["place"]): place for place in json.loads(out)["places"]}


# rota dead


def test_every_place_with_its_reasons(dying, run):
    code, out, err = run("dead")
    assert (code, err) == (0, "")
    text = " ".join(out.split())
    assert "queue slow, dead letters: 1" in text
    assert "queue slow, undelivered: 1" in text
    assert "queue work, dead letters: 3" in text
    assert "queue work, undelivered" not in text
    assert "attempts exhausted (3): ValueError: x" in text
    assert "close-books@2026-11-20T02:00:00Z" in text
    assert "NO_PERMISSIONS: not authorized" in text
    assert "deliveries exhausted: worker died" in text
    assert "cannot be read: not JSON" in text


def test_for_machines_and_nothing_is_consumed(dying, run):
    for _ in range(2):
        found = places(run("dead", "--json")[1])
        [plain, rubbish] = sorted(found["work", "dead letters"]["runs"], key=lambda one: one["run"] or "~")
        assert (plain["run"], plain["letters"], plain["problem"]) == ("r-1", 2, None)
        assert (rubbish["run"], rubbish["letters"]) == (None, 1)
        assert rubbish["problem"].startswith("not JSON")
        [failed] = found["slow", "dead letters"]["runs"]
        assert (failed["job"], failed["attempts"], failed["error"]) == ("close-books", 3, "ValueError: x")
        assert failed["sent_at"].endswith("Z")
    assert dying.waiting("work_dead") == 3


def test_of_one_job_and_one_queue(dying, run):
    found = places(run("dead", "--job", "plain", "--json")[1])
    assert [one["run"] for place in found.values() for one in place["runs"]] == ["r-1"]
    assert set(places(run("dead", "--queue", "slow", "--json")[1])) == {
        ("slow", "dead letters"),
        ("slow", "undelivered"),
    }
    assert "did you mean plain?" in run("dead", "--job", "plan")[2]
    assert "has no queue 'wrk'; did you mean work?" in run("dead", "-q", "wrk")[2]


def test_nothing_is_good_news(operated, run):
    assert run("dead") == (0, "nothing lies in 4 dead-letter places\n", "")
    assert run("dead", "--job", "plain")[1] == "nothing of plain lies in 4 dead-letter places\n"


def test_an_older_deployment_does_not_say_where_its_undelivered_are(operated, run):
    queues = {name: replace(queue, undelivered_url=None) for name, queue in operated.settings.queues.items()}
    operated.deploy(replace(operated.settings, queues=queues))
    assert run("dead")[1] == (
        "nothing lies in 2 dead-letter places\n"
        "queue slow: the deployed settings do not say where its undelivered is; deploy again: `cdk deploy`\n"
        "queue work: the deployed settings do not say where its undelivered is; deploy again: `cdk deploy`\n"
    )


def test_more_than_is_shown_is_told(operated, run):
    for number in range(23):
        put(operated, "work_dead", "plain", f"r-{number}")
    first = run("dead", "--limit", "10")[1].splitlines()[0]
    assert first == "queue work, dead letters: about 23, 10 shown"


# rota redrive


def test_all_of_it(dying, run):
    code, out, err = run("redrive", "--all", "--yes", "--by", "ada")
    assert code == 1  # for the rubbish
    assert "not sent, cannot be read: message " in err
    assert [line.split() for line in out.splitlines()] == [
        ["QUEUE", "PLACE", "SENT", "DUPLICATES", "LEFT"],
        ["slow", "dead", "letters", "1"],
        ["slow", "undelivered", "1"],
        ["work", "dead", "letters", "1", "1", "1"],
    ]
    assert sorted(dying.received("slow"), key=lambda one: one["scheduled_at"]) == [
        {
            "rota": 1, "job": "close-books", "run": "close-books@2026-11-20T02:00:00Z", "payload": {"kind": "daily"},
            "digest": dying_digest(), "redriven_by": "ada", "scheduled_at": "2026-11-20T02:00:00Z", "redrives": 1,
        },
        {
            "rota": 1, "job": "close-books", "run": "close-books@2026-11-21T02:00:00Z", "redriven_by": "ada",
            "scheduled_at": "2026-11-21T02:00:00Z", "redrives": 1,
        },
    ]  # fmt: skip
    assert dying.received("work") == [{"rota": 1, "job": "plain", "run": "r-1", "redriven_by": "ada", "redrives": 1}]
    assert [dying.waiting(place) for place in ("slow_dead", "slow_undelivered", "work_dead")] == [0, 0, 1]


def dying_digest():
    from jobs import Report

    from rota.digests import payload_digest

    return payload_digest(Report)


def test_one_job_or_one_run_or_one_queue_leaves_the_rest(dying, run):
    assert run("redrive", "--run", "r-1")[0] == 0
    assert [one["run"] for one in dying.received("work")] == ["r-1"]
    assert dying.waiting("work_dead") == 1
    assert run("redrive", "--job", "close-books", "--queue", "slow", "--yes")[0] == 0
    assert len(dying.received("slow")) == 2
    assert dying.waiting("work_dead") == 1


def test_who_did_it_is_the_user_at_this_machine(dying, run, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "grace")
    monkeypatch.setattr("socket.gethostname", lambda: "laptop")
    read = json.loads(run("redrive", "--run", "r-1", "--json")[1])
    assert read["by"] == "grace@laptop"
    assert dying.received("work")[0]["redriven_by"] == "grace@laptop"

    def nameless():
        raise KeyError("uid 7")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert json.loads(run("redrive", "--all", "--dry-run", "--json")[1])["by"] == "unknown@laptop"


def test_a_dry_run_says_what_it_would_do(dying, run):
    code, out, _ = run("redrive", "--all", "--dry-run")
    assert code == 1
    assert "would send r-1 to queue work\n" in out
    assert "WOULD SEND" in out
    assert dying.received("work") == dying.received("slow") == []
    assert dying.waiting("work_dead") == 3


def test_nobody_is_there_to_ask(dying, run):
    code, out, err = run("redrive", "--all")
    assert (code, out) == (2, "")
    assert err == (
        "error: nobody is there to ask whether to redrive queue slow, dead letters: about 1; queue slow, undelivered: "
        "about 1; queue work, dead letters: about 3; add --yes, or --dry-run to see them\n"
    )
    assert dying.waiting("work_dead") == 3


def test_what_to_send_must_be_said_once(operated, run):
    for arguments in ([], ["--all", "--job", "plain"], ["--job", "plain", "--run", "r"], ["--run", "r", "--move"]):
        assert run("redrive", *arguments)[0] == 2
    code, _, err = run("redrive", "--run", "r-9")
    assert code == 2
    assert err == "error: run 'r-9' lies in none of 4 dead-letter places; see: rota dead\n"
    assert run("redrive", "--all") == (0, "nothing was there to be sent\n", "")


def test_sqs_moves_all_of_a_queues_own_dead_letters_and_nothing_else(dying, run, monkeypatch):
    moves = []

    def move_all(self, to):
        moves.append((vars(self)["_url"], vars(to)["_url"]))
        return "a move"

    answers = iter([Move(0, 3, False), Move(3, 3, True), Move(1, 1, True, "FAILED: no permission")])
    monkeypatch.setattr(SqsQueue, "move_all", move_all)
    monkeypatch.setattr(SqsQueue, "moved", lambda self, move: next(answers))
    monkeypatch.setattr("time.sleep", lambda _: None)
    code, _, err = run("redrive", "--all", "--yes", "--move")
    urls = dying.urls
    assert moves == [(urls["slow_dead"], urls["slow"]), (urls["work_dead"], urls["work"])]
    assert code == 1
    assert "SQS stopped moving: FAILED: no permission" in err
    assert len(dying.received("slow")) == 1  # the undelivered one, rebuilt
    moves.clear()
    run("redrive", "--run", "r-1")
    run("redrive", "--all", "--yes", "--no-move")
    run("redrive", "--all", "--dry-run")
    assert moves == []


def test_many_are_moved_by_sqs_unless_said_otherwise(dying, run, monkeypatch):
    asked = []
    monkeypatch.setattr("rota.cli.redrive.MOVE_FROM", 3)
    monkeypatch.setattr(SqsQueue, "move_all", lambda self, to: asked.append(vars(self)["_url"]))  # None: it does not
    run("redrive", "--all", "--yes")
    assert asked == [dying.urls["work_dead"]]
    assert [one["run"] for one in dying.received("work")] == ["r-1"]


def test_who_is_not_let_in_hears_what_grants_it(operated, run, monkeypatch):
    def denied(*_, **__):
        raise BackendError("SQS did not receive from u: An error occurred (AccessDenied) when calling ReceiveMessage")

    monkeypatch.setattr(SqsQueue, "letters", denied)
    for arguments in (["dead"], ["redrive", "--run", "r"]):
        code, _, err = run(*arguments)
        assert code == 2
        assert err.endswith("; these credentials need what `Rota.grant_operate(...)` grants\n")
