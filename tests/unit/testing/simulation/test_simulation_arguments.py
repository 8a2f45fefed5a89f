"""Simulated days: what they are given is looked at first, and what nobody could foretell is refused."""

import asyncio
import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from rota import Cron, Every, Job, Manifest, Queue, Retry, Run
from rota.testing import simulate

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
START = datetime(2026, 3, 1, tzinfo=UTC)


def job(name: str = "work", schedule: Any = None, **more: Any) -> Job[Any]:
    given: dict[str, Any] = {"handler": "shop_simulated:note", "target": Queue(name="reports")} | more
    return Job(name=name, schedule=schedule, **given)


def shop_of(*jobs: Job[Any]) -> Manifest:
    return Manifest(name="shop", jobs=jobs)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"days": -1}, "days must be more than 0, for example days=31; got -1"),
        ({"days": 0}, "days must be more than 0, for example days=31; got 0"),
        ({"days": float("nan")}, "days must be more than 0, for example days=31; got nan"),
        ({"end": START}, "end must be after start; got 2026-03-01T00:00:00+00:00 and 2026-03-01T00:00:00+00:00"),
        ({"end": date(2026, 3, 2)}, "end needs a time zone, for example datetime(2026, 1, 1, tzinfo=UTC); got"),
        (
            {"days": 1, "outages": [(START + HOUR, START)]},
            "outages must be pairs, the earlier instant first; got (2026-03-01T01:00:00+00:00, 2026-03-01T00:00:00+00:",
        ),
        (
            {"days": 1, "durations": {"work": -MINUTE}},
            "durations['work'] must be a timedelta, not below 0, such as timedelta(minutes=10); got datetime",
        ),
        ({"days": 1, "durations": {"work": 60}}, "durations['work'] must be a timedelta, not below 0, such as"),
        ({"days": 1, "handlers": {"work": "shop:work"}}, "handlers['work'] must be a function; got 'shop:work'"),
        ({"days": 1, "concurrency": 1.5}, "concurrency must be at least 1; got 1.5"),
    ],
)
def test_what_is_no_argument_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:
        simulate(shop_of(job(schedule=Every(DAY))), start=START, **given)
    assert str(error.value).startswith(said)


@pytest.mark.parametrize("takes", [-MINUTE, 60])
def test_what_a_duration_returns_is_looked_at(takes: Any) -> None:
    once = job(schedule=Every(DAY), retry=Retry(attempts=1))
    (run,) = simulate(shop_of(once), start=START, days=1, durations={"work": lambda run: takes}).failed
    assert "durations['work']: what it returns must be a timedelta, not below 0" in run.reason
    assert run.reason.endswith(repr(takes))


def test_another_job_changes_nothing_of_a_flexible_window() -> None:
    def starts(*others: Job[Any]) -> list[datetime | None]:
        found = simulate(shop_of(*others, flexible), start=START, days=2)
        return [run.started_at for run in found.of("flexible")]

    flexible = job("flexible", Cron("0 * * * *", flexible_window=20 * MINUTE))
    other = job("other", Cron("0 * * * *", flexible_window=20 * MINUTE))
    assert starts() == starts(other)


def test_two_jobs_have_windows_of_their_own() -> None:
    jobs = [job(name, Cron("0 * * * *", flexible_window=20 * MINUTE)) for name in ("a", "b")]
    found = simulate(shop_of(*jobs), start=START, days=1)
    assert [run.delay for run in found.of("a")] != [run.delay for run in found.of("b")]


# Threads of a handler's own


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_of_a_handlers_own_does_not_wait_in_virtual_time() -> None:
    refused: list[str] = []

    def handler(run: Run) -> None:
        def beat() -> None:
            with pytest.raises(RuntimeError) as error:
                run.stop_event.wait(30)
            refused.append(str(error.value))

        thread = threading.Thread(target=beat)
        thread.start()
        run.stop_event.wait(100)
        thread.join()

    found = simulate(shop_of(job(schedule=Every(10 * MINUTE))), start=START, days=1, handlers={"work": handler})
    assert [run.duration for run in found.succeeded] == [timedelta(seconds=100)] * 144
    assert len(refused) == 144
    assert refused[0].startswith("in a simulation, run.stop_event.wait is for the thread that calls the handler alone")


def test_an_event_loops_thread_neither() -> None:
    async def handler(run: Run) -> None:
        await asyncio.to_thread(run.stop_event.wait, 60)

    once = job(schedule=Every(DAY), retry=Retry(attempts=1))
    (run,) = simulate(shop_of(once), start=START, days=1, handlers={"work": handler}).failed
    assert "in a simulation, run.stop_event.wait is for the thread that calls the handler alone" in run.reason
