"""Deliveries of runs on record: who may run, and what becomes of the message. A delivery within a handler is another
server's, while the first one runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rota import GiveUp, LedgerError, Lock, Outcome, Queue, Retry, RetryAfter, Run, Unique
from rota.digests import payload_digest
from rota.envelope import Envelope
from rota.ledger import State
from rota.run import Stop
from rota.stores.base import Write
from rota.verdicts import Acknowledge, DeadLetter, Leave, SendAgain, Verdict

if TYPE_CHECKING:
    from tests.unit.conftest import Fleet

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DUE = Envelope(job="work", scheduled_at=NOW)
RUN_ID = "work@2026-01-01T00:00:00Z"
ENQUEUED = Envelope(job="work", run="r1", enqueued_at=NOW)
LEASE, MARGIN = 50, 5  # seconds: of a queue with a visibility timeout of a minute


@dataclass(frozen=True)
class Report:
    kind: str = "daily"


def again(verdict: Verdict) -> Envelope:
    assert isinstance(verdict.settle, SendAgain), verdict
    return Envelope.decode(verdict.settle.body)


def dead(verdict: Verdict) -> Envelope:
    assert isinstance(verdict.settle, DeadLetter), verdict
    assert verdict.settle.attributes["rota.reason"] == verdict.reason
    return Envelope.decode(verdict.settle.body)


def delay(verdict: Verdict) -> float:
    assert isinstance(verdict.settle, SendAgain), verdict
    return verdict.settle.delay.total_seconds()


def failing(*errors: BaseException) -> Callable[[], None]:
    """Raises each in turn, the last one for ever."""
    left = list(errors)

    def handle() -> None:
        raise left.pop(0) if len(left) > 1 else left[0]

    return handle


# A second delivery


def test_of_a_finished_run_is_skipped_and_acknowledged(fleet: Fleet) -> None:
    runner, other = fleet.runner(ledger=True), fleet.runner(ledger=True)
    assert fleet.deliver(runner, DUE) == Verdict(Outcome.SUCCEEDED, "handler returned", Acknowledge())
    assert fleet.deliver(other, DUE) == Verdict(Outcome.SKIPPED, "it is on record as succeeded", Acknowledge())
    assert [run.id for run in fleet.runs] == [RUN_ID]
    assert fleet.runs[0].token == fleet.record.token > 0
    assert (fleet.record.outcome, fleet.record.reason) == (Outcome.SUCCEEDED, "handler returned")


def test_of_a_running_one_is_put_back_until_its_lease_can_have_ended(fleet: Fleet) -> None:
    other, met = fleet.runner(ledger=True), []

    def handle() -> None:
        met.append(fleet.deliver(other, DUE))
        fleet.clock.advance(LEASE + MARGIN - 1)
        met.append(fleet.deliver(other, DUE))

    fleet.deliver(fleet.runner(handle, ledger=True), DUE)
    first, second = met
    assert first.outcome is None
    assert first.reason.startswith("runs on ")
    assert again(first) == replace(DUE, run=RUN_ID)
    assert LEASE + MARGIN <= delay(first) <= LEASE + MARGIN + 1
    assert 1 <= delay(second) <= 2
    assert fleet.runs == []


def test_of_an_abandoned_one_takes_it_over_and_the_late_completion_counts_nothing(fleet: Fleet) -> None:
    other, tokens, met = fleet.runner(ledger=True), [], []

    def handle(run: Run) -> None:
        tokens.append(run.token)
        fleet.clock.advance(LEASE + MARGIN)
        met.append(fleet.deliver(other, DUE))
        raise GiveUp("too late")

    late = fleet.deliver(fleet.runner(handle, ledger=True), DUE)
    assert met == [Verdict(Outcome.SUCCEEDED, "handler returned", Acknowledge())]
    assert late == Verdict(Outcome.ABANDONED, "taken over by another server", Leave())
    assert fleet.runs[0].token > tokens[0]
    assert fleet.runs[0].attempt == 1, "the attempt of a server that died is not counted against the run"
    assert [one.outcome for one in fleet.record.history] == [Outcome.ABANDONED, Outcome.SUCCEEDED]
    assert fleet.record.outcome is Outcome.SUCCEEDED
    assert fleet.record.token == fleet.runs[0].token


def test_of_a_failed_one_goes_to_the_dead_letters_which_it_may_not_have_reached(fleet: Fleet) -> None:
    runner = fleet.runner(failing(GiveUp("no such order")), ledger=True)
    first, second = fleet.deliver(runner, DUE), fleet.deliver(runner, DUE)
    assert dead(first).redrives == dead(second).redrives == 1
    assert first.reason == second.reason == "given up: GiveUp: no such order"
    assert len(fleet.record.history) == 1


@pytest.mark.parametrize("numbers", [(1, 1, 1), (1, 50, 1)])
def test_whatever_number_a_message_has_the_ledger_counts_the_attempts(fleet: Fleet, numbers: tuple[int, ...]) -> None:
    attempts: list[int] = []

    def handle(run: Run) -> None:
        attempts.append(run.attempt)
        raise ValueError("no")

    runner = fleet.runner(handle, ledger=True, retry=Retry(attempts=3, backoff=10 * SECOND, jitter=0))

    def deliver_in_time(number: int) -> Verdict:
        fleet.clock.advance(20)
        return fleet.deliver(runner, replace(DUE, attempt=number))

    *failed, last = (deliver_in_time(number) for number in numbers)
    assert attempts == [1, 2, 3]
    assert [again(verdict).attempt for verdict in failed] == [2, 3]
    assert last.reason == "attempts exhausted (3): ValueError: no"
    assert fleet.record.attempt == 3


def test_before_the_next_attempt_is_due_every_message_of_it_is_put_back(fleet: Fleet) -> None:
    runner = fleet.runner(failing(ValueError()), ledger=True, retry=Retry(backoff=10 * SECOND, jitter=0))
    assert delay(fleet.deliver(runner, DUE)) == 10
    fleet.clock.advance(4)
    verdict = fleet.deliver(runner, DUE)
    assert verdict.reason == "attempt 2 is not due"
    assert 6 <= delay(verdict) <= 7
    assert len(fleet.record.history) == 1


# A ledger that does not answer


def test_when_a_run_is_claimed_it_comes_again_and_has_not_started(fleet: Fleet) -> None:
    runner = fleet.runner(ledger=True)
    fleet.store.silent = True
    verdict = fleet.deliver(runner, DUE)
    assert (verdict.outcome, verdict.reason) == (None, "no answer")
    assert again(verdict) == replace(DUE, run=RUN_ID)
    assert 15 <= delay(verdict) <= 45
    assert fleet.runs == []
    fleet.store.silent = False
    assert fleet.deliver(runner, again(verdict)).outcome is Outcome.SUCCEEDED
    assert fleet.runs[0].attempt == 1


def test_a_claim_that_was_written_though_its_answer_was_lost_ends_with_its_lease(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, write = fleet.runner(ledger=True), fleet.store.real.write

    def answer_lost(writes: Sequence[Write]) -> None:
        write(writes)
        monkeypatch.setattr(fleet.store.real, "write", write)
        raise LedgerError("no answer")

    monkeypatch.setattr(fleet.store.real, "write", answer_lost)
    came = again(fleet.deliver(runner, DUE))
    put_back = fleet.deliver(runner, came)
    assert put_back.reason.startswith("runs on ")
    assert fleet.runs == []
    fleet.clock.advance(LEASE + MARGIN)
    assert fleet.deliver(runner, again(put_back)).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(
    "error",
    [None, ValueError("to be retried"), GiveUp("to be a dead letter"), RetryAfter(HOUR)],
    ids=["success", "retry", "dead", "long-wait"],
)
def test_when_a_run_is_completed_the_queue_is_told_nothing(fleet: Fleet, error: BaseException | None) -> None:
    def handle() -> None:
        fleet.store.silent = True
        if error is not None:
            raise error

    verdict = fleet.deliver(fleet.runner(handle, ledger=True), DUE)
    assert verdict == Verdict(None, "not on record: no answer", Leave())
    fleet.store.silent = False
    assert fleet.record.state is State.RUNNING, "for whoever takes it over"


def test_a_completion_is_tried_for_as_long_as_the_lease_lasts(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rota.ledger.claim.PAUSE", 0)
    write, left = fleet.store.real.write, [LedgerError("throttled")] * 3

    def throttled(writes: Sequence[Write]) -> None:
        if left:
            raise left.pop()
        write(writes)

    def handle() -> None:
        monkeypatch.setattr(fleet.store.real, "write", throttled)

    assert fleet.deliver(fleet.runner(handle, ledger=True), DUE).outcome is Outcome.SUCCEEDED
    assert fleet.record.outcome is Outcome.SUCCEEDED


# Failures


def test_a_failed_attempt_is_on_record_before_anything_is_sent(fleet: Fleet) -> None:
    runner = fleet.runner(failing(ValueError("no")), ledger=True, retry=Retry(backoff=10 * SECOND, jitter=0))
    verdict = fleet.deliver(runner, DUE)
    assert (verdict.outcome, again(verdict).attempt, again(verdict).not_before) == (Outcome.FAILED, 2, None)
    record = fleet.record
    assert (record.state, record.attempt, record.not_before) == (State.WAITING, 2, NOW + 10 * SECOND)
    assert [(one.number, one.outcome, one.reason) for one in record.history] == [(1, Outcome.FAILED, "ValueError: no")]


@pytest.mark.parametrize("ledger", [True, False], ids=["on-record", "plain"])
def test_a_wait_longer_than_sqs_can_hold_a_message_is_sent_again_until_it_is_over(fleet: Fleet, ledger: bool) -> None:
    runner = fleet.runner(
        failing(ValueError()), ledger=ledger, retry=Retry(backoff=HOUR, max_backoff=HOUR, jitter=0, attempts=2)
    )
    envelope = again(fleet.deliver(runner, DUE if ledger else ENQUEUED))
    assert (envelope.attempt, envelope.not_before) == (2, NOW + HOUR)
    for passed in (15, 30, 45):
        fleet.clock.advance(15 * MINUTE)
        before = len(fleet.store.reads) + len(fleet.store.writes)
        verdict = fleet.deliver(runner, envelope)
        assert (verdict.outcome, verdict.reason, again(verdict)) == (None, "not due yet", envelope)
        assert delay(verdict) == (60 - passed) * 60
        assert len(fleet.store.reads) + len(fleet.store.writes) == before, "the message alone can tell"
    fleet.clock.advance(15 * MINUTE)
    verdict = fleet.deliver(runner, envelope)
    assert verdict.reason == "attempts exhausted (2): ValueError: "
    assert dead(verdict).not_before is None


@pytest.mark.parametrize("ledger", [True, False], ids=["on-record", "plain"])
@pytest.mark.parametrize(("wait", "not_before"), [(90, None), (3 * HOUR, NOW + 3 * HOUR)])
def test_a_handler_says_when_it_is_to_be_called_again(
    fleet: Fleet, ledger: bool, wait: Any, not_before: datetime | None
) -> None:
    runner = fleet.runner(failing(RetryAfter(wait, "busy")), ledger=ledger, retry=Retry(attempts=2))
    verdict = fleet.deliver(runner, DUE if ledger else ENQUEUED)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAILED, "RetryAfter: busy")
    assert timedelta(seconds=delay(verdict)) == RetryAfter(wait).wait
    assert again(verdict).not_before == not_before
    fleet.clock.advance(RetryAfter(wait).wait)
    assert fleet.deliver(runner, again(verdict)).reason == "attempts exhausted (2): RetryAfter: busy"


class NotFoundError(LookupError):
    class InAreaError(KeyError):
        pass


HERE = __name__


@pytest.mark.parametrize(
    ("error", "declared", "reason"),
    [
        (GiveUp("no such order"), {}, "given up: GiveUp: no such order"),
        (ValueError("x"), {"give_up_on": [ValueError]}, "not to be tried again: ValueError: x"),
        (ValueError("x"), {"give_up_on": ["ValueError"]}, "not to be tried again: ValueError: x"),
        (NotFoundError("x"), {"give_up_on": [LookupError]}, "not to be tried again: NotFoundError: x"),
        (NotFoundError("x"), {"give_up_on": ["builtins:LookupError"]}, "not to be tried again: NotFoundError: x"),
        (NotFoundError("x"), {"give_up_on": [f"{HERE}:NotFoundError"]}, "not to be tried again: NotFoundError: x"),
        (
            NotFoundError.InAreaError("x"),
            {"give_up_on": [f"{HERE}:NotFoundError.InAreaError"]},
            "not to be tried again: InAreaError: 'x'",
        ),
        (ValueError("x"), {"on": [OSError]}, "not to be tried again: ValueError: x"),
        (ConnectionError("x"), {"on": [OSError], "give_up_on": [ConnectionError]}, "not to be tried again: Connection"),
        (SystemExit(3), {"on": [Exception]}, "not to be tried again: SystemExit: 3"),
        (ConnectionError("x"), {"on": [OSError]}, None),
        (ConnectionError("x"), {"on": ["OSError"]}, None),
        (NotFoundError("x"), {"on": [f"{HERE}:NotFoundError", "elsewhere:Error"]}, None),
        (LookupError("x"), {"give_up_on": [NotFoundError]}, None),
    ],
)
def test_which_failures_are_tried_again(
    fleet: Fleet, error: BaseException, declared: dict[str, Any], reason: str | None
) -> None:
    verdict = fleet.deliver(fleet.runner(failing(error), ledger=True, retry=Retry(**declared)), DUE)
    assert verdict.outcome is Outcome.FAILED
    if reason is None:
        assert again(verdict).attempt == 2
        assert fleet.record.state is State.WAITING
    else:
        assert verdict.reason.startswith(reason)
        assert dead(verdict).redrives == 1
        assert fleet.record.reason == verdict.reason


def test_of_two_servers_one_does_not_send_a_dead_letter_for_the_other(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be settled: here the run after its failure."""
    other = fleet.runner(ledger=True)
    encode = Envelope.encode

    def handle() -> None:
        fleet.clock.advance(LEASE + MARGIN)
        fleet.deliver(other, DUE)
        monkeypatch.setattr(Envelope, "encode", broken)
        raise ValueError

    def broken(_: Envelope) -> str:
        monkeypatch.setattr(Envelope, "encode", encode)
        raise RecursionError("maximum recursion depth exceeded")

    verdict = fleet.deliver(fleet.runner(handle, ledger=True), DUE)
    assert verdict == Verdict(Outcome.ABANDONED, "taken over by another server", Leave())
    assert fleet.record.outcome is Outcome.SUCCEEDED


