"""Simulated days: what handlers are given, and what they enqueue."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from rota import Cron, Endpoint, Every, EveryServer, HandlerError, Job, Lock, Manifest, Once, Outcome, Queue, Run
from rota.testing import Simulation, simulate

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
REPORTS = Queue(name="reports")


def job(name: str = "work", schedule: Any = None, **more: Any) -> Job[Any]:
    given: dict[str, Any] = {"handler": "shop_simulated:note", "target": REPORTS} | more
    return Job(name=name, schedule=schedule, **given)


def shop_of(*jobs: Job[Any]) -> Manifest:
    return Manifest(name="shop", jobs=jobs)


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
