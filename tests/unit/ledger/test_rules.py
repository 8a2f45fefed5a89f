"""What may become of a delivery: each row of docs/ledger.md's tables. `LedgerConformance` tries them together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rota.envelope import Envelope
from rota.ledger import rules
from rota.ledger.records import Record, State
from rota.ledger.rules import Finished, LockWanted, PutBack, Refuse, Request, Start, TooOld
from rota.run import Outcome

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MS = 1_795_262_400_000
SECOND = timedelta(seconds=1)


def request(skip: str | None = None, lock: LockWanted | None = None, **fields: Any) -> Request:
    envelope = Envelope(**{"job": "a", "run": "a@7", "enqueued_at": NOW - SECOND} | fields)
    return Request(
        envelope=envelope, target="orders", server="web-2:1", lease=timedelta(seconds=50), skip=skip, lock=lock
    )


def running(**fields: Any) -> Record:
    decision = rules.decide(None, request(), NOW)
    assert isinstance(decision, Start)
    return replace(decision.record, **fields)


def started(record: Record | None, asked: Request, now: datetime = NOW) -> Record:
    decision = rules.decide(record, asked, now)
    assert isinstance(decision, Start), decision
    return decision.record


def test_a_run_that_is_not_on_record_starts() -> None:
    lock = LockWanted(key="tenant:7")
    assert started(None, request(lock=lock)) == Record(
        job="a",
        run="a@7",
        target="orders",
        state=State.RUNNING,
        attempt=1,
        token=MS,
        server="web-2:1",
        enqueued_at=NOW - SECOND,
        claimed_at=NOW,
        lease_until=NOW + 50 * SECOND,
        lock="tenant:7",
    )


def test_one_that_is_too_late_is_skipped_at_its_first_attempt_only() -> None:
    decision = rules.decide(None, request(skip="too late"), NOW)
    assert isinstance(decision, Refuse)
    record = decision.record
    assert (record.state, record.outcome, record.reason) == (State.FINISHED, Outcome.SKIPPED, "too late")
    assert (record.token, record.history, record.finished_at) == (0, (), NOW)
    for fields in ({"attempt": 2}, {"redrives": 1}):
        assert started(None, request(skip="too late", **fields)).state is State.RUNNING


def test_an_old_occurrence_that_is_not_on_record_may_have_run() -> None:
    edge = request(scheduled_at=NOW - rules.KEEP)
    assert started(None, edge).scheduled_at == NOW - rules.KEEP
    decision = rules.decide(None, edge, NOW + SECOND)
    assert decision == TooOld(reason="too old to prove that it did not run")
    assert started(None, request(scheduled_at=NOW - 2 * rules.KEEP, redrives=1)).redrives == 1
    assert started(None, request(enqueued_at=NOW - 2 * rules.KEEP)).attempt == 1


def test_a_lease_keeps_others_away_until_five_seconds_after_its_end() -> None:
    free_at = NOW + 55 * SECOND
    decision = rules.decide(running(), request(), free_at - timedelta(microseconds=1))
    assert decision == PutBack(until=free_at, reason="runs on web-2:1")
    after = started(running(attempt=3), request(), free_at)
    assert after.attempt == 3, "whatever number the message has"
    assert after.token == MS + 55_000
    (left,) = after.history
    assert (left.number, left.token, left.outcome, left.reason) == (3, MS, Outcome.ABANDONED, "its lease ended")
    assert (left.started_at, left.ended_at) == (NOW, free_at)


def test_a_token_grows_even_where_time_does_not() -> None:
    ahead = running(token=MS + 10**9)
    assert started(ahead, request(), NOW + 55 * SECOND).token == MS + 10**9 + 1


def test_a_failed_attempt_waits_for_the_next() -> None:
    waiting = rules.retried(running(), "ValueError", NOW + SECOND, not_before=NOW + 60 * SECOND)
    assert (waiting.state, waiting.attempt, waiting.lease_until) == (State.WAITING, 2, None)
    assert rules.decide(waiting, request(), NOW + 59 * SECOND) == PutBack(
        until=NOW + 60 * SECOND, reason="attempt 2 is not due"
    )
    after = started(waiting, request(), NOW + 60 * SECOND)
    assert (after.attempt, after.not_before, after.state) == (2, None, State.RUNNING)
    assert [(one.number, one.outcome, one.reason) for one in after.history] == [(1, Outcome.FAILED, "ValueError")]


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED])
def test_a_finished_run_has_its_outcome(outcome: Outcome) -> None:
    finished = rules.completed(running(), outcome, "x" * 5000, NOW + SECOND)
    assert (finished.outcome, finished.finished_at, finished.lease_until) == (outcome, NOW + SECOND, None)
    assert len(finished.reason) == 1000, "so that it can be written"
    assert rules.decide(finished, request(), NOW + timedelta(days=1)) == Finished(record=finished)


def test_a_redriven_run_begins_anew_once_with_its_history() -> None:
    failed = rules.completed(running(attempt=5), Outcome.FAILED, "ValueError", NOW)
    after = started(failed, request(redrives=1, redriven_by="ann"), NOW + SECOND)
    assert (after.attempt, after.redrives, after.redriven_by) == (1, 1, "ann")
    assert (after.outcome, after.reason, after.finished_at) == (None, "", None)
    assert after.token > failed.token
    assert [one.number for one in after.history] == [5]
    again = rules.completed(after, Outcome.FAILED, "ValueError", NOW + SECOND)
    assert rules.decide(again, request(redrives=1), NOW + 2 * SECOND) == Finished(record=again)


def test_what_has_succeeded_is_not_redriven() -> None:
    done = rules.completed(running(), Outcome.SUCCEEDED, "", NOW)
    assert rules.decide(done, request(redrives=9), NOW) == Finished(record=done)


@pytest.mark.parametrize("state", [State.RUNNING, State.WAITING])
def test_a_redrive_that_is_claimed_on_the_way_counts_so_that_its_duplicate_does_not(state: State) -> None:
    before = running() if state is State.RUNNING else rules.retried(running(), "", NOW, not_before=NOW)
    after = started(before, request(redrives=1, redriven_by="ann"), NOW + 55 * SECOND)
    assert (after.redrives, after.redriven_by) == (1, "ann")
    failed = rules.completed(after, Outcome.FAILED, "", NOW + 56 * SECOND)
    assert rules.decide(failed, request(redrives=1), NOW + 57 * SECOND) == Finished(record=failed)


def test_a_run_that_is_refused_keeps_what_its_last_holder_left() -> None:
    refused = rules.refused(running(), request(), Outcome.SKIPPED, "lock is held", NOW + 60 * SECOND)
    assert (refused.state, refused.outcome, refused.lease_until) == (State.FINISHED, Outcome.SKIPPED, None)
    assert refused.token == MS, "a refusal is no claim"
    assert [one.outcome for one in refused.history] == [Outcome.ABANDONED]


def test_a_redrive_that_is_refused_is_over_too() -> None:
    failed = rules.completed(running(), Outcome.FAILED, "", NOW)
    refused = rules.refused(failed, request(redrives=1), Outcome.SKIPPED, "lock is held", NOW)
    assert rules.decide(refused, request(redrives=1), NOW) == Finished(record=refused)


def test_the_token_of_a_redriven_run_grows_within_the_same_millisecond() -> None:
    failed = rules.completed(running(token=MS + 5), Outcome.FAILED, "", NOW)
    assert started(failed, request(redrives=1)).token == MS + 6


@pytest.mark.parametrize("state", [State.RUNNING, State.WAITING])
def test_a_redrive_gives_a_run_whose_workers_died_all_its_attempts_at_once(state: State) -> None:
    claimed = started(None, request())
    before = replace(claimed, state=state, attempt=3, not_before=NOW + timedelta(hours=1))
    after = started(before, request(redrives=1), NOW + 55 * SECOND)
    assert (after.attempt, after.not_before) == (1, None)


# Servers that die


def taken_over(record: Record | None, times: int, **fields: Any) -> Record:
    """The run after so many of its servers have died, one lease after another."""
    for _ in range(times):
        assert record is not None
        assert record.lease_until is not None
        record = started(record, request(**fields), record.lease_until + 5 * SECOND)
    assert record is not None
    return record


def limited(most: int, **fields: Any) -> Request:
    return replace(request(**fields), max_deliveries=most)


def test_a_run_whose_servers_die_is_given_up_after_as_many_starts_as_max_deliveries() -> None:
    third = taken_over(running(attempt=4), 2)
    assert (third.attempt, third.abandoned) == (4, 2)
    late = NOW + timedelta(hours=1)
    assert started(third, limited(4), late).abandoned == 3
    decision = rules.decide(third, limited(3), late)
    assert isinstance(decision, Refuse)
    record = decision.record
    assert (record.state, record.outcome, record.abandoned) == (State.FINISHED, Outcome.FAILED, 3)
    assert record.reason == "deliveries exhausted: 3 of its servers died"
    assert [one.outcome for one in record.history] == [Outcome.ABANDONED] * 3
    assert rules.decide(record, limited(3), late) == Finished(record=record)


def test_of_one_delivery_none_is_a_second_start() -> None:
    assert isinstance(rules.decide(running(), limited(1), NOW + timedelta(hours=1)), Refuse)


def test_while_its_lease_lasts_nobody_is_dead() -> None:
    third = taken_over(running(), 2)
    assert isinstance(rules.decide(third, limited(3), third.claimed_at or NOW), PutBack)


def test_an_attempt_that_ended_by_itself_begins_the_count_anew() -> None:
    third = taken_over(running(), 2)
    waiting = rules.retried(third, "ValueError", NOW, not_before=NOW)
    assert waiting.abandoned == started(waiting, request()).abandoned == 0
    assert rules.completed(third, Outcome.SUCCEEDED, "", NOW).abandoned == 0


def test_a_redrive_begins_it_anew_too_whether_the_run_was_given_up_or_not() -> None:
    late = NOW + timedelta(hours=1)
    third = taken_over(running(), 2)
    given_up = rules.decide(third, limited(3), late)
    assert isinstance(given_up, Refuse)
    for before in (third, given_up.record):
        again = started(before, limited(3, redrives=1), late)
        assert (again.abandoned, again.attempt) == (0, 1)
        assert started(again, limited(3, redrives=1), late + timedelta(hours=1)).abandoned == 1


# Who is not dropped by its lock


@pytest.mark.parametrize(
    ("record", "redrives", "overlap", "waits"),
    [
        (None, 0, "skip", False),
        (running(token=0), 0, "skip", False),
        (running(), 0, "skip", True),
        (running(), 0, "wait", True),
        (running(), 0, "cancel_running", False),
        (running(redrives=1), 0, "cancel_running", True),
        (running(), 1, "cancel_running", True),
        (None, 1, "skip", True),
    ],
)
def test_a_run_that_has_started_or_was_redriven_waits_for_its_lock(
    record: Record | None, redrives: int, overlap: Any, waits: bool
) -> None:
    asked = request(lock=LockWanted(key="one", overlap=overlap), redrives=redrives)
    assert rules.waits_for_lock(record, asked) is waits