# What this server cannot read


def test_a_payload_of_another_version_is_handed_back_for_an_hour_and_then_dead(fleet: Fleet) -> None:
    runner = fleet.runner(ledger=True, payload=Report)
    envelope, backs = replace(DUE, payload={"kind": 5}, digest="f" * 16), 0
    while isinstance((verdict := fleet.deliver(runner, envelope)).settle, SendAgain):
        assert verdict.outcome is None
        assert 15 <= delay(verdict) <= 45
        envelope = again(verdict)
        assert envelope.handed_back_at == NOW
        fleet.clock.advance(MINUTE)
        backs += 1
    assert backs == 60
    assert verdict.reason.startswith("no server could read it for 1:00:00: its payload is of another version: Report: ")
    assert dead(verdict).handed_back_at is None
    assert (fleet.record.outcome, fleet.record.reason) == (Outcome.FAILED, verdict.reason)
    assert fleet.runs == []


@pytest.mark.parametrize("digest", [payload_digest(Report), None], ids=["same-digest", "no-digest"])
def test_a_payload_that_no_other_version_would_read_is_dead_at_once_and_on_record(
    fleet: Fleet, digest: str | None
) -> None:
    runner = fleet.runner(ledger=True, payload=Report)
    verdict = fleet.deliver(runner, replace(DUE, payload={"kind": 5}, digest=digest))
    assert dead(verdict).redrives == 1
    record = fleet.record
    assert (record.state, record.outcome, record.reason) == (State.FINISHED, Outcome.FAILED, verdict.reason)
    assert record.reason == "payload cannot be read: Report: kind: Input should be a valid string; got 5"


