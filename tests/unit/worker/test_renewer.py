"""Leases of what runs: renewed in time, and whoever loses its own is told. On a clock that stands still."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rota import LedgerError, Queue
from rota.envelope import Envelope
from rota.ledger import Claim
from rota.ledger.rules import LockWanted, Request
from rota.queues.base import Outgoing
from rota.queues.memory import MemoryQueue
from rota.run import Outcome, Run
from rota.stores.base import Write
from rota.upkeep.renewer import Renewer
from rota.worker.held import Held, Source
from rota.worker.keeper import Keeper
from rota.worker.waiting_room import WaitingRoom
from rota.worker.watcher import Watcher

if TYPE_CHECKING:
    from tests.unit.conftest import Fleet

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE, MARGIN = 30.0, 5.0


class Scene:
    """Runs in hand, each with its claim."""

    def __init__(self, fleet: Fleet) -> None:
        self.ledger, self.clock, self.store = fleet.ledger, fleet.clock, fleet.store
        self.queue = MemoryQueue(60, self.clock)
        self.source = Source(Queue(name="billing"), self.queue, MemoryQueue())
        self.room = WaitingRoom(1, [self.source], self.clock)
        self.keeper = Keeper(self.room, self.clock, lambda held: None)
        self.watcher = Watcher(self.keeper, self.room, self.clock)
        self.renewer = Renewer(self.keeper, self.clock)

    def request(self, run: str, at: int = 0, *, locked: bool = False) -> Request:
        return Request(
            envelope=Envelope(job="work", run=run, enqueued_at=NOW + timedelta(seconds=at)),
            target="billing",
            server="a:1",
            lease=timedelta(seconds=LEASE),
            lock=LockWanted(key="all", overlap="cancel_running") if locked else None,
        )

    def start(self, run: str = "r1", *, locked: bool = False) -> Held:
        self.queue.send([Outgoing(run)])
        ((body, receipt, _),) = self.queue.receive(1, 0)
        held = Held(self.source, body, receipt, self.clock.monotonic())
        claim = self.ledger.claim(self.request(run, locked=locked))
        assert isinstance(claim, Claim)
        held.stop.claim, held.stop.run = claim, Run(job="work", id=run, attempt=1, queue="billing", stop=held.stop)
        self.keeper.keep([held])
        return held

    def live_for(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            self.look()

    def look(self) -> None:
        self.watcher.look()
        self.renewer.look()

    @property
    def lease_left(self) -> float:
        record = self.ledger.find("work", "r1", target="billing", scheduled_at=None)
        assert record is not None
        assert record.lease_until is not None
        return (record.lease_until - self.clock.now()).total_seconds()


@pytest.fixture
def scene(fleet: Fleet) -> Scene:
    return Scene(fleet)


def test_a_lease_is_renewed_when_a_third_of_it_has_passed(scene: Scene) -> None:
    held = scene.start()
    scene.live_for(9)
    assert len(scene.store.writes) == 1
    scene.live_for(1)
    assert len(scene.store.writes) == 2
    assert scene.lease_left == LEASE
    scene.live_for(300)
    assert scene.lease_left >= LEASE * 2 / 3
    assert len(scene.store.writes) == 2 + 30
    assert held.stop.reason is None


def test_a_run_that_is_not_on_record_costs_nothing(scene: Scene) -> None:
    held = Held(scene.source, "{}", "receipt", 0)
    scene.keeper.keep([held])
    scene.live_for(50)
    assert scene.store.writes == scene.store.reads == []
    assert held.stop.reason is None


def test_a_ledger_that_does_not_answer_for_a_while_costs_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    held, write = scene.start(), scene.store.real.write
    scene.live_for(9)

    def throttled(writes: Sequence[Write]) -> None:
        raise LedgerError("throttled")

    monkeypatch.setattr(scene.store.real, "write", throttled)
    assert scene.renewer.failing_since is None
    scene.live_for(10)
    assert scene.renewer.failing_since == 10
    monkeypatch.setattr(scene.store.real, "write", write)
    scene.live_for(1)
    assert scene.renewer.failing_since is None
    assert scene.lease_left == LEASE
    assert held.stop.reason is None
    assert {record.message for record in caplog.records} == {
        "the lease was not renewed, will be tried again: throttled"
    }


def test_an_error_of_one_renewal_keeps_no_other_waiting(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    odd, other = scene.start("r2"), scene.start("r1")

    def fails() -> None:
        raise ConnectionResetError("gone")

    assert odd.stop.claim is not None
    odd.stop.claim.renew = fails  # type: ignore[method-assign] # as a provider of locks may
    scene.live_for(10)
    assert scene.renewer.failing_since is None, "the last one was renewed"
    assert scene.lease_left == LEASE
    assert other.stop.reason is None
    (record,) = caplog.records
    assert record.message == "the lease was not renewed, will be tried again: gone"
    assert record.exc_info is not None


def test_who_cannot_renew_is_told_before_anyone_may_take_the_run_over(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    held = scene.start()

    def unreachable(writes: Sequence[Write]) -> None:
        raise LedgerError("no answer")

    monkeypatch.setattr(scene.store.real, "write", unreachable)
    scene.live_for(int(LEASE - MARGIN) - 1)
    assert held.stop.reason is None
    scene.live_for(1)
    assert held.stop.reason == "another server may own this run: its lease could not be renewed in time"
    assert held.is_lost(scene.clock.monotonic()), "whoever takes the run over needs its message"
    scene.live_for(20)
    told = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert told == [f"a run of queue billing is told to stop: {held.stop.reason}"]


def test_a_process_that_slept_past_its_lease_does_not_lengthen_it(scene: Scene) -> None:
    held = scene.start()
    scene.clock.advance(LEASE - MARGIN)
    scene.look()
    assert held.stop.reason is not None
    assert len(scene.store.writes) == 1


def test_who_was_taken_over_is_told_and_cannot_complete(scene: Scene) -> None:
    held = scene.start()
    claim = held.stop.claim
    assert claim is not None
    scene.clock.advance(LEASE + MARGIN)
    taker = scene.ledger.claim(scene.request("r1"))
    assert isinstance(taker, Claim)
    claim.held_until += 1000  # as if its own clock had stood still meanwhile
    scene.look()
    assert held.stop.reason == "another server may own this run: another server has taken run r1 over"
    assert held.is_lost(scene.clock.monotonic())
    assert claim.complete(Outcome.SUCCEEDED, "late") is False
    assert taker.complete(Outcome.SUCCEEDED, "in time") is True


def test_a_run_is_told_that_another_cancels_it_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    held = scene.start(locked=True)
    scene.ledger.claim(scene.request("r2", at=1, locked=True))
    scene.live_for(9)
    assert held.stop.reason is None
    scene.live_for(30)
    assert held.stop.reason == "work@r2 takes over"
    assert not held.is_lost(scene.clock.monotonic()), "it is still its own"
    assert [record.message for record in caplog.records] == [
        "a run of queue billing is told to stop: work@r2 takes over"
    ]


def test_the_most_urgent_is_renewed_first(scene: Scene) -> None:
    scene.start("r1")
    scene.clock.advance(5)
    scene.start("r2")
    scene.keeper._held = dict(reversed(scene.keeper._held.items()))
    scene.clock.advance(15)
    scene.look()
    assert [writes[0].sort for writes in scene.store.writes] == ["r1", "r2", "r1", "r2"]


def test_what_is_lost_is_told_though_requests_of_others_take_long(scene: Scene) -> None:
    lost, told = scene.start("r1"), []
    scene.clock.advance(15)
    scene.start("r2")
    scene.clock.advance(10)
    real = scene.store.real.write

    def slow(writes: Sequence[Write]) -> None:
        told.append(lost.stop.reason)
        real(writes)

    scene.store.real.write = slow  # type: ignore[method-assign] # a spy
    scene.look()
    assert told == ["another server may own this run: its lease could not be renewed in time"]


def test_a_run_whose_outcome_is_on_record_is_kept_until_it_is_acknowledged(scene: Scene) -> None:
    held = scene.start()
    claim = held.stop.claim
    assert claim is not None
    assert claim.complete(Outcome.SUCCEEDED, "handler returned")
    held.done = True
    writes = len(scene.store.writes)
    scene.live_for(40)
    assert len(scene.store.writes) == writes, "a renewal would undo it"
    assert held.stop.reason is None
    assert not held.is_lost(scene.clock.monotonic()), "or its message would be left to run, and be skipped, again"


def test_an_error_of_its_own_does_not_end_it(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    looked, errors = threading.Event(), [RuntimeError("odd")]

    def look() -> None:
        if errors:
            raise errors.pop()
        looked.set()

    scene.renewer.look = look  # type: ignore[method-assign] # a spy
    thread = threading.Thread(target=scene.renewer.run, args=[0.001])
    thread.start()
    assert looked.wait(10)
    scene.renewer.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert [record.message for record in caplog.records] == ["the renewer goes on after an error of its own"]


def test_a_failure_is_not_told_of_for_ever_once_its_run_has_ended(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = scene.start()

    def unreachable(writes: Sequence[Write]) -> None:
        raise LedgerError("no answer")

    monkeypatch.setattr(scene.store.real, "write", unreachable)
    scene.live_for(15)
    assert scene.renewer.failing_since is not None
    scene.keeper.forget(held)
    scene.live_for(1)
    assert scene.renewer.failing_since is None
