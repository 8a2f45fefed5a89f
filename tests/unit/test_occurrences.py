"""Which occurrence a message is for."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota import Cron, Every, Job, Queue, Schedule
from rota.envelope import Envelope
from rota.occurrences import PRECISION, identified

AT = datetime(2026, 11, 21, 11, 5, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
FIVE = Every(5 * MINUTE)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def job(schedule: Schedule | None = FIVE) -> Job[None]:
    return Job(name="sync", handler="shop:sync", target=Queue(name="work"), schedule=schedule)


def posted(fired_at: datetime) -> Envelope:
    """As the trigger posts what a rule fired: with the minute, and the id of that."""
    guess = fired_at.replace(second=0, microsecond=0)
    return Envelope(
        job="sync", fired_at=fired_at, scheduled_at=guess, run=Envelope(job="sync").for_occurrence(guess).run
    )


def known(scheduled_at: datetime, **more: object) -> Envelope:
    return Envelope(job="sync", scheduled_at=scheduled_at).for_occurrence(scheduled_at)


@given(st.integers(0, 300).map(lambda n: BEGIN + 5 * n * MINUTE), st.floats(0, PRECISION.total_seconds()))
def test_the_minute_in_which_a_rule_fired_gives_way_to_the_true_instant(at: datetime, late: float) -> None:
    fired_at = at + timedelta(seconds=late)
    assert identified(posted(fired_at), job()) == known(at)
    assert identified(Envelope(job="sync", fired_at=fired_at), job()) == known(at), "and a queue's is the same run"


def test_an_id_that_somebody_has_written_stays() -> None:
    message = Envelope(job="sync", run="mine", fired_at=AT + 61 * SECOND, scheduled_at=AT + MINUTE)
    assert identified(message, job()) == Envelope(job="sync", run="mine", scheduled_at=AT)


def test_the_instant_of_a_schedule_is_taken_as_it_is() -> None:
    at = AT + 7 * SECOND
    assert identified(Envelope(job="sync", scheduled_at=at), job()) == known(at)


@pytest.mark.parametrize(
    "schedule",
    [None, Cron("0 2 * * *"), Every(7 * MINUTE), Every(timedelta(hours=1))],
    ids=["none", "another", "from the deploy", "long past"],
)
def test_where_the_job_knows_better_nothing_the_minute_counts(schedule: Schedule | None) -> None:
    fired_at = AT + 42 * SECOND
    for message in (posted(fired_at), Envelope(job="sync", fired_at=fired_at)):
        assert identified(message, job(schedule)) == known(AT)


def test_who_does_not_know_the_job_leaves_what_another_needs() -> None:
    fired_at = AT + 61 * SECOND
    message = posted(fired_at)
    through_a_stranger = identified(message, None)
    assert through_a_stranger == message
    assert identified(through_a_stranger, job()) == known(AT)
    assert identified(Envelope(job="sync", fired_at=fired_at), None).run is None
    assert identified(Envelope(job="sync", scheduled_at=AT), None) == known(AT)


def test_what_was_enqueued_is_no_occurrence() -> None:
    message = Envelope.new("sync", None, now=AT)
    assert identified(message, job()) is message


@given(st.datetimes(BEGIN.replace(tzinfo=None), datetime(2030, 1, 1), timezones=st.just(UTC)))
def test_to_ask_twice_changes_nothing(fired_at: datetime) -> None:
    once = identified(posted(fired_at), job())
    assert identified(once, job()) == once
    assert once.fired_at is None
