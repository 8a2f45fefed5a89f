"""The table of docs/http.md, row by row, and what holds for every answer."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.envelope import Envelope, Post
from rota.trigger.config import EndpointConfig
from rota.trigger.outcomes import (
    FIRST_SENT,
    LIMIT,
    LONGEST_HIDDEN,
    OLDEST,
    RUNNING_SINCE,
    UNKNOWN_SINCE,
    DeadLetter,
    Delete,
    Delivery,
    Hide,
    SendAgain,
    Verdict,
    judge,
    left,
    not_due,
    too_late,
)
from rota.trigger.request import Answer, NoAnswer

NOW = datetime(2026, 11, 21, 11, 5, tzinfo=UTC).timestamp()
HOUR = 3600.0
MARKS = ("running_since", "unknown_since", "first_sent")


def run(**changes: Any) -> Envelope:
    """A run for the endpoint web."""
    post = {name: changes.pop(name) for name in list(changes) if name in Post.__dataclass_fields__}
    return Envelope(
        **{"job": "refresh-prices", "run": "r1", "post": Post(**{"endpoints": ("web",), **post}), **changes}
    )


def endpoint(*, ledger: bool) -> EndpointConfig:
    return EndpointConfig(
        address="lb", port=80, tls=False, host="a.b", path="/jobs", idle_timeout=60.0, lease=30.0, ledger=ledger
    )


def judged(came: Answer | NoAnswer, *, ledger: bool = True, chance: float = 0.0, **changes: Any) -> Verdict:
    said = {name: changes.pop(name) for name in ("now", "sent_at", "received") if name in changes}
    marks = {f"rota.{name}": changes.pop(name) for name in MARKS if name in changes}
    return judge(came, delivered(run(**changes), ledger=ledger, marks=marks, chance=lambda: chance, **said))


def delivered(envelope: Envelope, *, ledger: bool = True, **said: Any) -> Delivery:
    return Delivery(**{"envelope": envelope, "endpoint": endpoint(ledger=ledger), "now": NOW, "sent_at": NOW, **said})


def reported(status: int = 500, **said: Any) -> Answer:
    return Answer(status, json.dumps({"rota": 1, "job": "refresh-prices", **said}).encode())


def hidden(verdict: Verdict) -> int:
    assert isinstance(verdict.settle, Hide), verdict
    return verdict.settle.seconds


def again(verdict: Verdict) -> tuple[Envelope, int]:
    assert isinstance(verdict.settle, SendAgain), verdict
    return Envelope.decode(verdict.settle.letter.body), verdict.settle.letter.delay


def letter(verdict: Verdict) -> tuple[Envelope, dict[str, str]]:
    assert isinstance(verdict.settle, DeadLetter), verdict
    return Envelope.decode(verdict.settle.letter.body), dict(verdict.settle.letter.attributes)


# 2xx


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_what_is_done_is_deleted(status: int) -> None:
    done = Verdict("Succeeded", f"the endpoint answered {status}", Delete())
    assert judged(Answer(status, of_rota=True)) == done
    assert judged(reported(status)) == done
    assert judged(Answer(status), ledger=False) == done


@pytest.mark.parametrize("status", [200, 202, 204])
@pytest.mark.parametrize(
    "body",
    [
        b"<html>the shop</html>",
        b"{}",
        b'{"rota":1}',
        b'{"job":"refresh-prices"}',
        b'{"rota":1,"job":"other"}',
        b'{"rota":true,"job":"refresh-prices"}',
        b'{"rota":2,"job":"refresh-prices"}',
    ],
)
def test_what_another_program_answers_at_the_path_is_no_success(status: int, body: bytes) -> None:
    assert hidden(judged(Answer(status, body))) == 5
    _, said = letter(judged(Answer(status, body), sent_at=NOW - HOUR))
    assert said["rota.reason"] == f"not started in time: something else answered {status} at this path"
    assert (said["rota.status"], said["rota.error"]) == (str(status), body.decode())


def marks(verdict: Verdict) -> dict[str, str]:
    assert isinstance(verdict.settle, SendAgain), verdict
    return dict(verdict.settle.letter.attributes)


def test_a_run_that_runs_is_asked_for_after_the_lease_or_as_long_as_it_says() -> None:
    known: dict[str, Any] = {"running_since": NOW - 50}
    assert hidden(judged(reported(202), **known)) == 35
    assert hidden(judged(reported(202)._replace(retry_after=120.0), **known)) == 120
    assert judged(reported(202)).metric is None


def test_it_is_not_asked_all_the_time_nor_once_a_year_whatever_the_answer_says() -> None:
    assert hidden(judged(reported(202)._replace(retry_after=0.0), running_since=NOW)) == 5
    assert hidden(judged(reported(202)._replace(retry_after=3e7), running_since=NOW)) == 3600


def test_that_it_runs_stands_in_a_message_of_its_own() -> None:
    late: dict[str, Any] = {"scheduled_at": datetime.fromtimestamp(NOW - HOUR, UTC), "start_deadline": 60.0}
    # It knows that the deadline is kept: the next refusal must not end the run. What was before does not count.
    found = judged(reported(202), first_sent=NOW - 7 * HOUR, unknown_since=NOW - HOUR, **late)
    assert marks(found) == {RUNNING_SINCE: "2026-11-21T11:05:00Z"}
    assert again(found)[1] == 35
    assert hidden(judged(reported(202), running_since=NOW - 50, **late)) == 35
    assert isinstance(judged(Answer(503), **late).settle, DeadLetter)


@pytest.mark.parametrize("came", [Answer(503), Answer(404), NoAnswer("no"), NoAnswer("cut", begun=True)])
def test_a_run_that_runs_is_looked_for_from_when_it_is_missed(came: Answer | NoAnswer) -> None:
    long_ago: dict[str, Any] = {"running_since": NOW - 20 * HOUR, "sent_at": NOW - 20 * HOUR}
    found = judged(came, **long_ago)
    missed = {FIRST_SENT: "2026-11-21T11:05:00Z", RUNNING_SINCE: "2026-11-20T15:05:00Z"}
    assert {**marks(found), **missed} == marks(found)
    assert isinstance(judged(came, first_sent=NOW - HOUR + 1, **long_ago).settle, Hide | SendAgain)
    _, said = letter(judged(came, first_sent=NOW - 7 * HOUR, unknown_since=NOW - 7 * HOUR, **long_ago))
    assert said["rota.reason"].startswith("outcome unknown: ")


@pytest.mark.parametrize("asked", [{"sent_at": NOW - 2 * HOUR}, {"received": 500}])
def test_what_asks_for_long_is_a_new_message_from_time_to_time(asked: dict[str, Any]) -> None:
    found = judged(reported(202), running_since=NOW - 5 * HOUR, **asked)
    assert again(found) == (run(), 35)
    assert marks(found) == {RUNNING_SINCE: "2026-11-21T06:05:00Z"}


def test_what_is_said_to_run_for_longer_than_a_queue_keeps_messages_is_a_dead_letter() -> None:
    _, said = letter(judged(reported(202), running_since=NOW - OLDEST - 1))
    assert said["rota.reason"].startswith("it is said to run since 2026-11-15T")
    assert said["rota.status"] == "202"


# 500


def test_a_failed_attempt_is_sent_again_as_the_server_says() -> None:
    exact = "2026-11-21T11:04:30Z"
    came = reported(again_in=40.2, attempt=2, error="ValueError: no", scheduled_at=exact, run=f"refresh-prices@{exact}")
    fired = datetime(2026, 11, 21, 11, 5, 2, tzinfo=UTC)
    envelope, delay = again(
        judged(came, fired_at=fired, scheduled_at=fired.replace(second=0), run="refresh-prices@2026-11-21T11:05:00Z")
    )
    assert delay == 41
    assert (envelope.attempt, envelope.error, envelope.fired_at) == (2, "ValueError: no", None)
    assert (envelope.run, envelope.scheduled_at) == (f"refresh-prices@{exact}", datetime.fromisoformat(exact))
    assert envelope.post == run().post


@pytest.mark.parametrize("status", [202, 503, 404, 500, 400])
def test_the_instant_that_a_server_has_made_of_when_a_rule_fired_is_kept(status: int) -> None:
    exact = "2026-11-21T11:04:00Z"
    fired = datetime(2026, 11, 21, 11, 5, 2, tzinfo=UTC)
    of_rule: dict[str, Any] = {
        "fired_at": fired,
        "scheduled_at": fired.replace(second=0),
        "run": "refresh-prices@2026-11-21T11:05:00Z",
    }
    came = reported(status, scheduled_at=exact, run=f"refresh-prices@{exact}", again_in=5)
    settle = judged(came, running_since=NOW, first_sent=NOW, **of_rule).settle
    assert isinstance(settle, SendAgain | DeadLetter)
    envelope = Envelope.decode(settle.letter.body)
    # A server of the next deploy, with another schedule, must not make another run of it.
    assert (envelope.run, envelope.fired_at) == (f"refresh-prices@{exact}", None)
    assert envelope.scheduled_at == datetime.fromisoformat(exact)
    # One that does not say leaves it as it is.
    assert isinstance(judged(Answer(503), **of_rule).settle, Hide)


def test_what_another_job_s_answer_says_does_not_count() -> None:
    came = Answer(500, json.dumps({"rota": 1, "job": "other", "again_in": 5}).encode())
    _, said = letter(judged(came))
    assert said["rota.reason"] == "the attempt failed; it has had 1 attempts"


def test_longer_than_a_queue_can_delay_stands_in_the_message() -> None:
    envelope, delay = again(judged(reported(again_in=7200)))
    assert delay == 900
    assert envelope.not_before == datetime.fromtimestamp(NOW + 7200, UTC)


def test_a_run_that_failed_for_good_is_a_dead_letter_ready_to_run_again() -> None:
    came = reported(final=True, error="GiveUp: no", reason="the handler gave up", traceback="0123456789ab")
    envelope, said = letter(judged(came, attempt=3, redrives=1, attempts=5))
    assert said == {
        "rota.reason": "the handler gave up",
        "rota.job": "refresh-prices",
        "rota.run": "r1",
        "rota.attempts": "3",
        "rota.error": "GiveUp: no",
        "rota.traceback": "0123456789ab",
        "rota.endpoint": "web",
        "rota.status": "500",
    }
    assert envelope == run(attempts=5, redrives=2, error="GiveUp: no")


@pytest.mark.parametrize(
    ("message", "record", "next_one"), [(0, 1, 2), (2, 1, 3), (1, None, 2), (1, -5, 2), (1, True, 2), (1, 10**9, 2)]
)
def test_a_dead_letter_counts_its_redrives_from_those_on_record(message: int, record: object, next_one: int) -> None:
    # A late duplicate of the first message knows of none.
    envelope, _ = letter(judged(reported(final=True, redrives=record), redrives=message))
    assert envelope.redrives == next_one


def test_any_other_500_has_the_attempts_of_the_job() -> None:
    envelope, delay = again(judged(Answer(500, b"oops"), attempts=3, attempt=2))
    assert (envelope.attempt, envelope.error, delay) == (3, "oops", 20)
    _, said = letter(judged(Answer(500, b"oops"), attempts=3, attempt=3))
    assert (said["rota.error"], said["rota.attempts"]) == ("oops", "3")


@pytest.mark.parametrize("again_in", [-1, 8 * 86400, float("nan"), float("inf"), "5", True, None, [5]])
def test_an_again_in_that_is_none_is_any_other_500(again_in: object) -> None:
    assert isinstance(judged(reported(again_in=again_in)).settle, DeadLetter)


# Not started


@pytest.mark.parametrize(
    "came", [Answer(503), Answer(429), Answer(401), Answer(404), Answer(408), Answer(421), Answer(425), NoAnswer("no")]
)
def test_what_has_not_started_backs_off(came: Answer | NoAnswer) -> None:
    assert [hidden(judged(came, received=n)) for n in (1, 2, 3, 9, 50)] == [5, 10, 20, 900, 900]
    assert hidden(judged(came, received=3, chance=1.0)) == 10
    assert judged(came).metric == "NotStarted"


def test_a_longer_retry_after_counts() -> None:
    assert hidden(judged(Answer(503, retry_after=77.0))) == 77
    assert hidden(judged(Answer(503, retry_after=1.0))) == 5


def in_line(**said: Any) -> Answer:
    return reported(503, **{"run": "r1", "reason": "waits for the lock", **said})._replace(retry_after=7.0)


def test_who_waits_for_a_lock_asks_when_it_is_told_to() -> None:
    # By the backoff it would lose its place, which a server keeps for 5 minutes.
    assert hidden(judged(in_line(), received=20)) == 7
    assert hidden(judged(in_line(), received=20, chance=1.0)) == 8
    # A balancer, a full pool or another's run say nothing of this one's place.
    for came in (in_line(run="r2"), in_line(job="other"), in_line(rota=None), Answer(503, retry_after=7.0)):
        assert hidden(judged(came, received=20)) == 900
    assert hidden(judged(in_line()._replace(retry_after=None), received=20)) == 900


@pytest.mark.parametrize("asked", [{"sent_at": NOW - 2 * HOUR}, {"received": 200}])
def test_who_waits_for_long_is_a_new_message_with_the_old_limits(asked: dict[str, Any]) -> None:
    found = judged(in_line(), first_sent=NOW - 3 * HOUR, **asked)
    assert again(found) == (run(), 7)
    assert marks(found) == {FIRST_SENT: "2026-11-21T08:05:00Z"}
    assert isinstance(judged(in_line(), first_sent=NOW - LIMIT, **asked).settle, DeadLetter)
    due: dict[str, Any] = {"scheduled_at": datetime.fromtimestamp(NOW - 60, UTC), "start_deadline": 60.0}
    assert isinstance(judged(in_line(), first_sent=NOW - 60, **due, **asked).settle, DeadLetter)


def test_the_next_attempt_of_a_run_that_was_answered_202_may_be_due_later_than_a_start_is_tried() -> None:
    """It failed behind the answer, and the ledger has it wait: longer than the six hours of a start."""
    told = in_line(reason="attempt 2 is not due")._replace(retry_after=12.0 * HOUR)
    since = NOW - 5 * HOUR
    found = judged(told, running_since=since, sent_at=since)
    assert again(found) == (run(not_before=datetime.fromtimestamp(NOW + 12 * HOUR, UTC)), 900)
    assert marks(found) == {RUNNING_SINCE: "2026-11-21T06:05:00Z"}
    # But not for ever: in the end the queue would forget it.
    assert isinstance(judged(told, running_since=NOW - OLDEST, first_sent=NOW - LIMIT).settle, DeadLetter)


def test_the_backoff_ends_at_the_start_deadline_with_a_last_try_at_it() -> None:
    due = datetime.fromtimestamp(NOW - 50, UTC)
    assert hidden(judged(NoAnswer("no"), scheduled_at=due, start_deadline=60.0, received=4)) == 10
    _, said = letter(judged(NoAnswer("no"), scheduled_at=due, start_deadline=50.0))
    assert said["rota.reason"] == "not started in time: no"


@pytest.mark.parametrize("changes", [{"attempt": 2}, {"redrives": 1}, {"running_since": NOW - 1}])
def test_only_a_first_start_is_bound_to_the_deadline(changes: dict[str, Any]) -> None:
    due = datetime.fromtimestamp(NOW - HOUR, UTC)
    found = judged(NoAnswer("no"), scheduled_at=due, start_deadline=60.0, **changes)
    assert isinstance(found.settle, Hide | SendAgain)


@pytest.mark.parametrize("came", [Answer(503), Answer(404), NoAnswer("refused"), Answer(502)])
def test_a_message_that_waited_for_its_time_has_all_its_time_from_then(came: Answer | NoAnswer) -> None:
    due: dict[str, Any] = {
        "not_before": datetime.fromtimestamp(NOW - 1, UTC),
        "sent_at": NOW - 20 * HOUR,
        "attempt": 2,
        "received": 2,
    }
    assert isinstance(judged(came, **due).settle, Hide | SendAgain)


@pytest.mark.parametrize("came", [Answer(503), NoAnswer("refused"), Answer(502), Answer(404)])
def test_a_message_sent_anew_has_no_time_anew(came: Answer | NoAnswer) -> None:
    renewed: dict[str, Any] = {"first_sent": NOW - 12 * HOUR, "unknown_since": NOW - 12 * HOUR}
    assert isinstance(judged(came, **renewed).settle, DeadLetter)
    # Nor by the time that it waits for.
    waited: dict[str, Any] = {**renewed, "not_before": datetime.fromtimestamp(NOW - 1, UTC)}
    assert isinstance(judged(came, **waited).settle, DeadLetter)


def test_the_next_attempt_starts_with_no_marks() -> None:
    assert marks(judged(reported(again_in=5), running_since=NOW, first_sent=NOW, unknown_since=NOW)) == {}


def test_without_a_deadline_it_ends_after_six_hours() -> None:
    assert isinstance(judged(Answer(503), sent_at=NOW - LIMIT + 1).settle, Hide)
    _, said = letter(judged(Answer(503, b"full"), sent_at=NOW - LIMIT))
    assert (said["rota.status"], said["rota.error"]) == ("503", "full")


@pytest.mark.parametrize("status", [404, 408, 421, 425])
def test_where_it_is_unknown_it_ends_after_an_hour(status: int) -> None:
    assert isinstance(judged(Answer(status), sent_at=NOW - HOUR + 1).settle, Hide)
    assert isinstance(judged(Answer(status), sent_at=NOW - HOUR).settle, DeadLetter)


def test_what_the_trigger_does_not_know_has_its_hour_too() -> None:
    delivery = delivered(run(), sent_at=NOW - HOUR)._replace(endpoint=None)
    assert isinstance(judge(NoAnswer("no such endpoint", most=HOUR), delivery).settle, DeadLetter)


# Refused


@pytest.mark.parametrize("status", [300, 301, 307, 400, 402, 403, 405, 409, 410, 413, 415, 422, 499])
def test_what_will_never_be_accepted_is_a_dead_letter(status: int) -> None:
    _, said = letter(judged(Answer(status, b"go away")))
    assert (said["rota.status"], said["rota.error"]) == (str(status), "go away")


# Unknown

UNKNOWN = [Answer(502), Answer(504), Answer(501), Answer(599), Answer(101), Answer(600), NoAnswer("reset", begun=True)]


@pytest.mark.parametrize("came", UNKNOWN)
def test_where_the_ledger_can_tell_it_is_asked_after_the_lease(came: Answer | NoAnswer) -> None:
    assert again(judged(came, chance=1.0)) == (run(), 35)
    assert again(judged(came, timeout=300.0, chance=1.0))[1] == 35
    assert again(judged(came, timeout=10.0, chance=1.0))[1] == 15
    assert judged(came).metric == "Unknown"
    # That it may have begun stands in a message of its own.
    marked = {FIRST_SENT: "2026-11-21T11:04:00Z", UNKNOWN_SINCE: "2026-11-21T11:05:00Z"}
    assert marks(judged(came, sent_at=NOW - 60)) == marked
    assert hidden(judged(came, unknown_since=NOW - 60, chance=1.0)) == 35


@pytest.mark.parametrize("came", UNKNOWN)
def test_without_a_ledger_only_what_is_idempotent_is_posted_again(came: Answer | NoAnswer) -> None:
    assert again(judged(came, ledger=False, idempotent=True, timeout=300.0))[1] == 305
    _, said = letter(judged(came, ledger=False))
    assert said["rota.reason"].startswith("outcome unknown: ")


def test_it_is_asked_at_least_once_and_then_ends_behind_the_deadline() -> None:
    due = datetime.fromtimestamp(NOW - 60, UTC)
    late: dict[str, Any] = {
        "scheduled_at": due,
        "start_deadline": 60.0,
        "timeout": 300.0,
        "ledger": False,
        "idempotent": True,
    }
    assert again(judged(Answer(504), **late))[1] == 305
    assert hidden(judged(Answer(504), unknown_since=NOW, **late)) == 305
    late["scheduled_at"] = datetime.fromtimestamp(NOW - 60 - 305, UTC)
    # However often it came before: what was not due was not asked.
    assert again(judged(Answer(504), received=2, **late))[1] == 305
    found = letter(judged(Answer(504), unknown_since=NOW, **late))
    assert found[1]["rota.reason"].startswith("outcome unknown: ")


def test_what_is_never_answered_ends() -> None:
    envelope, now, said = run(timeout=12 * HOUR, idempotent=True), NOW, dict[str, float]()
    posts = 0
    while posts < 10:
        posts += 1
        delivery = delivered(envelope, ledger=False, now=now, sent_at=now - 60, marks=said)
        settle = judge(Answer(504), delivery).settle
        if isinstance(settle, DeadLetter):
            break
        assert isinstance(settle, SendAgain)
        envelope = Envelope.decode(settle.letter.body)
        said = {name: datetime.fromisoformat(at).timestamp() for name, at in settle.letter.attributes.items()}
        assert envelope.not_before is not None
        now = envelope.not_before.timestamp()
    assert posts == 3


def test_a_timeout_longer_than_sqs_can_hide_stands_in_the_message() -> None:
    envelope, delay = again(judged(Answer(504), timeout=43_200.0, ledger=False, idempotent=True))
    assert delay == 900
    assert envelope.not_before == datetime.fromtimestamp(NOW + 43_205, UTC)


# Not due


def test_what_is_not_due_is_hidden_until_it_is() -> None:
    def early(seconds: float, sent_at: float = NOW) -> Verdict | None:
        at = datetime.fromtimestamp(NOW + seconds, UTC)
        return not_due(delivered(run(not_before=at), sent_at=sent_at, marks={RUNNING_SINCE: NOW - 50}))

    assert early(0) is None
    assert not_due(delivered(run())) is None
    assert hidden(early(61) or pytest.fail("due")) == 61
    assert hidden(early(7 * 86400) or pytest.fail("due")) == LONGEST_HIDDEN
    # The queue would forget it.
    renewed = early(7200, sent_at=NOW - 2 * 86400) or pytest.fail("due")
    envelope, delay = again(renewed)
    assert (envelope.not_before, delay) == (datetime.fromtimestamp(NOW + 7200, UTC), 900)
    assert marks(renewed) == {RUNNING_SINCE: "2026-11-21T11:04:10Z"}


# Too late


def test_servers_that_do_not_know_of_a_deadline_are_not_asked_behind_it() -> None:
    def late(by: float, *, ledger: bool = False, received: int = 1, anew: bool = False, **changes: Any) -> Any:
        at = datetime.fromtimestamp(NOW - 60 - by, UTC)
        envelope = run(**{"scheduled_at": at, "start_deadline": 60.0, **changes})
        said = {FIRST_SENT: NOW} if anew else {}
        return too_late(delivered(envelope, ledger=ledger, received=received, marks=said))

    _, said = letter(late(0) or pytest.fail("in time"))
    assert said["rota.reason"] == "not started in time"
    assert late(-1) is None
    # They put on record that it is skipped.
    assert late(0, ledger=True) is None
    # It may have been posted.
    assert late(0, received=2) is None
    assert late(0, anew=True) is None
    assert late(0, not_before=datetime.fromtimestamp(NOW, UTC)) is None
    assert late(0, attempt=2) is None
    assert late(0, redrives=1) is None
    assert late(0, start_deadline=None) is None


# Left


def test_what_was_never_begun_on_a_server_that_has_left_is_done_with() -> None:
    assert left(delivered(run())) == Verdict(None, "server left", Delete())


@pytest.mark.parametrize(
    ("marks", "changes", "reason"),
    [
        ({UNKNOWN_SINCE: NOW}, {}, "outcome unknown, and the server has left"),
        ({RUNNING_SINCE: NOW}, {"redrives": 1}, "outcome unknown, and the server has left"),
        ({}, {"redrives": 1}, "server left"),
        ({FIRST_SENT: NOW}, {"attempt": 2}, "server left"),
    ],
)
def test_what_was_begun_there_or_asked_for_again_is_a_dead_letter(
    marks: dict[str, float], changes: dict[str, Any], reason: str
) -> None:
    assert letter(left(delivered(run(**changes), marks=marks)))[1]["rota.reason"] == reason


# Whatever is answered

anything = st.one_of(
    st.builds(
        Answer,
        st.integers(100, 999),
        st.one_of(
            st.binary(max_size=50),
            st.fixed_dictionaries(
                {"rota": st.sampled_from([1, 2, None]), "job": st.sampled_from(["refresh-prices", "other", None, 1])},
                optional={
                    "again_in": st.one_of(st.floats(), st.integers(), st.text()),
                    "final": st.sampled_from([True, False, "yes"]),
                    "attempt": st.one_of(st.integers(), st.floats(), st.booleans()),
                    "error": st.text(),
                    "reason": st.text(),
                    "run": st.text(),
                    "scheduled_at": st.one_of(st.text(), st.datetimes(timezones=st.just(UTC)).map(str)),
                },
            ).map(lambda said: json.dumps(said).encode()),
        ),
        st.one_of(st.none(), st.floats(0, 10**9)),
    ),
    st.builds(NoAnswer, st.text(), st.booleans(), st.booleans(), st.one_of(st.none(), st.floats(0, 10**5))),
)
moments = st.one_of(st.none(), st.datetimes(timezones=st.just(UTC)))
envelopes = st.builds(
    run,
    timeout=st.one_of(st.none(), st.floats(0.1, 10**6)),
    start_deadline=st.one_of(st.none(), st.floats(0.1, 10**6)),
    attempts=st.integers(1, 100),
    attempt=st.integers(1, 200),
    redrives=st.integers(0, 3),
    idempotent=st.booleans(),
    scheduled_at=moments,
    enqueued_at=moments,
)


@given(
    came=anything,
    envelope=envelopes,
    age=st.floats(0, 8 * 86400),
    received=st.integers(1, 1000),
    ledger=st.booleans(),
    chance=st.floats(0, 1),
    ran=st.one_of(st.none(), st.floats(0, 8 * 86400)),
)
def test_every_answer_has_a_verdict_within_the_limits_of_sqs(
    *,
    came: Answer | NoAnswer,
    envelope: Envelope,
    age: float,
    received: int,
    ledger: bool,
    chance: float,
    ran: float | None,
) -> None:
    since = None if ran is None else NOW - ran
    marks = {} if since is None else {RUNNING_SINCE: since}
    said: Any = {"received": received, "marks": marks, "chance": lambda: chance}
    found = judge(came, delivered(envelope, ledger=ledger, sent_at=NOW - age, **said))
    settle = found.settle
    if isinstance(settle, Hide):
        assert isinstance(settle.seconds, int)
        assert 1 <= settle.seconds <= LONGEST_HIDDEN < 43_200
        return
    if isinstance(settle, Delete):
        assert isinstance(came, Answer)
        assert 200 <= came.status < 300
        return
    # Whatever is sent can be read again, and names the same job and endpoint.
    sent = settle.letter
    back = Envelope.decode(sent.body)
    assert (back.job, back.post) == (envelope.job, envelope.post)
    assert isinstance(sent.delay, int)
    assert 0 <= sent.delay <= 900
    assert all(value and len(value) <= 1000 for value in sent.attributes.values())
    if isinstance(settle, DeadLetter):
        assert sent.attributes["rota.reason"]
        assert (back.attempt, back.redrives) == (1, envelope.redrives + 1)
        assert len(sent.attributes) <= 10
    else:
        assert back.attempt >= envelope.attempt
        assert replace(back, not_before=None) == replace(envelope, not_before=None) or found.metric == "Failed"