def test_it_is_dead_though_the_ledger_does_not_answer(fleet: Fleet) -> None:
    runner = fleet.runner(ledger=True, payload=Report)
    fleet.store.silent = True
    assert dead(fleet.deliver(runner, replace(DUE, payload={"kind": 5}))).redrives == 1


def test_what_can_be_read_runs_whatever_its_digest(fleet: Fleet) -> None:
    got: list[Report] = []
    runner = fleet.runner(lambda report: got.append(report), ledger=True, payload=Report)  # noqa: PLW0108 - by its name
    envelope = replace(DUE, payload={"kind": "weekly"}, digest="f" * 16, handed_back_at=NOW - 2 * HOUR)
    assert fleet.deliver(runner, envelope).outcome is Outcome.SUCCEEDED
    assert got == [Report("weekly")]


def test_a_key_that_comes_out_too_long_is_a_dead_letter_on_record(fleet: Fleet) -> None:
    runner = fleet.runner(ledger=True, payload=Report, lock=Lock(key="kind:{kind}"))
    verdict = fleet.deliver(runner, replace(DUE, payload={"kind": "x" * 600}))
    assert "is too long: 605 bytes with its fields filled in, at most 500 are taken" in verdict.reason
    assert dead(verdict).redrives == 1
    assert fleet.record.outcome is Outcome.FAILED


