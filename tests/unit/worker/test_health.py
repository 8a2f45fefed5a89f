"""`worker.health()`: what turns it red, with which words, and what turns it green again. Time stands still."""

import json
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from rota import BackendError, Client, Job, Lock, Manifest, Queue, Retry, Run, Worker
from rota.ledger import Ledger
from rota.queues.memory import MemoryBackend, MemoryQueue
from rota.stores.memory import MemoryStore
from rota.testing import FakeClock
from rota.upkeep import forking, roles
from rota.worker.health import Health
from rota.worker.settler import Settler

# So long that no message is lost, whatever a test does to the clock.
billing = Queue(name="billing", visibility_timeout=timedelta(hours=12))
GRACE = 30


class Scene:
    """A worker on a clock that stands still, and a handler for each test to fill in."""

    def __init__(self, module: types.ModuleType) -> None:
        self.module, self.clock = module, FakeClock()
        self.backend = MemoryBackend(visibility_timeout=12 * 60 * 60, clock=self.clock)
        self.release = threading.Event()
        self.started = threading.Event()
        self.timeout: timedelta | None = None
        self.lock: Lock | None = None

    @property
    def queue(self) -> MemoryQueue:
        return self.backend.queue("billing")

    @property
    def manifest(self) -> Manifest:
        job: Job[Any] = Job(
            name="close-books",
            handler=f"{self.module.__name__}:close_books",
            target=billing,
            timeout=self.timeout,
            lock=self.lock,
            retry=Retry(attempts=1),
        )
        return Manifest(name="shop", jobs=[job])

    def handles(self, close_books: Callable[..., Any]) -> None:
        self.module.close_books = close_books  # type: ignore[attr-defined] # the handler's name in the manifest

    def blocks(self, run: Run) -> None:
        """A handler that heeds nothing but the end of the test."""
        self.started.set()
        self.release.wait(30)

    def worker(self, **options: Any) -> Worker:
        options = {"long_poll": timedelta(seconds=0.02), "grace": timedelta(seconds=GRACE), **options}
        return Worker(self.manifest, backend=self.backend, clock=self.clock, **options)

    def enqueue(self) -> str:
        return Client(self.manifest, backend=self.backend).enqueue(self.manifest.jobs[0])


@pytest.fixture
def scene() -> Iterator[Scene]:
    module = types.ModuleType("shop_handlers_of_a_health_test")
    sys.modules[module.__name__] = module
    made = Scene(module)
    made.handles(lambda: None)
    yield made
    made.release.set()
    del sys.modules[module.__name__]


