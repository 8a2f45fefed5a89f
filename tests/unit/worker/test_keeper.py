"""Keeping hold: on a clock that the test moves, and a queue in memory that hides and returns as SQS does."""

from datetime import timedelta

import pytest

from rota import BackendError, Queue
from rota.queues.base import Outgoing
from rota.queues.memory import MemoryQueue
from rota.testing import FakeClock
from rota.worker.held import Held, Source
from rota.worker.keeper import Keeper
from rota.worker.waiting_room import WaitingRoom

VISIBILITY = 8


class Scene:
    """A source with messages received, some of them started."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.queue = MemoryQueue(visibility_timeout=VISIBILITY, clock=self.clock)
        declared = Queue(name="billing", visibility_timeout=timedelta(seconds=VISIBILITY))
        self.source = Source(declared, self.queue, MemoryQueue())
        self.room = WaitingRoom(1, [self.source])
        self.keeper = Keeper(self.room, self.clock)

    def receive(self, count: int = 1) -> list[Held]:
        self.queue.send([Outgoing("{}") for _ in range(count)])
        now = self.clock.monotonic()
        held = [Held(self.source, body, receipt, now) for body, receipt in self.queue.receive(count, 0)]
        self.keeper.keep(held)
        self.room.enter(self.source, held)
        return held

    def live_for(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.clock.advance(1)
            self.keeper.look()

    def others_can_receive(self) -> bool:
        return bool(self.queue.receive(1, 0))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_run_far_longer_than_the_visibility_timeout_stays_with_its_worker(scene: Scene) -> None:
    (held,) = scene.receive()
    scene.room.take()
    scene.live_for(5 * VISIBILITY)
    assert not scene.others_can_receive()
    assert not held.stop.event.is_set()


def test_what_waits_is_extended_too(scene: Scene) -> None:
    scene.receive(2)
    scene.room.take()
    scene.live_for(VISIBILITY)
    assert not scene.others_can_receive()


def test_what_waits_longer_than_promised_is_given_to_an_idle_server(scene: Scene) -> None:
    _, waiting = scene.receive(2)
    scene.room.take()
    scene.live_for(VISIBILITY + 1)
    assert scene.others_can_receive()
    assert waiting not in scene.keeper.held


def test_what_is_forgotten_returns_by_itself(scene: Scene) -> None:
    (held,) = scene.receive()
    scene.room.take()
    scene.keeper.forget(held)
    scene.live_for(VISIBILITY)
    assert scene.others_can_receive()


def test_a_run_whose_message_was_lost_is_told(scene: Scene) -> None:
    (held,) = scene.receive()
    scene.room.take()
    scene.queue.delete([held.receipt])  # as when another worker has taken and finished it
    scene.live_for(VISIBILITY)
    assert held.stop.event.is_set()
    assert "another server may own this run" in str(held.stop.reason)
    assert held.is_lost(scene.clock.monotonic())


def test_a_run_is_told_when_the_service_could_not_be_reached_until_its_visibility_ended(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (held,) = scene.receive()
    scene.room.take()

    def unreachable(receipts: object, seconds: int) -> list[str]:
        raise BackendError("no answer")

    monkeypatch.setattr(scene.queue, "change_visibility", unreachable)
    scene.live_for(VISIBILITY - 1)
    assert not held.stop.event.is_set()
    scene.live_for(2)
    assert held.stop.event.is_set()


def test_one_failure_of_the_service_costs_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (held,) = scene.receive()
    scene.room.take()
    change, failures = scene.queue.change_visibility, [BackendError("throttled")]

    def failing_once(receipts: list[str], seconds: int) -> list[str]:
        if failures:
            raise failures.pop()
        return change(receipts, seconds)

    monkeypatch.setattr(scene.queue, "change_visibility", failing_once)
    scene.live_for(3 * VISIBILITY)
    assert not held.stop.event.is_set()
    assert not scene.others_can_receive()


def test_a_run_past_its_deadline_is_told_and_kept(scene: Scene) -> None:
    (held,) = scene.receive()
    scene.room.take()
    held.stop.due = scene.clock.monotonic() + 3
    scene.live_for(2)
    assert not held.stop.event.is_set()
    scene.live_for(2 * VISIBILITY)
    assert held.stop.reason == "its deadline has passed"
    assert not scene.others_can_receive()  # its thread lives, so nobody else may have it


def test_extensions_share_requests(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.receive(7)
    change, calls = scene.queue.change_visibility, []

    def counted(receipts: list[str], seconds: int) -> list[str]:
        calls.append(len(receipts))
        return change(receipts, seconds)

    monkeypatch.setattr(scene.queue, "change_visibility", counted)
    scene.live_for(VISIBILITY - 1)
    assert calls == [7]