# Redriven runs


def test_a_redriven_run_starts_again_though_it_is_on_record_as_failed(fleet: Fleet) -> None:
    attempts: list[tuple[int, str]] = []
    errors = iter([ValueError("a"), ValueError("b"), ValueError("c"), None])

    def handle(run: Run) -> None:
        attempts.append((run.attempt, run.id))
        if error := next(errors):
            raise error

    retry = Retry(attempts=2, backoff=timedelta())
    runner = fleet.runner(handle, ledger=True, retry=retry, start_deadline=MINUTE)
    letter = dead(fleet.deliver(runner, again(fleet.deliver(runner, DUE))))
    first_token = fleet.record.token
    fleet.clock.advance(24 * HOUR)
    letter = replace(letter, redriven_by="ada")
    assert fleet.deliver(runner, again(fleet.deliver(runner, letter))).outcome is Outcome.SUCCEEDED
    assert attempts == [(1, RUN_ID), (2, RUN_ID), (1, RUN_ID), (2, RUN_ID)]
    record = fleet.record
    assert (record.outcome, record.redrives, record.redriven_by) == (Outcome.SUCCEEDED, 1, "ada")
    assert record.token > first_token
    assert len(record.history) == 4
    assert fleet.deliver(runner, replace(letter, redrives=2)).reason == "it is on record as succeeded"
    assert len(attempts) == 4


