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
from rota.worker.watcher import Watcher

VISIBILITY = 8


class Scene:
    """A source with messages received, some of them started."""

    def __init__(self, visibility: int = VISIBILITY) -> None:
        self.clock = FakeClock()
        self.queue = MemoryQueue(visibility_timeout=visibility, clock=self.clock)
        declared = Queue(name="billing", visibility_timeout=timedelta(seconds=visibility))
        self.source = Source(declared, self.queue, MemoryQueue())
        self.room = WaitingRoom(1, [self.source], self.clock)
        self.handed_back: list[Held] = []
        self.keeper = Keeper(self.room, self.clock, self.handed_back.extend)
        self.watcher = Watcher(self.keeper, self.room, self.clock)
        self._teach_that_runs_are_quick()

    def _teach_that_runs_are_quick(self) -> None:
        held = Held(self.source, "{}", "", self.clock.monotonic())
        self.room.enter(self.source, [held])
        self.room.take()
        self.room.leave(held)

    def receive(self, count: int = 1) -> list[Held]:
        self.queue.send([Outgoing("{}") for _ in range(count)])
        now = self.clock.monotonic()
        held = [Held(self.source, body, receipt, now) for body, receipt, _ in self.queue.receive(count, 0)]
        self.keeper.keep(held)
        self.room.enter(self.source, held)
        return held

    def live_for(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.clock.advance(1)
            self.look()

    def look(self) -> None:
        self.watcher.look()
        self.keeper.look()
        self.watcher.look()

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


def test_what_waits_is_extended_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.room, "withdraw", lambda held: False)  # as while it is being handed back
    scene.receive(2)
    scene.room.take()
    scene.live_for(VISIBILITY)
    assert not scene.others_can_receive()


def test_what_waits_longer_than_promised_is_handed_back_for_an_idle_server(scene: Scene) -> None:
    _, waiting = scene.receive(2)
    scene.room.take()
    scene.live_for(VISIBILITY / 4)
    assert scene.handed_back == []
    scene.live_for(1)
    assert scene.handed_back == [waiting]


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
    monkeypatch.setattr(scene.room, "withdraw", lambda held: False)
    change, calls = scene.queue.change_visibility, []

    def counted(receipts: list[str], seconds: int) -> list[str]:
        calls.append(len(receipts))
        return change(receipts, seconds)

    monkeypatch.setattr(scene.queue, "change_visibility", counted)
    scene.live_for(VISIBILITY - 1)
    assert calls == [7]


def test_a_deadline_is_told_of_once_in_the_log_of_the_run(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    (held,) = scene.receive()
    scene.room.take()
    held.stop.due = scene.clock.monotonic() + 1
    scene.live_for(5)
    assert [record.message for record in caplog.records] == [
        "a run of queue billing is told to stop: its deadline has passed"
    ]


def test_deadlines_are_told_of_though_the_service_does_not_answer(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (held,) = scene.receive()
    scene.room.take()
    held.stop.due = scene.clock.monotonic() + VISIBILITY / 2
    scene.live_for(VISIBILITY / 2 - 1)
    told = []

    def slow(receipts: object, seconds: int) -> list[str]:
        told.append(held.stop.reason)
        return []

    monkeypatch.setattr(scene.queue, "change_visibility", slow)
    scene.live_for(1)
    assert told == ["its deadline has passed"]


def test_a_message_is_held_to_the_end_of_the_twelve_hours_that_sqs_allows() -> None:
    scene = Scene(visibility=8 * 3600)
    (held,) = scene.receive()
    scene.room.take()
    asked: list[int] = []
    scene.queue.change_visibility = lambda receipts, seconds: asked.append(seconds) or []  # type: ignore[method-assign, assignment, func-returns-value] # a spy
    for _ in range(12):
        scene.clock.advance(3600)
        scene.look()
    assert held.received_at + 12 * 3600 - 10 <= held.visible_at <= held.received_at + 12 * 3600
    assert all(seconds <= 8 * 3600 for seconds in asked)


def test_a_run_whose_verdict_is_carried_out_is_not_given_back(scene: Scene) -> None:
    (held,) = scene.receive()
    scene.room.take()
    held.done = True
    scene.keeper.give_back([held])
    assert not scene.others_can_receive()


def test_what_was_given_back_is_lost_to_its_handler(scene: Scene) -> None:
    (held,) = scene.receive()
    scene.room.take()
    scene.keeper.give_back([held])
    assert held.is_lost(scene.clock.monotonic())
    assert scene.others_can_receive()


def test_what_is_lost_stays_lost_though_the_service_takes_its_stale_receipt(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (held,) = scene.receive()
    scene.room.take()
    scene.clock.advance(VISIBILITY + 1)  # as when this process slept
    asked: list[object] = []
    monkeypatch.setattr(scene.queue, "change_visibility", lambda receipts, seconds: asked.append(receipts) or [])
    scene.live_for(2 * VISIBILITY)
    assert asked == []
    assert held.is_lost(scene.clock.monotonic())


def test_an_extension_under_way_does_not_take_back_what_was_given_up(scene: Scene) -> None:
    (held,) = scene.receive()
    held.lose()
    held.extend(scene.clock.monotonic() + 100)
    assert held.is_lost(scene.clock.monotonic())


def test_one_queue_in_trouble_keeps_no_other_from_its_extensions(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (held,) = scene.receive()
    scene.room.take()

    def odd(receipts: object, seconds: int) -> list[str]:
        raise RuntimeError("refreshed credentials are still expired")

    monkeypatch.setattr(scene.queue, "change_visibility", odd)
    scene.live_for(VISIBILITY / 2)
    scene.keeper.give_back([held])  # nor a stop from going on
    assert scene.keeper.held == []