def eventually(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


def becomes(worker: Worker, ok: bool) -> Health:
    eventually(lambda: worker.health().ok is ok)
    return worker.health()


def test_a_worker_that_polls_is_well_and_says_what_it_does(scene: Scene) -> None:
    scene.handles(scene.blocks)
    scene.enqueue()
    with scene.worker(concurrency=3) as worker:
        scene.started.wait(10)
        eventually(lambda: worker.health().queues["billing"].answered_ago == 0)
        health = worker.health()
        assert (health.ok, health.state, health.causes, health.http_status) == (True, "running", (), 200)
        assert (health.slots, health.running, health.stuck, health.restarts) == (3, 1, 0, {})
        assert not health.must_restart
        assert health.ledger_failing_for is None
        assert json.loads(json.dumps(health.as_dict()))["queues"]["billing"]["answered_ago"] == 0
        scene.release.set()


def test_a_queue_whose_poll_is_not_answered_turns_it_red_until_it_is(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, asked, receive = threading.Event(), threading.Event(), scene.queue.receive

    def hanging(limit: int, wait: float) -> list[Any]:
        asked.set()
        hangs.wait(30)
        return receive(limit, 0.02)

    monkeypatch.setattr(scene.queue, "receive", hanging)
    with scene.worker(long_poll=timedelta(seconds=20)) as worker:
        asked.wait(10)
        scene.clock.advance(80)  # a long poll, and a minute
        assert worker.health().ok
        scene.clock.advance(1)
        health = worker.health()
        assert health.causes == ("queue billing has answered no poll for 81 s, since 2026-01-01T00:00:00Z",)
        assert (health.ok, health.http_status, health.must_restart) == (False, 503, False)
        hangs.set()
        becomes(worker, ok=True)


def test_polls_that_fail_turn_it_red_with_what_they_failed_with(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    receive, failing = scene.queue.receive, [True]

    def failing_poll(limit: int, wait: float) -> list[Any]:
        if failing:
            raise BackendError("SQS did not receive from billing: connection refused")
        return receive(limit, wait)

    monkeypatch.setattr("rota.worker.poller.LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(scene.queue, "receive", failing_poll)
    with scene.worker() as worker:
        eventually(lambda: worker.health().queues["billing"].error)
        assert worker.health().ok  # one failure is no outage
        scene.clock.advance(61)
        (cause,) = becomes(worker, ok=False).causes
        assert cause.startswith("queue billing has answered no poll for 61 s, since 2026-01-01T00:00:00Z: ")
        assert cause.endswith("SQS did not receive from billing: connection refused")
        failing.clear()
        assert becomes(worker, ok=True).queues["billing"].error is None


def test_waiting_for_a_slot_is_no_silence_of_the_queue(scene: Scene) -> None:
    scene.handles(scene.blocks)
    scene.enqueue()
    with scene.worker(concurrency=1) as worker:
        scene.started.wait(10)
        eventually(lambda: worker.health().queues["billing"].waits_for_slot)
        scene.clock.advance(3600)
        assert worker.health().ok
        scene.release.set()


def test_a_wait_for_a_slot_after_a_poll_that_failed_is_not_counted(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive, failures, asked, hangs = scene.queue.receive, [BackendError("once")], threading.Event(), threading.Event()

    def third_hangs(limit: int, wait: float) -> list[Any]:
        if caught := receive(limit, 0):
            return caught
        if failures and scene.started.is_set():
            raise failures.pop()
        if scene.release.is_set():
            asked.set()
            hangs.wait(30)
        return []

    monkeypatch.setattr("rota.worker.poller.LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(scene.queue, "receive", third_hangs)
    scene.handles(scene.blocks)
    with scene.worker(concurrency=2) as worker:
        scene.enqueue()
        scene.started.wait(10)
        eventually(lambda: not failures)  # one slot is free, and its poll has failed
        monkeypatch.setattr(worker._crew._room, "_slots", 1)  # type: ignore[union-attr] # now it is not
        eventually(lambda: worker.health().queues["billing"].waits_for_slot)
        scene.clock.advance(3600)
        assert worker.health().ok
        scene.release.set()
        asked.wait(10)
        assert worker.health().ok
        hangs.set()


def test_a_handler_that_ignores_its_deadline_is_a_stuck_slot(scene: Scene) -> None:
    scene.handles(scene.blocks)
    scene.timeout = timedelta(seconds=60)
    run = scene.enqueue()
    with scene.worker(concurrency=1) as worker:
        scene.started.wait(10)
        (held,) = worker._crew._room.running  # type: ignore[union-attr]
        scene.clock.advance(60)
        eventually(lambda: held.stop.reason)
        scene.clock.advance(10)
        assert worker.health().ok  # a handler may take a moment to heed it
        scene.clock.advance(1)
        health = worker.health()
        (cause,) = health.causes
        assert cause == (
            f"a slot is stuck: job close-books, run {run} of queue billing was told to stop 11 s ago, "
            "at 2026-01-01T00:01:00Z, and still runs: its deadline has passed"
        )
        assert (health.stuck, health.running, health.must_restart) == (1, 1, False)
        scene.clock.advance(GRACE - 11)
        assert not worker.health().must_restart
        scene.clock.advance(1)
        assert worker.health().must_restart
        scene.release.set()
        assert becomes(worker, ok=True).stuck == 0


def test_a_run_that_another_wants_to_cancel_is_stuck_only_once_it_has_lost_its_lease(scene: Scene) -> None:
    scene.handles(scene.blocks)
    scene.lock = Lock(overlap="cancel_running")
    ledger = Ledger(MemoryStore(scene.clock), clock=scene.clock)
    scene.enqueue()
    with scene.worker(ledger=ledger) as worker:
        scene.started.wait(10)
        (held,) = worker._crew._room.running  # type: ignore[union-attr]
        scene.enqueue()
        eventually(lambda: len(scene.queue.waiting) == 1)  # it has asked for the lock, and is sent again
        scene.clock.advance(17)  # a third of the lease
        eventually(lambda: held.stop.reason)
        assert held.stop.claim
        assert held.stop.reason == held.stop.claim.asked_to_stop
        scene.clock.advance(11)
        assert worker.health().ok
        scene.clock.advance(50)  # at once: no time to renew
        assert worker.health().causes[0].startswith("a slot is stuck: job close-books, run ")
        scene.release.set()


def test_a_poller_that_dies_is_started_again_and_told_of(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receive, deaths, done = scene.queue.receive, [SystemExit("killed")], threading.Event()

    def deadly_once(limit: int, wait: float) -> list[Any]:
        if deaths:
            raise deaths.pop()
        return receive(limit, wait)

    monkeypatch.setattr(roles, "PAUSE", 0.05)
    monkeypatch.setattr(scene.queue, "receive", deadly_once)
    scene.handles(done.set)
    scene.enqueue()
    with scene.worker() as worker:
        assert done.wait(10)
        health = worker.health()
        assert (health.ok, health.restarts) == (True, {"poll-billing": 1})
    (told,) = [record for record in caplog.records if "has died" in record.message]
    assert told.message == "poll-billing has died and is started again in 0.1 s (death 1): SystemExit: killed"
    assert told.exc_info


def test_a_poller_that_dies_with_a_catch_in_its_hands_leaves_it_to_the_queue(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "PAUSE", 0.0)
    with scene.worker() as worker:
        assert worker._crew
        room, keeper, deaths = worker._crew._room, worker._crew._keeper, [SystemExit("killed")]
        enter = room.enter

        def deadly_once(source: Any, caught: list[Any]) -> list[Any]:
            if deaths:
                raise deaths.pop()
            return enter(source, caught)

        monkeypatch.setattr(room, "enter", deadly_once)
        scene.enqueue()
        eventually(lambda: worker.health().restarts)
        assert keeper.held == []  # or it would be hidden from all others for 12 hours


def test_what_keeps_dying_turns_it_red_for_good(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def deadly(limit: int, wait: float) -> list[Any]:
        raise SystemExit("killed")

    monkeypatch.setattr(roles, "PAUSE", 0.0)
    monkeypatch.setattr(scene.queue, "receive", deadly)
    with scene.worker() as worker:
        health = becomes(worker, ok=False)
        assert health.causes == ("poll-billing has died 5 times within 5 minutes: SystemExit: killed",)
        assert health.must_restart


def test_a_slot_that_dies_comes_back_and_its_run_is_left_to_the_queue(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, deaths, done = Settler.settle, [SystemExit("killed")], []

    def deadly_once(settler: Settler, *arguments: Any) -> None:
        if deaths:
            raise deaths.pop()
        settle(settler, *arguments)

    monkeypatch.setattr(roles, "PAUSE", 0.0)
    monkeypatch.setattr(Settler, "settle", deadly_once)
    scene.handles(lambda: done.append(1))
    scene.enqueue()
    with scene.worker(concurrency=1) as worker:
        eventually(lambda: worker.health().restarts == {"slot-0": 1})
        eventually(lambda: worker._crew._keeper.held == [])  # type: ignore[union-attr]
        scene.enqueue()
        eventually(lambda: len(done) == 2)
        eventually(lambda: worker.health().running == 0)


def test_it_answers_while_a_stop_waits_for_a_run(scene: Scene) -> None:
    scene.handles(scene.blocks)
    scene.enqueue()
    worker = scene.worker().start()
    scene.started.wait(10)
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    health = becomes(worker, ok=False)
    assert (health.state, health.causes, health.running) == ("stopping", ("the worker is stopping",), 1)
    scene.release.set()
    stopper.join(10)
    health = worker.health()
    assert (health.state, health.causes) == ("stopped", ("the worker has stopped",))


def test_a_stop_that_a_run_outlived_leaves_it_red_and_a_new_start_makes_it_well(scene: Scene) -> None:
    scene.handles(scene.blocks)
    scene.enqueue()
    worker = scene.worker().start()
    scene.started.wait(10)
    assert not worker.stop(timedelta())
    scene.clock.advance(11)
    assert worker.health().state == "stopping"
    assert worker.health().stuck == 1
    scene.release.set()
    eventually(lambda: worker.stop(timedelta()))
    with worker:
        assert becomes(worker, ok=True).state == "running"


def test_a_worker_that_nobody_started_is_not_well(scene: Scene) -> None:
    health = scene.worker().health()
    assert (health.ok, health.state, health.causes) == (False, "not started", ("the worker is not started",))


def test_a_worker_that_is_off_is_well(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTA_WORKER", "off")
    health = scene.worker().start().health()
    assert (health.ok, health.state) == (True, "off")


def test_it_answers_in_a_preloading_master_and_in_its_children(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    worker, asked, go = scene.worker(), threading.Event(), threading.Event()

    class Slow(MemoryBackend):
        def queue(self, name: str) -> MemoryQueue:
            asked.set()
            go.wait(10)
            raise BackendError("no credentials")

    worker._backend = Slow()
    monkeypatch.setattr(forking, "in_preloading_master", lambda: True)
    worker.start()
    (cause,) = worker.health().causes
    assert cause == "the worker waits for this server's children, to start in each"
    monkeypatch.setattr(forking, "in_servers_child", lambda: True)
    worker.after_fork_in_child()  # as in a child: this process stands for it
    asked.wait(10)
    assert worker.health().state == "starting"
    go.set()
    eventually(lambda: worker.health().state == "not started")
    assert worker.health().causes == ("the worker did not start in this child: BackendError: no credentials",)
    forking.forget(worker)
