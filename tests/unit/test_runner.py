"""One delivery: from a message to what is to be done with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota import Cron, Every, Job, Manifest, Once, Outcome, Queue, Retry, Run
from rota.envelope import Envelope
from rota.queues.base import MAX_BYTES
from rota.run import Stop
from rota.runner import Runner
from rota.testing import FakeClock
from rota.verdicts import Acknowledge, DeadLetter, SendAgain, Verdict

if TYPE_CHECKING:
    from tests.unit.conftest import Fleet

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
q = Queue(name="billing")
UNKNOWN = "no server could read it for 1:00:00: its job is not in this server's manifest"


@dataclass(frozen=True)
class Report:
    kind: str = "daily"


@dataclass(frozen=True)
class Slow:
    """Reading it takes as long as a test says."""

    wait: ClassVar[Callable[[], None]] = lambda: None

    def __post_init__(self) -> None:
        type(self).wait()


FIELDS = ("rota_job", "rota_run", "rota_attempt", "rota_queue")


def failing(error: BaseException) -> Callable[[], None]:
    def handle() -> None:
        raise error

    return handle


def again(verdict: Verdict) -> Envelope:
    assert isinstance(verdict.settle, SendAgain)
    return Envelope.decode(verdict.settle.body)


def dead(verdict: Verdict) -> tuple[str, dict[str, str]]:
    assert isinstance(verdict.settle, DeadLetter)
    assert verdict.settle.attributes["rota.reason"] == verdict.reason
    return verdict.settle.body, verdict.settle.attributes


NEW = Envelope(job="work", run="r1", enqueued_at=NOW)


# Success


def test_a_run_that_succeeds_is_acknowledged(fleet: Fleet) -> None:
    verdict = fleet.deliver(fleet.runner(timeout=MINUTE), replace(NEW, attempt=2))
    assert verdict == Verdict(Outcome.SUCCEEDED, "handler returned", Acknowledge())
    (run,) = fleet.runs
    assert (run.job, run.id, run.attempt, run.queue) == ("work", "r1", 2, "billing")
    assert (run.enqueued_at, run.scheduled_at, run.deadline) == (NOW, None, NOW + MINUTE)
    assert not run.stop_requested


def test_a_handler_gets_its_payload(fleet: Fleet) -> None:
    got: list[Report] = []
    runner = fleet.runner(lambda report: got.append(report), payload=Report)  # noqa: PLW0108 - by its name
    for payload in ({"kind": "weekly"}, {}, None):
        assert fleet.deliver(runner, replace(NEW, payload=payload)).outcome is Outcome.SUCCEEDED
    assert got == [Report("weekly"), Report(), Report()]


def test_the_word_to_stop_reaches_the_handler(fleet: Fleet) -> None:
    stop = Stop()
    told: list[Any] = []

    def handle(run: Run) -> None:
        told.append(run.stop_requested)
        stop.request("the server stops")
        stop.request("a later reason")
        told.append(run.stop_requested and run.stop_event.is_set() and run.stop_reason)

    fleet.deliver(fleet.runner(handle), NEW, stop)
    assert told == [False, "the server stops"]


def test_the_deadline_is_told_on_the_monotonic_clock(fleet: Fleet) -> None:
    stop = Stop()
    fleet.clock.advance(100)
    fleet.deliver(fleet.runner(timeout=MINUTE), NEW, stop)
    assert stop.due == 160
    without = Stop()
    fleet.deliver(fleet.runner(), NEW, without)
    assert without.due is None


def test_what_precedes_the_call_takes_nothing_from_its_time(fleet: Fleet) -> None:
    def import_slowly(_: str) -> Any:
        fleet.clock.advance(MINUTE)
        return lambda run: fleet.runs.append(run)  # noqa: PLW0108 - by its name

    vars(fleet.module)["__getattr__"] = import_slowly
    stop = Stop()
    runner = fleet.runner(handler="shop_runner:late", payload=Slow, timeout=MINUTE)
    Slow.wait = lambda: fleet.clock.advance(MINUTE)
    assert fleet.deliver(runner, NEW, stop).outcome is Outcome.SUCCEEDED
    (run,) = fleet.runs
    assert fleet.clock.now() >= NOW + 2 * MINUTE
    assert run.deadline == fleet.clock.now() + MINUTE
    assert stop.due == fleet.clock.monotonic() + 60


def test_the_run_is_left_with_the_word_to_stop(fleet: Fleet) -> None:
    during: list[Any] = []

    def handle(run: Run) -> None:
        during.append((run, run.stop.run))

    stop = Stop()
    fleet.deliver(fleet.runner(handle, timeout=MINUTE), NEW, stop)
    ((given, left),) = during
    assert left is given is stop.run
    assert given.deadline == NOW + MINUTE


def test_of_a_hand_back_the_run_is_left_too(fleet: Fleet) -> None:
    stop = Stop()
    fleet.deliver(fleet.runner(), replace(NEW, job="newer", attempt=2), stop)
    assert stop.run is not None
    assert (stop.run.job, stop.run.id, stop.run.attempt, stop.run.queue) == ("newer", "r1", 2, "billing")
    unreadable = Stop()
    fleet.deliver(fleet.runner(), "hello", unreadable)
    assert unreadable.run is None


# Failure


def test_a_failure_is_tried_again_as_the_same_run(fleet: Fleet) -> None:
    runner = fleet.runner(failing(ValueError("no such order")), retry=Retry(attempts=3))
    verdict = fleet.deliver(runner, replace(NEW, handed_back_at=NOW))
    assert (verdict.outcome, verdict.reason) == (Outcome.FAILED, "ValueError: no such order")
    # An attempt was made, so the hour of hand-backs begins anew.
    assert again(verdict) == replace(NEW, attempt=2, error="ValueError: no such order")


@given(
    attempt=st.integers(1, 99),
    backoff=st.timedeltas(timedelta(), 15 * MINUTE),
    jitter=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_waits_stay_within_their_bounds(attempt: int, backoff: timedelta, jitter: float, seed: int) -> None:
    retry = Retry(attempts=100, backoff=backoff, jitter=jitter)
    job = Job(name="work", handler="builtins:no_such_handler", target=q, retry=retry)
    runner = Runner(Manifest(name="shop", jobs=[job]), clock=FakeClock(), chance=Random(seed))
    settle = runner.run(replace(NEW, attempt=attempt).encode(), queue="billing", stop=Stop()).settle
    assert isinstance(settle, SendAgain)
    full = min(backoff.total_seconds() * 2.0 ** (attempt - 1), 900)
    assert full * (1 - jitter) - 1e-5 <= settle.delay.total_seconds() <= full + 1e-5


def test_after_the_last_attempt_it_is_a_dead_letter_that_says_all(fleet: Fleet) -> None:
    runner = fleet.runner(failing(KeyError("x")), retry=Retry(attempts=2))
    verdict = fleet.deliver(runner, replace(NEW, attempt=2))
    body, attributes = dead(verdict)
    assert verdict.outcome is Outcome.FAILED
    assert attributes.pop("rota.traceback").isalnum()
    assert attributes == {
        "rota.reason": "attempts exhausted (2): KeyError: 'x'",
        "rota.error": "KeyError: 'x'",
        "rota.job": "work",
        "rota.attempts": "2",
        "rota.run": "r1",
    }
    assert Envelope.decode(body) == replace(NEW, redrives=1, error="KeyError: 'x'")


def test_a_dead_letter_that_is_sent_again_as_it_lies_has_all_its_attempts(fleet: Fleet) -> None:
    runner = fleet.runner(failing(KeyError("x")), retry=Retry(attempts=2))
    came = replace(NEW, attempt=2, handed_back_at=NOW, not_before=NOW, redrives=3, redriven_by="ada")
    body, _ = dead(fleet.deliver(runner, came))
    assert Envelope.decode(body) == replace(NEW, redrives=4, error="KeyError: 'x'")
    assert again(fleet.deliver(runner, body)).attempt == 2


def test_a_run_counts_its_attempts_to_the_end(fleet: Fleet) -> None:
    runner = fleet.runner(failing(ValueError()), retry=Retry(attempts=5))
    envelope, attempts = NEW, [1]
    while isinstance((verdict := fleet.deliver(runner, envelope)).settle, SendAgain):
        envelope = again(verdict)
        attempts.append(envelope.attempt)
    assert attempts == [1, 2, 3, 4, 5]
    assert dead(verdict)[1]["rota.attempts"] == "5"


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("even telling fails")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt: "),
        (GeneratorExit(), "GeneratorExit: "),
        (asyncio.CancelledError(), "CancelledError: "),
        (Mute(), "Mute"),
        pytest.param(ValueError("x" * 5000), "ValueError: " + "x" * 988, id="long"),
    ],
)
def test_whatever_a_handler_raises_fails_this_run_alone(fleet: Fleet, error: BaseException, said: str) -> None:
    verdict = fleet.deliver(fleet.runner(failing(error)), NEW)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAILED, said)
    assert again(verdict).error == said


def test_what_sqs_does_not_take_is_left_out_of_errors(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)  # pytest-xdist cannot report a lone surrogate
    verdict = fleet.deliver(fleet.runner(failing(ValueError("a\x00b\udc80c\uffff"))), NEW)
    assert verdict.reason == again(verdict).error == "ValueError: a?b?c?"


def test_a_handler_that_cannot_be_found_fails_and_is_tried_again(fleet: Fleet) -> None:
    verdict = fleet.deliver(fleet.runner(handler="no_such_module:run"), NEW)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason.startswith("job 'work': handler 'no_such_module:run': module 'no_such_module' cannot be imp")
    assert again(verdict).attempt == 2


# What cannot be read


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("hello", "cannot be read: not JSON: "),
        pytest.param("[" * 100_000, "cannot be read: not JSON: ", id="deep"),
        ('{"rota":9,"job":"work"}', "cannot be read: envelope version 9 is not known here"),
        (
            '{"rota":1,"job":"work","scheduled_at":"<aws.scheduler.scheduled-time>"}',
            "cannot be read: scheduled_at must be an RFC 3339 time; got '<aws.scheduler.scheduled-time>'",
        ),
    ],
)
def test_what_cannot_be_read_is_a_dead_letter_at_once(fleet: Fleet, body: str, reason: str) -> None:
    verdict = fleet.deliver(fleet.runner(), body)
    assert verdict.outcome is None
    assert dead(verdict)[0] == body
    assert verdict.reason.startswith(reason)
    assert fleet.runs == []


def test_a_payload_that_does_not_fit_is_a_dead_letter_at_once(fleet: Fleet) -> None:
    verdict = fleet.deliver(fleet.runner(payload=Report), replace(NEW, payload={"kind": 5}))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason == "payload cannot be read: Report: kind: Input should be a valid string; got 5"
    assert dead(verdict)[1]["rota.run"] == "r1"


def deep(levels: int) -> str:
    return '{"rota":1,"job":"work","run":"r1","payload":' + '{"kind":' * levels + "1" + "}" * levels + "}"


@dataclass(frozen=True)
class Picky:
    kind: str = "daily"

    def __post_init__(self) -> None:
        raise RAISES[self.kind]


RAISES: dict[str, BaseException] = {"KeyError": KeyError("x"), "SystemExit": SystemExit(3)}


@pytest.mark.parametrize(
    ("body", "declared", "reason"),
    [
        pytest.param(
            r'{"rota":1,"job":"work","run":"r1","payload":{"kind":"\ud800"}}',
            {"payload": Report},
            "payload cannot be read: PydanticSerializationError: ",
            id="surrogate",
        ),
        pytest.param(deep(500), {"payload": Report}, "payload cannot be read: ", id="deep"),
        pytest.param(
            '{"rota":1,"job":"work","run":"r1","payload":{"kind":"KeyError"}}',
            {"payload": Picky},
            "payload cannot be read: KeyError: 'x'",
            id="post-init",
        ),
        pytest.param(
            '{"rota":1,"job":"work","run":"r1","payload":{"kind":"SystemExit"}}',
            {"payload": Picky},
            "payload cannot be read: SystemExit: 3",
            id="exit",
        ),
        pytest.param(
            '{"rota":1,"job":"work","run":"r1","fired_at":"9999-12-31T23:00:00Z"}',
            {"schedule": Cron("0 2 * * *", time_zone="Asia/Tokyo")},
            "occurrence cannot be computed: OverflowError: ",
            id="last-day",
        ),
        pytest.param(
            '{"rota":1,"job":"work","run":"r1","fired_at":"0001-01-01T00:00:00Z"}',
            {"schedule": Cron("0 2 * * *", time_zone="America/New_York")},
            "occurrence cannot be computed: OverflowError: ",
            id="first-day",
        ),
    ],
)
def test_whatever_a_message_holds_it_is_this_messages_trouble_alone(
    fleet: Fleet, recorded: pytest.LogCaptureFixture, body: str, declared: dict[str, Any], reason: str
) -> None:
    verdict = fleet.deliver(fleet.runner(**declared), body)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason.startswith(reason)
    assert Envelope.decode(dead(verdict)[0]) == replace(Envelope.decode(body), redrives=1)
    assert {name: dead(verdict)[1][name] for name in ("rota.job", "rota.run")} == {"rota.job": "work", "rota.run": "r1"}
    (record,) = recorded.records
    assert record.levelname == "ERROR"
    assert record.getMessage() == f"work: {verdict.reason}; dead-lettered"
    assert [vars(record)[name] for name in FIELDS] == ["work", "r1", 1, "billing"]


def test_what_can_be_read_but_not_written_again_is_a_dead_letter(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(_: Envelope) -> str:
        raise RecursionError("maximum recursion depth exceeded")

    runner, body = fleet.runner(failing(ValueError())), NEW.encode()
    monkeypatch.setattr(Envelope, "encode", encode)
    verdict = fleet.deliver(runner, body)
    assert verdict.reason == "cannot be settled: RecursionError: maximum recursion depth exceeded"
    assert dead(verdict)[0] == body


def test_an_error_that_decode_did_not_think_of(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(_: str) -> Envelope:
        raise MemoryError

    monkeypatch.setattr(Envelope, "decode", decode)
    assert fleet.deliver(fleet.runner(), "{}").reason == "cannot be read: MemoryError: "


def test_attributes_hold_what_sqs_takes(fleet: Fleet) -> None:
    runner = fleet.runner(payload=Report)
    envelope = replace(NEW, run="r\ud800\x00" + "x" * 2000, payload={"kind": 5})
    attributes = dead(fleet.deliver(runner, envelope))[1]
    assert attributes["rota.run"] == "r??" + "x" * 997


# Jobs this server does not know


def test_an_unknown_job_is_handed_back_for_an_hour_and_then_dead(fleet: Fleet) -> None:
    runner = fleet.runner()
    envelope, backs = replace(NEW, job="newer"), 0
    while isinstance((verdict := fleet.deliver(runner, envelope)).settle, SendAgain):
        assert verdict.outcome is None
        assert timedelta(seconds=15) <= verdict.settle.delay <= timedelta(seconds=45)
        envelope = again(verdict)
        assert envelope == replace(NEW, job="newer", handed_back_at=NOW)
        fleet.clock.advance(MINUTE)
        backs += 1
    assert backs == 60
    assert verdict.reason == UNKNOWN
    assert dead(verdict)[1]["rota.job"] == "newer"


def test_a_hand_back_dated_ahead_counts_from_now(fleet: Fleet) -> None:
    runner = fleet.runner()
    ahead = replace(NEW, job="newer", handed_back_at=NOW + 1000 * HOUR)
    handed_back = again(fleet.deliver(runner, ahead))
    assert handed_back.handed_back_at == NOW
    fleet.clock.advance(HOUR)
    assert fleet.deliver(runner, handed_back).reason == UNKNOWN


def test_hand_backs_are_no_attempts(fleet: Fleet) -> None:
    old = fleet.runner(name="other")
    envelope = Envelope(job="work")
    for _ in range(20):
        envelope = again(fleet.deliver(old, envelope))
    assert fleet.deliver(fleet.runner(), envelope).outcome is Outcome.SUCCEEDED
    (run,) = fleet.runs
    assert run.attempt == 1
    assert run.id == envelope.run


def test_a_run_without_an_id_gets_one_at_its_first_hand_back_or_attempt(fleet: Fleet) -> None:
    handed_back = again(fleet.deliver(fleet.runner(name="other"), Envelope(job="work")))
    assert handed_back.run
    failed = again(fleet.deliver(fleet.runner(failing(ValueError())), Envelope(job="work")))
    assert failed.run


def test_an_occurrence_handed_back_keeps_what_its_id_follows_from(fleet: Fleet) -> None:
    old, new = fleet.runner(name="other"), fleet.runner(schedule=Cron("0 2 * * *"))
    fired = Envelope(job="work", fired_at=NOW + 2 * HOUR + 20 * SECOND)
    fleet.deliver(new, again(fleet.deliver(old, fired)))
    fleet.deliver(new, again(fleet.deliver(old, Envelope(job="work", scheduled_at=NOW + 2 * HOUR))))
    assert [run.id for run in fleet.runs] == ["work@2026-01-01T02:00:00Z"] * 2


# What hardly fits into a message


def of_size(size: int, **fields: Any) -> Envelope:
    empty = replace(NEW, payload="", **fields)
    return replace(empty, payload="x" * (size - len(empty.encode())))


def test_a_retry_goes_before_its_error(fleet: Fleet) -> None:
    runner = fleet.runner(failing(ValueError("no")))
    # `,"error":"ValueError: no"` has 25 bytes, `,"attempt":2` 12.
    came = of_size(MAX_BYTES - 12 - 25 + 1)
    assert again(fleet.deliver(runner, came)) == replace(came, attempt=2)
    came = of_size(MAX_BYTES - 12 - 25)
    assert again(fleet.deliver(runner, came)) == replace(came, attempt=2, error="ValueError: no")


def test_a_hand_back_and_a_dead_letter_go_before_it_too(fleet: Fleet) -> None:
    came = of_size(MAX_BYTES, job="newer", error="ValueError: no")
    assert again(fleet.deliver(fleet.runner(), came)).error is None
    runner = fleet.runner(failing(ValueError("no")), retry=Retry(attempts=1))
    body, attributes = dead(fleet.deliver(runner, of_size(MAX_BYTES - 500)))
    assert attributes["rota.reason"] == "attempts exhausted (1): ValueError: no"
    assert Envelope.decode(body).error == "ValueError: no"
    body, attributes = dead(fleet.deliver(runner, of_size(MAX_BYTES - 300)))
    assert attributes["rota.reason"] == "attempts exhausted (1): ValueError: no"
    assert Envelope.decode(body).error is None


# Occurrences


def test_every_delivery_of_an_occurrence_has_one_run_id(fleet: Fleet) -> None:
    runner = fleet.runner(schedule=Cron("0 2 * * *"))
    due = NOW + 2 * HOUR
    for envelope in (
        Envelope(job="work", scheduled_at=due),
        Envelope(job="work", fired_at=due),
        Envelope(job="work", fired_at=due + 59 * SECOND),
        Envelope(job="work", fired_at=due + 120 * SECOND),
    ):
        fleet.deliver(runner, envelope)
    assert {run.id for run in fleet.runs} == {"work@2026-01-01T02:00:00Z"}
    assert {run.scheduled_at for run in fleet.runs} == {due}
    fleet.deliver(runner, Envelope(job="work", fired_at=due + 24 * HOUR))
    assert fleet.runs[-1].id == "work@2026-01-02T02:00:00Z"


@pytest.mark.parametrize("late", [timedelta(), 40 * SECOND])
def test_what_a_rule_of_another_schedule_fires_is_not_taken_for_an_occurrence_that_has_run(
    fleet: Fleet, late: timedelta
) -> None:
    """An hourly rule, at a server that knows the job as daily: whichever of the two is the older."""
    daily = fleet.runner(schedule=Cron("0 2 * * *"), ledger=True)
    fleet.clock.advance(6 * 3600)
    for hour in (2, 3, 4, 5):
        verdict = fleet.deliver(daily, Envelope(job="work", fired_at=NOW + hour * HOUR + late))
        assert verdict.outcome is Outcome.SUCCEEDED
    assert [run.scheduled_at for run in fleet.runs] == [NOW + hour * HOUR for hour in (2, 3, 4, 5)]
    hourly = fleet.runner(schedule=Cron("0 * * * *"), ledger=True)
    duplicate = fleet.deliver(hourly, Envelope(job="work", fired_at=NOW + 5 * HOUR + late))
    assert duplicate.reason == "it is on record as succeeded", "both know it as one"


def test_what_a_rule_of_another_schedule_fires_is_as_late_as_its_own_time(fleet: Fleet) -> None:
    daily = fleet.runner(schedule=Cron("0 2 * * *"), start_deadline=HOUR, ledger=True)
    fleet.clock.advance(5 * 3600)
    assert fleet.deliver(daily, Envelope(job="work", fired_at=NOW + 5 * HOUR)).outcome is Outcome.SUCCEEDED


@given(seconds=st.integers(0, 10**8))
def test_a_rule_and_a_schedule_deliver_the_same_run(seconds: int) -> None:
    cron = Cron("*/7 3-9 * * 1-5")
    fired = NOW + timedelta(seconds=seconds)
    due = cron.latest(fired)
    assert due is not None
    by_rule, by_schedule = Envelope(job="a", fired_at=fired), Envelope(job="a", scheduled_at=due)
    assert by_rule.for_occurrence(due) == by_schedule.for_occurrence(due)


@pytest.mark.parametrize("schedule", [None, Every(timedelta(minutes=7)), Once(NOW + 9 * HOUR)])
def test_what_a_rule_of_an_earlier_deploy_fired_still_runs(fleet: Fleet, schedule: Any) -> None:
    verdict = fleet.deliver(fleet.runner(schedule=schedule), Envelope(job="work", fired_at=NOW + HOUR))
    assert verdict.outcome is Outcome.SUCCEEDED
    assert fleet.runs[0].scheduled_at == NOW + HOUR


def test_an_occurrence_that_fails_keeps_its_time_and_its_id(fleet: Fleet) -> None:
    runner = fleet.runner(failing(ValueError()), schedule=Cron("0 2 * * *"))
    retried = again(fleet.deliver(runner, Envelope(job="work", fired_at=NOW + 2 * HOUR + SECOND)))
    assert (retried.run, retried.scheduled_at) == ("work@2026-01-01T02:00:00Z", NOW + 2 * HOUR)
