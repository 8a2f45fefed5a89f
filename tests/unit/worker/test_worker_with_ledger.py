"""Whole workers that share a ledger: real threads, queues and ledger in memory on a clock that the test moves."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rota import Client, Job, Lock, Manifest, Outcome, Queue, Retry, Run, SettingsError, Worker
from rota.envelope import Envelope
from rota.ledger import State
from rota.locks.in_store import StoreLocks
from rota.queues.base import Outgoing
from rota.stores.memory import MemoryStore
from rota.testing import MemoryBackend

if TYPE_CHECKING:
    from tests.unit.conftest import Fleet

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DUE = Outgoing(Envelope(job="work", scheduled_at=NOW).encode())
billing = Queue(name="billing", visibility_timeout=timedelta(seconds=60))


class Scene:
    """Workers of one deployment."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.clock = fleet, fleet.clock
        self.backend = MemoryBackend(visibility_timeout=60, clock=self.clock)
        self.queue, self.dead = self.backend.queue("billing"), self.backend.dead_letters("billing")

    def declare(self, handle: Callable[..., Any], **declared: Any) -> None:
        vars(self.fleet.module)["work"] = handle
        retry = declared.pop("retry", Retry(backoff=timedelta()))
        self.job: Job[Any] = Job(name="work", handler="shop_runner:work", target=billing, retry=retry, **declared)
        self.manifest = Manifest(name="shop", jobs=[self.job])

    def worker(self, **options: Any) -> Worker:
        options = {"ledger": self.fleet.ledger, "long_poll": timedelta(milliseconds=20), **options}
        return Worker(self.manifest, backend=self.backend, clock=self.clock, **options)

    def enqueue(self, count: int = 1) -> list[str]:
        return Client(self.manifest, backend=self.backend, clock=self.clock).enqueue_many(self.job, [None] * count)

    def outcomes(self) -> Counter[Outcome | State]:
        return Counter(record.outcome or record.state for record in self.fleet.records)

    def until_the_queue_is_empty(self, step: float) -> None:
        """Moves the clock, while nothing is in hand and something waits for its time."""

        def is_empty() -> bool:
            now, left = self.clock.monotonic(), list(self.queue._stored)
            if left and all(not stored.receipt and stored.visible_at > now for stored in left):
                self.clock.advance(step)
            return len(self.queue) == 0

        eventually(is_empty)


@pytest.fixture
def scene(fleet: Fleet) -> Scene:
    return Scene(fleet)


def eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


@pytest.mark.parametrize("given", ["ledger", "backend"])
def test_providers_that_would_be_ignored_are_refused(scene: Scene, given: str) -> None:
    scene.declare(lambda: None, lock=Lock(provider="zoo"))
    options: dict[str, Any] = {"ledger": scene.fleet.ledger} if given == "ledger" else {"backend": scene.backend}
    with pytest.raises(SettingsError, match=f"locks= is for the deployment's ledger, and {given}= replaces that"):
        Worker(scene.manifest, locks={"zoo": StoreLocks(MemoryStore())}, **options)


def test_a_run_that_another_program_enqueued_without_an_id_has_that_of_its_message(scene: Scene) -> None:
    runs: list[Run] = []

    def work(run: Run) -> None:
        runs.append(run)

    scene.declare(work)
    scene.queue.send([Outgoing(Envelope(job="work").encode())])
    with scene.worker():
        eventually(lambda: len(scene.queue) == 0)
    assert [run.id for run in runs] == ["message-0"]


def test_an_occurrence_that_is_delivered_twenty_times_runs_once(scene: Scene) -> None:
    runs: list[Run] = []
    go = threading.Event()

    def work(run: Run) -> None:
        runs.append(run)
        go.wait(20)

    scene.declare(work)
    scene.queue.send([DUE] * 20)
    with scene.worker(), scene.worker(), scene.worker():
        # The others are put back, as new messages, until the lease of the one can have ended.
        eventually(lambda: len(scene.queue.waiting) == 19 and all(message.delay for message in scene.queue.waiting))
        go.set()
        scene.until_the_queue_is_empty(60)
    assert len(runs) == 1
    record = scene.fleet.record
    assert (record.outcome, record.token, len(record.history)) == (Outcome.SUCCEEDED, runs[0].token, 1)
    assert len(scene.dead) == 0


def test_a_lock_of_two_places_with_ten_runs_that_wait(scene: Scene) -> None:
    running: list[str] = []
    most: list[int] = []
    go = threading.Event()

    def work(run: Run) -> None:
        running.append(run.id)
        most.append(len(running))
        go.wait(20)
        running.remove(run.id)

    scene.declare(work, lock=Lock(limit=2, overlap="wait"))
    scene.enqueue(10)
    with scene.worker(concurrency=5), scene.worker(concurrency=5):
        eventually(lambda: scene.outcomes() == {State.RUNNING: 2, Outcome.SKIPPED: 7})
        assert len(running) == 2
        go.set()
        scene.until_the_queue_is_empty(3)
    assert scene.outcomes() == {Outcome.SUCCEEDED: 3, Outcome.SKIPPED: 7}
    assert max(most) == 2
    reasons = [record.reason for record in scene.fleet.records if record.outcome is Outcome.SKIPPED]
    assert all(reason.startswith("lock 'work': already waiting: work@") for reason in reasons)
    tokens = [record.token for record in scene.fleet.records if record.token]
    assert len(set(tokens)) == 3


