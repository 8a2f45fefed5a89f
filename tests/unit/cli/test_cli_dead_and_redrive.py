"""`rota dead` and `rota redrive`, against moto."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rota.envelope import Envelope
from rota.errors import BackendError
from rota.queues.base import Depth, Move, MoveTask
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


def test_a_redrive_says_which_places_an_older_deployment_does_not_tell(operated, run):
    queues = {name: replace(queue, undelivered_url=None) for name, queue in operated.settings.queues.items()}
    operated.deploy(replace(operated.settings, queues=queues))
    note = "queue slow: the deployed settings do not say where its undelivered is; deploy again: `cdk deploy`"
    assert note in run("redrive", "--all", "--yes")[2]
    assert note in json.loads(run("redrive", "--all", "--yes", "--json")[1])["notes"]


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


def test_what_sqs_has_not_counted_yet_is_asked_about_too(dying, run, monkeypatch):
    monkeypatch.setattr(SqsQueue, "depth", lambda self: Depth(0, 0))
    code, out, err = run("redrive", "--all", "--queue", "work")
    assert (code, out) == (2, "")
    assert err.startswith("error: nobody is there to ask whether to redrive queue work, dead letters: about 3;")


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
        return MoveTask("arn", "a move", 0)

    answers = iter([Move(0, 3, False), Move(3, 3, True), Move(1, 1, True, "FAILED: no permission")])
    monkeypatch.setattr(SqsQueue, "move_all", move_all)
    monkeypatch.setattr(SqsQueue, "moved", lambda self, move: next(answers))
    monkeypatch.setattr("time.sleep", lambda _: None)
    code, out, err = run("redrive", "--all", "--yes", "--move")
    urls = dying.urls
    assert moves == [(urls["slow_dead"], urls["slow"]), (urls["work_dead"], urls["work"])]
    assert code == 1
    assert "queue work, dead letters: stopped: FAILED: no permission" in err
    assert "SQS's own move puts nobody's name on record" in err
    assert ["slow", "dead", "letters", "about", "3"] in [line.split() for line in out.splitlines()]
    assert len(dying.received("slow")) == 1  # the undelivered one, rebuilt
    moves.clear()
    run("redrive", "--run", "r-1")
    run("redrive", "--all", "--yes")
    run("redrive", "--all", "--dry-run")
    assert moves == []


def test_a_move_that_sqs_has_not_counted_yet_has_happened(dying, run, monkeypatch):
    monkeypatch.setattr(SqsQueue, "move_all", lambda self, to: MoveTask("arn", "a move", 0))
    monkeypatch.setattr(SqsQueue, "moved", lambda self, task: Move(0, 0, True))
    code, out, _ = run("redrive", "--all", "--yes", "--move", "--queue", "work")
    assert code == 0
    assert out.splitlines()[-1].split() == ["work", "dead", "letters", "about", "0"]


def test_what_sqs_does_not_move_goes_letter_by_letter_and_that_is_said(dying, run, monkeypatch):
    monkeypatch.setattr(SqsQueue, "move_all", lambda self, to: None)
    err = run("redrive", "--all", "--yes", "--move", "--queue", "work")[2]
    assert "queue work, dead letters: SQS does not move them by itself, or not for you" in err
    assert [one["run"] for one in dying.received("work")] == ["r-1"]


def test_sqs_moves_nothing_that_it_was_not_asked_to(dying, run, monkeypatch):
    monkeypatch.setattr("rota.cli.redrive.MANY", 3)
    monkeypatch.setattr(SqsQueue, "move_all", None)
    err = run("redrive", "--all", "--yes")[2]
    assert "--move is faster, but puts nobody's name on record" in err
    assert [one["run"] for one in dying.received("work")] == ["r-1"]


def test_who_asks_says_that_a_move_is_without_a_name(dying, run):
    assert "by SQS's own move, which puts nobody's name on record" in run("redrive", "--all", "--move")[2]


def test_what_others_hold_is_not_taken_for_nothing(dying, run):
    sqs, url = dying.sqs, dying.urls["work_dead"]
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600)
    held = (
        "queue work, dead letters: 3 hidden just now: somebody looks at them or sends them; look again in two minutes\n"
    )
    code, out, _ = run("dead", "--job", "plain")
    assert out.endswith(held)
    assert "nothing" not in out
    assert places(run("dead", "--json")[1])["work", "dead letters"]["hidden"] == 3
    code, out, err = run("redrive", "--all", "--queue", "work", "--yes")
    assert (code, out, err) == (1, "", held)
    code, _, err = run("redrive", "--run", "r-1")
    assert code == 2
    assert err == f"error: run 'r-1' lies in none of 4 dead-letter places; {held.strip()}; see: rota dead\n"
    put(dying, "work_dead", "plain", "r-2")
    assert run("redrive", "--run", "r-2")[0] == 0  # it is all that was asked for


def test_a_job_is_looked_for_behind_the_letters_of_others(operated, run, monkeypatch):
    for number in range(21):
        put(operated, "work_dead", "plain", f"r-{number}")
    put(operated, "work_dead", "sync", "s-1")
    found = places(run("dead", "--job", "sync", "--limit", "5", "--json")[1])["work", "dead letters"]
    assert [one["run"] for one in found["runs"]] == ["s-1"]
    monkeypatch.setattr("rota.redrive.LOOKED_AT", 10)
    assert run("dead", "--job", "sync", "--limit", "5")[1].splitlines()[2:] == [
        "queue work, dead letters: none of sync among the 10 of about 22 looked at; look at more with --limit"
    ]


def test_a_redrive_that_has_not_seen_all_says_so(dying, run, monkeypatch):
    letters = SqsQueue.letters
    monkeypatch.setattr("rota.redrive.HIDE", 0)  # they come back, however often
    monkeypatch.setattr(SqsQueue, "letters", lambda self, limit, hide, **rest: letters(self, 1, 0, **rest))
    monkeypatch.setattr(SqsQueue, "depth", lambda self: Depth(5, 0))
    code, _, err = run("redrive", "--job", "mail", "--queue", "work", "--yes")
    assert code == 1
    assert "queue work, dead letters: 1 of about 5 looked at; run it again\n" in err
    assert "queue work, undelivered" not in err  # empty: the count is behind


def test_what_was_sent_before_a_failure_is_told(dying, run, monkeypatch):
    letters = SqsQueue.letters

    def fails(self, *arguments, **options):
        if vars(self)["_url"] == dying.urls["slow_undelivered"]:
            raise BackendError("SQS does not answer")
        return letters(self, *arguments, **options)

    monkeypatch.setattr(SqsQueue, "letters", fails)
    code, out, _ = run("redrive", "--all", "--yes", "--json")
    assert code == 1
    told = places(out)
    assert told["slow", "dead letters"]["sent"] == ["close-books@2026-11-21T02:00:00Z"]
    assert told["slow", "undelivered"]["problem"] == "SQS does not answer"
    assert told["work", "dead letters"]["sent"] == ["r-1"]
    code, _, err = run("redrive", "--all", "--yes", "--queue", "slow")
    assert (code, err) == (2, "error: SQS does not answer\n")


def test_half_a_character_in_a_letter_is_no_trouble(operated, run):
    operated.send("work_dead", '{"rota": 1, "job": "plain", "run": "r-\\ud800"}')
    assert json.loads(run("dead", "--json")[1])
    assert run("dead")[0] == 0
    assert json.loads(run("redrive", "--all", "--dry-run", "--json")[1])


def test_who_is_not_let_in_hears_what_grants_it(operated, run, monkeypatch):
    def denied(*_, **__):
        raise BackendError("SQS did not receive from u: An error occurred (AccessDenied) when calling ReceiveMessage")

    monkeypatch.setattr(SqsQueue, "letters", denied)
    for arguments in (["dead"], ["redrive", "--run", "r"]):
        code, _, err = run(*arguments)
        assert code == 2
        assert err.endswith("; these credentials need what `Rota.grant_operate(...)` grants\n")
