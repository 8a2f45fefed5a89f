"""Simulated days: how they are told, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rota import Cron, Every, Job, Lock, Manifest, Queue, Retry, Run
from rota.testing import simulate

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
REPORTS = Queue(name="reports")


def job(name: str = "work", schedule: Any = None, **more: Any) -> Job[Any]:
    given: dict[str, Any] = {"handler": "shop_simulated:note", "target": REPORTS} | more
    return Job(name=name, schedule=schedule, **given)


def shop_of(*jobs: Job[Any]) -> Manifest:
    return Manifest(name="shop", jobs=jobs)


def fail(*_: Any) -> None:
    raise ValueError("no book")


def test_it_reads_as_a_table() -> None:
    manifest = shop_of(
        job("close-books", Cron("0 2 * * *"), retry=Retry(attempts=2, backoff=30 * SECOND, jitter=0)),
        job("sync", Every(12 * HOUR), lock=Lock()),
        job("idle"),
    )
    found = simulate(
        manifest, start=START, days=1, handlers={"close-books": fail}, durations={"sync": lambda run: 13 * HOUR}
    )
    held = "lock 'sync': held by sync@2026-03-01T00:00:00Z#reports"
    assert str(found).splitlines() == [
        "manifest 'shop', 2026-03-01 00:00 to 2026-03-02 00:00 UTC: 3 runs",
        "",
        "job          runs  succeeded  failed  skipped  other  attempts  latest start",
        "close-books  1     -          1       -        -      2         +0 s",
        "sync         2     1          -       1        -      1         +0 s",
        "",
        "due (UTC)         job          outcome  attempts  started  took  reason",
        "2026-03-01 02:00  close-books  failed   2         +0 s     0 s   attempts exhausted (2): ValueError: no book",
        "2026-03-01 12:00  sync         skipped  -                        " + held,
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"days": 1, "start": datetime(2026, 3, 1)}, "start needs a time zone"),
        ({"end": datetime(2026, 3, 2)}, "end needs a time zone"),
        ({}, "give either end or days; got end=None and days=None"),
        ({"days": 1, "handlers": {"wrok": fail}}, "manifest 'shop' has no job 'wrok'; did you mean 'work'?"),
        ({"days": 1, "durations": {"other": DAY}}, "manifest 'shop' has no job 'other'; it has 'work'"),
        ({"days": 1, "servers": 0}, "servers must be at least 1; got 0"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:
        simulate(shop_of(job(schedule=Every(DAY))), **({"start": START} | given))
    assert str(error.value).startswith(said)


def test_of_a_stranger_and_a_second_run_are_refused() -> None:
    simulation = simulate(shop_of(job(schedule=Every(DAY))), start=START, days=1)
    with pytest.raises(ValueError, match="has no job 'wrok'"):
        simulation.of("wrok")
    with pytest.raises(RuntimeError, match="runs once"):
        simulation.run()


def test_what_a_duration_raises_is_raised() -> None:
    def broken(run: Run) -> timedelta:
        raise KeyError("no duration")

    found = simulate(shop_of(job(schedule=Every(DAY))), start=START, days=1, durations={"work": broken})
    assert "KeyError" in found.runs[0].reason
