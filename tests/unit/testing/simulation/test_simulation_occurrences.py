"""Simulated days: what runs when, and after an outage, by the real runner and ledger."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rota import Cron, Every, Job, Manifest, Once, Queue
from rota.testing import SimulatedRun, simulate

DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
REPORTS = Queue(name="reports")


def job(name: str = "work", schedule: Any = None, **more: Any) -> Job[Any]:
    given: dict[str, Any] = {"handler": "shop_simulated:note", "target": REPORTS} | more
    return Job(name=name, schedule=schedule, **given)


def shop_of(*jobs: Job[Any]) -> Manifest:
    return Manifest(name="shop", jobs=jobs)


def instants(runs: Sequence[SimulatedRun]) -> list[datetime | None]:
    return [run.scheduled_at for run in runs]


# What runs when


def test_every_occurrence_is_run_once_at_its_instant(shop: ModuleType) -> None:
    nightly, hourly = job("nightly", Cron("0 2 * * *")), job("hourly", Every(HOUR))
    found = simulate(shop_of(nightly, hourly), start=START, days=31)
    assert len(found.of("nightly")) == 31
    assert len(found.of("hourly")) == 31 * 24
    assert found.succeeded == list(found.runs)
    assert all(run.started_at == run.scheduled_at == run.finished_at for run in found.runs)
    assert sorted(run.id for run in shop.runs) == sorted(run.id for run in found.runs)
    assert len({run.id for run in shop.runs}) == len(found.runs)


def test_the_end_is_excluded_and_days_are_another_way_to_say_it() -> None:
    manifest = shop_of(job(schedule=Cron("0 0 * * *")))
    until = simulate(manifest, start=START, end=START + 2 * DAY)
    assert instants(until.runs) == instants(simulate(manifest, start=START, days=2).runs) == [START, START + DAY]


def test_clocks_that_change_are_the_schedules_own() -> None:
    zone = ZoneInfo("Europe/Berlin")
    at_half_past_two = job(schedule=Cron("30 2 * * *", time_zone="Europe/Berlin"))
    spring = simulate(shop_of(at_half_past_two), start=datetime(2026, 3, 28, tzinfo=zone), days=3)
    assert instants(spring.runs) == [datetime(2026, 3, 28, 1, 30, tzinfo=UTC), datetime(2026, 3, 30, 0, 30, tzinfo=UTC)]
    autumn = simulate(shop_of(at_half_past_two), start=datetime(2026, 10, 25, tzinfo=zone), days=1)
    assert instants(autumn.runs) == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]


def test_what_counts_from_the_deploy_counts_from_the_start() -> None:
    found = simulate(shop_of(job(schedule=Every(7 * MINUTE))), start=START, end=START + 30 * MINUTE)
    assert instants(found.runs) == [START + number * 7 * MINUTE for number in range(5)]


def test_a_single_instant_and_a_silent_schedule() -> None:
    once, asleep = job("once", Once(START + HOUR)), job("asleep", Every(HOUR), enabled=False)
    assert instants(simulate(shop_of(once, asleep), start=START, days=1).runs) == [START + HOUR]
    assert simulate(shop_of(once), start=START + 2 * HOUR, days=1).runs == []


def test_what_a_window_leaves_out_is_skipped_with_the_reason() -> None:
    schedule = Cron(
        "0 12 * * *", start=START + DAY, end=START + 4 * DAY, excluding=[date(2026, 3, 3)], time_zone="Europe/Berlin"
    )
    found = simulate(shop_of(job(schedule=schedule)), start=START, days=6)
    assert [run.scheduled_at.day for run in found.succeeded if run.scheduled_at] == [2, 4]
    assert [run.reason.partition(":")[0] for run in found.skipped] == [
        "before its start",
        "excluded",
        "after its end",
        "after its end",
    ]
    assert instants(found.succeeded) == list(schedule.between(START, START + 6 * DAY))


def test_jitter_and_flexible_windows_delay_a_start_within_their_bounds() -> None:
    jittery = job("jittery", Cron("0 * * * *", jitter=10 * MINUTE))
    flexible = job("flexible", Cron("0 * * * *", flexible_window=20 * MINUTE))
    found = simulate(shop_of(jittery, flexible), start=START, days=3)
    for name, most in (("jittery", 10 * MINUTE), ("flexible", 20 * MINUTE)):
        delays = [run.delay for run in found.of(name) if run.delay is not None]
        assert len(delays) == 72
        assert len(set(delays)) > 50
        assert timedelta() <= min(delays) < most / 4
        assert most * 3 / 4 < max(delays) <= most + 2 * SECOND


# Outages


@pytest.mark.parametrize(
    ("declared", "ran", "reason"),
    [
        ({}, 24, None),
        ({"catch_up": "latest"}, 19, "catch up"),
        ({"catch_up": "none"}, 18, "start deadline"),
        ({"start_deadline": 2 * HOUR}, 20, "start deadline"),
    ],
)
def test_after_an_outage(declared: dict[str, Any], ran: int, reason: str | None) -> None:
    hourly = job(schedule=Every(HOUR), **declared)
    outage = (START + 6 * HOUR - MINUTE, START + 12 * HOUR - 30 * MINUTE)
    found = simulate(shop_of(hourly), start=START, days=1, outages=[outage])
    assert len(found.succeeded) == ran
    assert len(found.runs) == 24
    assert {run.reason.partition(":")[0] for run in found.skipped} == ({reason} if reason else set())
    late = [run for run in found.succeeded if run.delay]
    assert all(run.started_at == outage[1] for run in late)