def test_a_late_duplicate_of_a_redriven_run_leaves_a_dead_letter_that_can_be_redriven(fleet: Fleet) -> None:
    attempts: list[int] = []

    def handle(run: Run) -> None:
        attempts.append(run.attempt)
        raise GiveUp("no")

    runner = fleet.runner(handle, ledger=True)
    letter = dead(fleet.deliver(runner, DUE))
    letter = dead(fleet.deliver(runner, letter))
    assert (letter.redrives, len(attempts)) == (2, 2)
    duplicate = dead(fleet.deliver(runner, DUE))  # of the first message, from before the redrive
    assert len(attempts) == 2
    dead(fleet.deliver(runner, duplicate))
    assert len(attempts) == 3


def test_a_duplicate_that_claims_a_redriven_runs_attempt_keeps_the_count_of_redrives(fleet: Fleet) -> None:
    errors = [GiveUp("no"), ValueError("again"), GiveUp("no")]
    runner = fleet.runner(failing(*errors), ledger=True, retry=Retry(backoff=timedelta()))
    fleet.deliver(runner, dead(fleet.deliver(runner, DUE)))
    assert (fleet.record.state, fleet.record.redrives) == (State.WAITING, 1)
    assert dead(fleet.deliver(runner, DUE)).redrives == 2