def test_a_newer_run_cancels_the_running_one_and_takes_its_place(scene: Scene) -> None:
    started: list[Run] = []
    told: list[str | None] = []

    def work(run: Run) -> None:
        started.append(run)
        if len(started) == 1:
            assert run.stop_event.wait(20)
            told.append(run.stop_reason)
            raise InterruptedError("as told")

    scene.declare(work, lock=Lock(overlap="cancel_running"))
    (first,) = scene.enqueue()
    with scene.worker():
        eventually(lambda: started)
        scene.clock.advance(1)
        (second,) = scene.enqueue()
        eventually(lambda: [message for message in scene.queue.waiting if message.delay])  # it waits
        scene.clock.advance(20)  # the lease is renewed, and so the running one learns of it
        scene.until_the_queue_is_empty(3)
    assert [run.id for run in started] == [first, second]
    assert told == [f"{second} takes over"]
    assert {record.run: record.outcome for record in scene.fleet.records} == {
        first: Outcome.CANCELLED,
        second: Outcome.SUCCEEDED,
    }


def test_a_run_whose_outcome_did_not_get_on_record_comes_again_and_is_taken_over(scene: Scene) -> None:
    tokens: list[int | None] = []

    def work(run: Run) -> None:
        tokens.append(run.token)
        if len(tokens) == 1:
            scene.fleet.store.silent = True

    scene.declare(work)
    scene.queue.send([DUE])
    with scene.worker(concurrency=1):
        # Its message is neither deleted nor sent again: SQS gives it to the next when its visibility ends.
        eventually(lambda: scene.fleet.clock.now() > NOW)
        scene.fleet.store.silent = False
        eventually(lambda: scene.fleet.records)
        scene.clock.advance(60)
        eventually(lambda: len(scene.queue) == 0)
    assert tokens[0] is not None
    assert tokens[1] is not None
    assert tokens[1] > tokens[0]
    assert [one.outcome for one in scene.fleet.record.history] == [Outcome.ABANDONED, Outcome.SUCCEEDED]


def test_a_dead_letter_moved_back_as_it_lies_runs_again_with_all_its_attempts(scene: Scene) -> None:
    attempts: list[int] = []

    def work(run: Run) -> None:
        attempts.append(run.attempt)
        if len(attempts) < 6:
            raise ValueError("no such order")

    scene.declare(work, retry=Retry(attempts=3, backoff=timedelta()))
    scene.queue.send([DUE])
    with scene.worker():
        eventually(lambda: scene.dead.waiting and len(scene.queue) == 0)
        (letter,) = scene.dead.receive(1, 0)
        assert scene.fleet.record.outcome is Outcome.FAILED
        scene.queue.send([Outgoing(letter.body)])  # as the console of SQS does
        eventually(lambda: scene.fleet.record.outcome is Outcome.SUCCEEDED and len(scene.queue) == 0)
    assert attempts == [1, 2, 3, 1, 2, 3]
    assert scene.fleet.record.redrives == 1


def test_a_lock_needs_a_ledger(scene: Scene) -> None:
    scene.declare(lambda: None, lock=Lock())
    with pytest.raises(SettingsError, match=r"job 'work' has lock=, and there is no ledger; deploy again"):
        scene.worker(ledger=None).start()


def test_without_a_ledger_schedules_are_warned_of(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    from rota import Cron

    scene.declare(lambda: None, schedule=Cron("0 2 * * *"))
    with caplog.at_level(logging.WARNING), scene.worker(ledger=None):
        pass
    assert [record.message for record in caplog.records] == [
        "there is no ledger: an occurrence that is delivered twice runs twice; deploy again: `cdk deploy`"
    ]


def test_a_run_is_told_that_its_lease_has_ended_though_a_renewal_hangs(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, hangs, answer = threading.Event(), threading.Event(), threading.Event()
    told: list[str | None] = []

    def work(run: Run) -> None:
        if not started.is_set():  # not again for who takes it over
            started.set()
            run.stop_event.wait(20)
            told.append(run.stop_reason)

    def write(writes: object) -> None:
        hangs.set()
        answer.wait(20)

    scene.declare(work)
    scene.queue.send([DUE])
    with scene.worker():
        assert started.wait(20)
        monkeypatch.setattr(scene.fleet.store, "write", write)
        scene.clock.advance(20)  # a third of the lease has passed: it is to be renewed
        assert hangs.wait(20)
        scene.clock.advance(40)
        eventually(lambda: told)
        answer.set()
    assert told == ["another server may own this run: its lease could not be renewed in time"]
