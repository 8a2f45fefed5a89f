"""Simulated days: what runs when, and what becomes of it, by the real runner, ledger and locks."""

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rota import (
    Cron,
    Endpoint,
    Every,
    EveryServer,
    HandlerError,
    Job,
    Lock,
    Manifest,
    Once,
    Outcome,
    Queue,
    Retry,
    RetryAfter,
    Run,
)
from rota.testing import SimulatedRun, Simulation, simulate

DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
REPORTS = Queue(name="reports")

Handle = Callable[..., Any]


@pytest.fixture(autouse=True)
def shop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The user's application: `shop_simulated:note` notes its runs."""
    module = ModuleType("shop_simulated")
    runs: list[Run] = []

    def note(run: Run) -> None:
        runs.append(run)

    vars(module).update(runs=runs, note=note)
    monkeypatch.setitem(sys.modules, "shop_simulated", module)
    return module


def job(name: str = "work", schedule: Any = None, **more: Any) -> Job[Any]:
    given = {"handler": "shop_simulated:note", "target": REPORTS} | more
    return Job(name=name, schedule=schedule, **given)


def shop_of(*jobs: Job[Any]) -> Manifest:
    return Manifest(name="shop", jobs=jobs)


def instants(runs: Sequence[SimulatedRun]) -> list[datetime | None]:
    return [run.scheduled_at for run in runs]


def fail(*_: Any) -> None:
    raise ValueError("no book")


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


# Handlers


@dataclass(frozen=True)
class Report:
    kind: str


def test_a_handler_gets_the_jobs_payload_and_its_run() -> None:
    got: list[tuple[Report, datetime | None]] = []

    def take(report: Report, run: Run) -> None:
        got.append((report, run.scheduled_at))

    daily = job(schedule=Every(DAY), payload=Report, input=Report("daily"))
    simulate(shop_of(daily), start=START, days=2, handlers={"work": take})
    assert got == [(Report("daily"), START), (Report("daily"), START + DAY)]


def test_an_async_handler_is_awaited() -> None:
    got: list[str] = []

    async def take(run: Run) -> None:
        got.append(run.id)

    found = simulate(shop_of(job(schedule=Every(DAY))), start=START, days=3, handlers={"work": take})
    assert got == [run.id for run in found.succeeded]
    assert len(got) == 3


def test_a_handler_that_cannot_be_imported_is_told_at_once_and_may_be_replaced() -> None:
    manifest = shop_of(job(schedule=Every(DAY), handler="shop_simulated:missing"))
    with pytest.raises(HandlerError, match="'shop_simulated' has no 'missing'"):
        simulate(manifest, start=START, days=1)
    assert len(simulate(manifest, start=START, days=1, handlers={"work": lambda: None}).succeeded) == 1


def test_one_in_a_process_of_its_own_runs_here(shop: ModuleType) -> None:
    simulate(shop_of(job(schedule=Every(DAY), isolation="process", timeout=MINUTE)), start=START, days=2)
    assert len(shop.runs) == 2


def test_a_command_is_executed_when_asked_alone(tmp_path: Any) -> None:
    touched = tmp_path / "touched"
    manifest = shop_of(job(schedule=Every(DAY), handler="", command=["touch", str(touched)]))
    assert len(simulate(manifest, start=START, days=1).succeeded) == 1
    assert not touched.exists()
    called: list[int] = []
    simulate(manifest, start=START, days=1, handlers={"work": lambda: called.append(1)})
    assert called == [1]
    assert len(simulate(manifest, start=START, days=1, run_commands=True).succeeded) == 1
    assert touched.exists()


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


# Endpoints, and what is enqueued


def test_of_endpoints_each_has_its_run_and_every_server_too() -> None:
    web, cdn = Endpoint(name="web"), Endpoint(name="cdn")
    found = simulate(shop_of(job(schedule=Every(DAY), target=[EveryServer(web), cdn])), start=START, days=1, servers=2)
    assert [run.endpoint for run in found.succeeded] == ["web/server-1", "web/server-2", "cdn"]


def test_a_handler_enqueues_with_the_simulations_client(shop: ModuleType) -> None:
    send, posted = job("send"), job("posted", target=Endpoint(name="web"))
    manifest = shop_of(job(schedule=Cron("0 2 * * *")), send, posted)

    def work(run: Run) -> None:
        simulation.client.enqueue(send, delay=5 * MINUTE)
        simulation.client.enqueue(posted)

    simulation = Simulation(manifest, start=START, days=1, handlers={"work": work})
    simulation.client.enqueue(send)
    simulation.run()
    at_once, later = simulation.of("send")
    assert (at_once.enqueued_at, at_once.started_at) == (START, START)
    assert (later.enqueued_at, later.started_at) == (START + 2 * HOUR, START + 2 * HOUR + 5 * MINUTE)
    assert [(run.endpoint, run.outcome) for run in simulation.of("posted")] == [("web", Outcome.SUCCEEDED)]


def test_one_that_enqueues_itself_for_ever_ends_with_the_simulation() -> None:
    again = job("again", Once(START))

    def work(run: Run) -> None:
        simulation.client.enqueue(again, delay=15 * MINUTE)

    simulation = Simulation(shop_of(again), start=START, days=1, handlers={"again": work})
    simulation.run()
    assert len(simulation.succeeded) == 1 + 8 * 24 * 4


def test_what_has_not_ended_a_week_later_is_unfinished() -> None:
    found = simulate(
        shop_of(job("endless", Once(START)), job(schedule=Every(DAY))),
        start=START,
        days=2,
        durations={"endless": 30 * DAY},
    )
    (run,) = found.unfinished
    assert (run.job, run.outcome, run.finished_at) == ("endless", None, None)
    assert run.reason == "runs since 2026-03-01 00:00 UTC"
    assert found.dead_letters == []
    assert len(found.succeeded) == 2


def test_a_lock_of_another_service_is_kept_in_memory() -> None:
    found = simulate(
        shop_of(job(schedule=Every(HOUR), lock=Lock(provider="redis"))),
        start=START,
        end=START + 2 * HOUR,
        durations={"work": 90 * MINUTE},
    )
    assert [run.outcome for run in found.runs] == [Outcome.SUCCEEDED, Outcome.SKIPPED]


# How it is told


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
