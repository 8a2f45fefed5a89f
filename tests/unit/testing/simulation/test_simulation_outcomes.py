"""Simulated days: failures, and what the time that handlers take leads to, by the real runner, ledger and locks."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from rota import Cron, Every, Job, Lock, Manifest, Once, Outcome, Queue, Retry, RetryAfter, Run
from rota.testing import simulate

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
REPORTS = Queue(name="reports")


def job(name: str = "work", schedule: Any = None, **more: Any) -> Job[Any]:
    given: dict[str, Any] = {"handler": "shop_simulated:note", "target": REPORTS} | more
    return Job(name=name, schedule=schedule, **given)


def shop_of(*jobs: Job[Any]) -> Manifest:
    return Manifest(name="shop", jobs=jobs)


def fail(*_: Any) -> None:
    raise ValueError("no book")


# Failures


def test_retries_wait_in_virtual_time_and_end_among_the_dead_letters() -> None:
    retry = Retry(attempts=3, backoff=HOUR, max_backoff=DAY, jitter=0)
    found = simulate(
        shop_of(job(schedule=Cron("0 2 * * *"), retry=retry)), start=START, days=2, handlers={"work": fail}
    )
    assert found.failed == list(found.runs)
    first, second = found.failed
    due = START + 2 * HOUR
    started = [attempt.started_at for attempt in first.attempts]
    # A little later than asked: who waits longer than SQS can hold a message asks again.
    waits = [later - earlier for earlier, later in pairwise(started)]
    assert started[0] == due
    assert [round(wait / HOUR, 2) for wait in waits] == [1, 2]
    assert [attempt.outcome for attempt in first.attempts] == [Outcome.FAILED] * 3
    assert (first.attempt, second.attempt) == (3, 3)
    assert first.reason == "attempts exhausted (3): ValueError: no book"
    assert [letter.attributes["rota.run"] for letter in found.dead_letters] == [first.id, second.id]


def test_one_that_succeeds_at_a_later_attempt() -> None:
    def moody(run: Run) -> None:
        if run.attempt < 3:
            raise RetryAfter(5 * MINUTE)

    found = simulate(shop_of(job(schedule=Every(DAY))), start=START, days=1, handlers={"work": moody})
    (run,) = found.succeeded
    assert [attempt.started_at - START for attempt in run.attempts] == [timedelta(), 5 * MINUTE, 10 * MINUTE]
    assert found.dead_letters == []


def test_the_same_seed_gives_the_same_backoff_and_another_one_another() -> None:
    def starts(seed: int) -> list[datetime]:
        manifest = shop_of(job(schedule=Every(HOUR)))
        found = simulate(manifest, start=START, days=1, handlers={"work": fail}, seed=seed)
        return [attempt.started_at for run in found.runs for attempt in run.attempts]

    assert starts(1) == starts(1) != starts(2)


# Time that handlers take


def test_a_lock_skips_what_would_overlap() -> None:
    found = simulate(
        shop_of(job(schedule=Every(30 * MINUTE), lock=Lock())),
        start=START,
        end=START + 2 * HOUR,
        durations={"work": 45 * MINUTE},
    )
    assert [run.outcome for run in found.runs] == [Outcome.SUCCEEDED, Outcome.SKIPPED] * 2
    assert found.skipped[0].reason == "lock 'work': held by work@2026-03-01T00:00:00Z#reports"
    assert [run.duration for run in found.succeeded] == [45 * MINUTE] * 2


def test_without_a_lock_runs_overlap() -> None:
    running: list[int] = []

    def take(run: Run) -> None:
        running.append(1)
        assert not run.stop_event.wait(45 * 60)
        seen.append(len(running))
        running.pop()

    seen: list[int] = []
    found = simulate(
        shop_of(job(schedule=Every(30 * MINUTE))), start=START, end=START + 2 * HOUR, handlers={"work": take}
    )
    assert [run.duration for run in found.succeeded] == [45 * MINUTE] * 4
    assert seen == [2, 2, 2, 1]


def test_a_lock_that_waits_runs_them_one_after_another() -> None:
    found = simulate(
        shop_of(job(schedule=Every(30 * MINUTE), lock=Lock(overlap="wait"))),
        start=START,
        end=START + 90 * MINUTE,
        durations={"work": 40 * MINUTE},
    )
    assert [run.outcome for run in found.runs] == [Outcome.SUCCEEDED] * 3
    ends = [run.finished_at for run in found.runs]
    starts = [run.started_at for run in found.runs]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False) if end and start)
    assert all(run.delay is not None and run.delay < HOUR for run in found.runs)


def test_a_newer_run_cancels_the_running_one() -> None:
    found = simulate(
        shop_of(job(schedule=Every(30 * MINUTE), lock=Lock(overlap="cancel_running"))),
        start=START,
        end=START + HOUR,
        durations={"work": 2 * HOUR},
    )
    first, second = found.runs
    assert first.outcome is Outcome.CANCELLED
    assert found.cancelled == [first]
    assert first.duration is not None
    assert 30 * MINUTE <= first.duration < 31 * MINUTE
    assert (second.outcome, second.duration) == (Outcome.SUCCEEDED, 2 * HOUR)


def test_at_its_timeout_a_run_is_stopped_and_fails() -> None:
    found = simulate(
        shop_of(job(schedule=Every(DAY), timeout=10 * MINUTE, retry=Retry(attempts=1))),
        start=START,
        days=1,
        durations={"work": HOUR},
    )
    (run,) = found.failed
    assert run.duration is not None
    assert 10 * MINUTE <= run.duration < 11 * MINUTE
    assert "its deadline has passed" in run.reason


def test_how_long_it_takes_can_depend_on_the_run() -> None:
    def takes(run: Run) -> timedelta:
        return run.scheduled_at.hour * MINUTE if run.scheduled_at else timedelta()

    found = simulate(shop_of(job(schedule=Every(HOUR))), start=START, days=1, durations={"work": takes})
    assert [run.duration for run in found.runs] == [hour * MINUTE for hour in range(24)]


@pytest.mark.parametrize(("servers", "at_once"), [(1, 2), (3, 6)])
def test_servers_do_so_many_at_once(servers: int, at_once: int) -> None:
    jobs = [job(f"job-{number}", Once(START)) for number in range(6)]
    found = simulate(
        shop_of(*jobs),
        start=START,
        days=1,
        servers=servers,
        concurrency=2,
        durations={each.name: HOUR for each in jobs},
    )
    assert sorted(run.delay for run in found.runs if run.delay is not None) == sorted(
        number // at_once * HOUR for number in range(6)
    )


def test_one_that_takes_longer_than_a_message_can_be_hidden_goes_on() -> None:
    found = simulate(
        shop_of(job(schedule=Once(START), lock=Lock())), start=START, days=1, durations={"work": 20 * HOUR}
    )
    (run,) = found.runs
    assert (run.outcome, run.attempt, run.duration) == (Outcome.SUCCEEDED, 1, 20 * HOUR)


def test_no_thread_is_left() -> None:
    simulate(shop_of(job(schedule=Every(MINUTE))), start=START, end=START + HOUR, durations={"work": 5 * MINUTE})
    mine = [thread for thread in threading.enumerate() if thread.name == "rota-simulation"]
    for thread in mine:
        thread.join(5)
    assert not any(thread.is_alive() for thread in mine)