# What it costs


def test_plain_enqueued_runs_ask_the_ledger_nothing(fleet: Fleet) -> None:
    fleet.store.silent = True
    weekly = replace(ENQUEUED, payload={"kind": "weekly"})
    given: list[tuple[Envelope, BaseException | None, dict[str, Any]]] = [
        (weekly, None, {}),
        (weekly, ValueError(), {}),
        (weekly, RetryAfter(HOUR), {}),
        (weekly, ValueError(), {"retry": Retry(backoff=HOUR, max_backoff=HOUR)}),
        (weekly, GiveUp(), {}),
        (replace(weekly, payload={"kind": 5}), None, {}),
        (replace(weekly, not_before=NOW + HOUR), None, {}),
        (replace(weekly, enqueued_at=NOW - HOUR), None, {"start_deadline": MINUTE}),
        (replace(weekly, job="newer"), None, {}),
        (replace(weekly, redrives=1, attempt=2), None, {}),
    ]
    outcomes = []
    for envelope, error, declared in given:
        handle = failing(error) if error else None
        runner = fleet.runner(handle, ledger=True, **{"payload": Report, **declared})
        outcomes.append(fleet.deliver(runner, envelope).outcome)
    assert [outcome and outcome.value for outcome in outcomes] == [
        *["succeeded", "failed", "failed", "failed", "failed", "failed", None, "skipped", None, "succeeded"]
    ]
    assert fleet.clock.now() == NOW, "it was asked nothing: each time it does not answer takes a while"
    assert all(run.token is None for run in fleet.runs)


def test_an_occurrence_costs_two_writes_and_no_read(fleet: Fleet) -> None:
    fleet.deliver(fleet.runner(ledger=True), DUE)
    key = ("run#work", "2026-01-01T00:00:00Z#billing")
    assert fleet.store.writes == [[key], [key]]
    assert fleet.store.reads == []


def test_with_a_lock_claim_and_completion_are_one_transaction_each(fleet: Fleet) -> None:
    runner = fleet.runner(ledger=True, payload=Report, lock=Lock(key="kind:{kind}"))
    assert fleet.deliver(runner, replace(ENQUEUED, payload={"kind": "weekly"})).outcome is Outcome.SUCCEEDED
    both = [("run#work", "r1"), ("lock#kind:weekly", "-")]
    assert fleet.store.writes == [both, both]
    assert fleet.runs[0].token == fleet.record.token


def test_with_a_unique_key_the_claim_writes_it_and_the_completion_does_not(fleet: Fleet) -> None:
    runner = fleet.runner(ledger=True, payload=Report, unique=Unique(key="kind:{kind}", window=HOUR))
    fleet.deliver(runner, replace(ENQUEUED, payload={"kind": "weekly"}))
    run = ("run#work", "r1")
    assert fleet.store.writes == [[run, ("unique#work#kind:weekly", "-")], [run]]


def test_what_is_skipped_costs_one_write(fleet: Fleet) -> None:
    fleet.clock.advance(HOUR)
    fleet.deliver(fleet.runner(ledger=True, start_deadline=MINUTE), DUE)
    assert len(fleet.store.writes) == 1


def test_retry_after_waits_whatever_the_retry_says_of_exceptions(fleet: Fleet) -> None:
    runner = fleet.runner(failing(RetryAfter(60)), ledger=True, retry=Retry(on=[ConnectionError]))
    assert delay(fleet.deliver(runner, DUE)) == 60


def test_an_outcome_on_record_holds_whoever_has_the_message(fleet: Fleet) -> None:
    runner = fleet.runner(failing(ValueError("x")), ledger=True)
    assert fleet.deliver(runner, DUE).on_record
    plain = fleet.deliver(fleet.runner(failing(ValueError("x"))), ENQUEUED)
    assert not plain.on_record


def test_a_run_that_can_be_read_here_has_its_hour_of_hand_backs_anew(fleet: Fleet) -> None:
    runner = fleet.runner(ledger=True)
    waits = replace(DUE, not_before=NOW + HOUR, handed_back_at=NOW - HOUR)
    assert again(fleet.deliver(runner, waits)).handed_back_at is None


def test_a_run_that_kills_its_servers_is_given_up_and_dead_lettered(fleet: Fleet) -> None:
    fleet.runner(ledger=True)
    queue = Queue(name="billing", max_deliveries=3)

    def die(run: Run) -> None:
        fleet.runs.append(run)
        fleet.clock.advance(LEASE + MARGIN)  # nobody renews for it
        fleet.store.silent = True  # nor does it complete

    verdicts: list[Verdict] = []
    for _ in range(3):
        fleet.store.silent = False
        verdicts.append(fleet.deliver(fleet.runner(die, ledger=True, target=queue), DUE))
    fleet.store.silent = False
    fleet.clock.advance(LEASE + MARGIN)
    last = fleet.deliver(fleet.runner(die, ledger=True, target=queue), DUE)
    assert len(fleet.runs) == 3
    assert all(isinstance(verdict.settle, Leave) for verdict in verdicts)
    assert dead(last).redrives == 1
    assert last.reason == fleet.record.reason == "deliveries exhausted: 3 of its servers died"


def test_a_run_without_an_id_is_the_same_at_each_delivery_of_its_message(fleet: Fleet) -> None:
    nameless = Envelope(job="work", enqueued_at=NOW).encode()

    def die() -> None:
        fleet.store.silent = True  # it does not complete

    unique = Unique(key="all", window=HOUR)
    first = fleet.runner(die, ledger=True, unique=unique).run(nameless, queue="billing", stop=Stop(), message="m1")
    assert isinstance(first.settle, Leave)
    fleet.store.silent = False
    fleet.clock.advance(LEASE + MARGIN)
    runner = fleet.runner(ledger=True, unique=unique)
    assert runner.run(nameless, queue="billing", stop=Stop(), message="m1").outcome is Outcome.SUCCEEDED
    assert [run.id for run in fleet.runs] == ["m1"]
    assert runner.run(nameless, queue="billing", stop=Stop(), message="m2").outcome is Outcome.SKIPPED


@pytest.mark.parametrize("error", [LedgerError("no answer"), ArithmeticError("Rounded")])
def test_what_cannot_be_put_on_record_is_a_dead_letter_all_the_same(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(fleet.ledger, "refuse", refuse)
    unreadable = replace(DUE, payload={"kind": 5})
    verdict = fleet.deliver(fleet.runner(ledger=True, payload=Report), unreadable)
    assert dead(verdict).redrives == 1
