"""Settling: what becomes of a message, by verdict and by whether it is still ours."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from rota import BackendError, Outcome, Queue
from rota.queues.base import Outgoing, SendFailure
from rota.queues.memory import MemoryQueue
from rota.testing import FakeClock
from rota.verdicts import Acknowledge, DeadLetter, Leave, SendAgain, Verdict
from rota.worker.held import Held, Source
from rota.worker.keeper import Keeper
from rota.worker.settler import Settler
from rota.worker.waiting_room import WaitingRoom

DONE = Verdict(Outcome.SUCCEEDED, "handler returned", Acknowledge())
AGAIN = Verdict(Outcome.FAILED, "ValueError", SendAgain("again", timedelta(seconds=7.4)))
DEAD = Verdict(Outcome.FAILED, "exhausted", DeadLetter("dead", {"rota.reason": "exhausted"}))


class Scene:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.queue, self.dead = MemoryQueue(8, self.clock), MemoryQueue(8, self.clock)
        declared = Queue(name="billing", visibility_timeout=timedelta(seconds=8))
        self.source = Source(declared, self.queue, self.dead)
        self.keeper = Keeper(WaitingRoom(1, [self.source], self.clock), self.clock, lambda held: None)
        self.settler = Settler(self.source, self.keeper, self.clock)

    def receive(self, count: int = 1) -> list[Held]:
        self.queue.send([Outgoing(f"run {number}") for number in range(count)])
        now = self.clock.monotonic()
        held: list[Held] = []
        while len(held) < count:
            held += [Held(self.source, body, receipt, now) for body, receipt, _ in self.queue.receive(10, 0)]
        self.keeper.keep(held)
        return held


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_success_deletes_the_message(scene: Scene) -> None:
    (held,) = scene.receive()
    scene.settler.settle(held, DONE)
    scene.settler.drain(1)
    assert len(scene.queue) == 0
    assert scene.keeper.held == []


def test_ten_acknowledgements_share_a_request_and_go_at_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    delete, calls = scene.queue.delete, []

    def counted(receipts: Sequence[str]) -> list[str]:
        calls.append(len(receipts))
        return delete(receipts)

    monkeypatch.setattr(scene.queue, "delete", counted)
    for held in scene.receive(23):
        scene.settler.settle(held, DONE)
    assert calls == [10, 10]
    scene.settler.drain(1)
    assert calls == [10, 10, 3]


def test_a_retry_is_a_new_message_with_its_delay_and_the_old_one_goes(scene: Scene) -> None:
    (held,) = scene.receive()
    scene.settler.settle(held, AGAIN)
    scene.settler.drain(1)
    assert [(waiting.body, waiting.delay) for waiting in scene.queue.waiting] == [("again", 8)]
    assert len(scene.queue) == 1


@pytest.mark.parametrize(
    ("delay", "asked"), [(timedelta(), 0), (timedelta(milliseconds=1), 1), (timedelta(minutes=15), 900)]
)
def test_nothing_comes_earlier_than_it_is_due(scene: Scene, delay: timedelta, asked: int) -> None:
    (held,) = scene.receive()
    scene.settler.settle(held, Verdict(None, "not due", SendAgain("again", delay)))
    assert [message.delay for message in scene.queue.waiting if message.body == "again"] == [asked]


def test_a_wait_longer_than_sqs_allows_is_cut_to_what_it_allows(scene: Scene) -> None:
    (held,) = scene.receive()
    scene.settler.settle(held, Verdict(None, "not due", SendAgain("again", timedelta(hours=3))))
    scene.settler.drain(1)
    scene.clock.advance(899)
    assert scene.queue.receive(1, 0) == []
    scene.clock.advance(1)
    assert [message.body for message in scene.queue.receive(1, 0)] == ["again"]


def test_what_is_left_is_told_the_queue_in_no_way(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (held,) = scene.receive()

    def never(*arguments: object) -> list[str]:
        raise AssertionError(f"the queue was asked {arguments}")

    for queue in (scene.queue, scene.dead):
        for request in ("send", "delete", "change_visibility"):
            monkeypatch.setattr(queue, request, never)
    scene.settler.settle(held, Verdict(Outcome.ABANDONED, "taken over by another server", Leave()))
    assert scene.keeper.held == []
    monkeypatch.undo()
    scene.settler.drain(1)
    scene.clock.advance(9)
    assert [message.body for message in scene.queue.receive(1, 0)] == ["run 0"], "it returns by itself"


def test_a_dead_letter_carries_its_reason(scene: Scene) -> None:
    (held,) = scene.receive()
    scene.settler.settle(held, DEAD)
    scene.settler.drain(1)
    assert len(scene.queue) == 0
    assert scene.dead.waiting == [Outgoing("dead", 0, {"rota.reason": "exhausted"})]


@pytest.mark.parametrize("verdict", [AGAIN, DEAD])
def test_the_old_message_is_sent_on_before_it_is_deleted(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, verdict: Verdict
) -> None:
    (held,) = scene.receive()

    def unreachable(messages: Sequence[Outgoing]) -> list[SendFailure]:
        raise BackendError("no answer")

    monkeypatch.setattr(scene.queue, "send", unreachable)
    monkeypatch.setattr(scene.dead, "send", unreachable)
    scene.settler.settle(held, verdict)
    scene.settler.drain(1)
    scene.clock.advance(9)
    assert [message.body for message in scene.queue.receive(1, 0)] == ["run 0"]  # not lost: it returned by itself


def test_a_message_that_the_service_refuses_is_not_lost(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (held,) = scene.receive()
    monkeypatch.setattr(scene.queue, "send", lambda messages: [SendFailure(0, "InvalidMessageContents")])
    scene.settler.settle(held, AGAIN)
    scene.settler.drain(1)
    scene.clock.advance(9)
    assert len(scene.queue.receive(1, 0)) == 1


@pytest.mark.parametrize("verdict", [AGAIN, DEAD])
def test_what_was_lost_before_it_failed_is_left_to_its_new_holder(scene: Scene, verdict: Verdict) -> None:
    (held,) = scene.receive()
    scene.clock.advance(9)
    assert len(scene.queue.receive(1, 0)) == 1
    scene.settler.settle(held, verdict)
    scene.settler.drain(1)
    assert len(scene.queue) == 1
    assert len(scene.dead) == 0


@pytest.mark.parametrize("error", [BackendError("no answer"), OSError("of another backend")])
def test_what_is_done_stays_in_hand_until_it_is_acknowledged(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    (held,) = scene.receive()
    delete, errors = scene.queue.delete, [error]

    def failing_once(receipts: Sequence[str]) -> list[str]:
        if errors:
            raise errors.pop()
        return delete(receipts)

    monkeypatch.setattr(scene.queue, "delete", failing_once)
    scene.settler.settle(held, DONE)
    scene.settler.drain(1)
    assert scene.keeper.held == [held]  # and so its visibility is extended
    scene.settler.drain(1)
    assert scene.keeper.held == []
    assert len(scene.queue) == 0


def test_what_the_service_fails_to_delete_is_tried_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = scene.receive(3)
    delete, failures = scene.queue.delete, [batch[1].receipt]

    def failing_for_one(receipts: Sequence[str]) -> list[str]:
        failed = [failures.pop()] if failures else []
        delete([receipt for receipt in receipts if receipt not in failed])
        return failed

    monkeypatch.setattr(scene.queue, "delete", failing_for_one)
    for held in batch:
        scene.settler.settle(held, DONE)
    scene.settler.drain(1)
    assert scene.keeper.held == [batch[1]]
    scene.settler.drain(1)
    assert scene.keeper.held == []


def test_what_could_not_be_acknowledged_before_it_was_lost_is_forgotten(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (held,) = scene.receive()

    def unreachable(receipts: Sequence[str]) -> list[str]:
        raise BackendError("no answer")

    monkeypatch.setattr(scene.queue, "delete", unreachable)
    scene.settler.settle(held, DONE)
    scene.clock.advance(9)
    scene.settler.drain(1)
    assert scene.keeper.held == []


def test_what_is_handed_back_is_a_new_message_that_has_not_been_delivered_yet(scene: Scene) -> None:
    scene.queue.max_deliveries, scene.queue.dead_letters = 1, scene.dead
    batch = scene.receive(2)
    scene.settler.hand_back(batch)
    scene.settler.drain(1)
    assert sorted(message.body for message in scene.queue.receive(10, 0)) == ["run 0", "run 1"]
    assert len(scene.dead) == 0
    assert scene.keeper.held == []


def test_a_run_given_back_at_the_end_of_its_process_is_not_sent_again_as_well(scene: Scene) -> None:
    (held,) = scene.receive()
    scene.keeper.give_back([held])
    scene.settler.settle(held, AGAIN)  # the handler heeded the word to stop by raising
    scene.settler.drain(1)
    assert [message.body for message in scene.queue.receive(10, 0)] == ["run 0"]


def test_no_acknowledgement_waits_for_the_batch_to_fill(scene: Scene) -> None:
    thread = threading.Thread(target=scene.settler.run, daemon=True)
    thread.start()
    for _ in range(3):
        (held,) = scene.receive()
        scene.settler.settle(held, DONE)
        while scene.keeper.held:
            time.sleep(0.001)
    scene.settler.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_stopping_acknowledges_what_is_left(scene: Scene) -> None:
    batch = scene.receive(4)
    thread = threading.Thread(target=scene.settler.run, daemon=True)
    thread.start()
    for held in batch:
        scene.settler.settle(held, DONE)
    scene.settler.stop()
    thread.join(5)
    assert len(scene.queue) == 0


def test_what_could_not_be_handed_back_is_not_held_for_ever(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = scene.receive(2)

    def odd(messages: Sequence[Outgoing]) -> list[SendFailure]:
        raise RuntimeError("refreshed credentials are still expired")

    monkeypatch.setattr(scene.queue, "send", odd)
    scene.settler.hand_back(batch)
    assert scene.keeper.held == []
    scene.clock.advance(9)
    assert len(scene.queue.receive(10, 0)) == 2


def test_a_hand_back_that_ends_after_the_stop_leaves_no_second_message(scene: Scene) -> None:
    batch = scene.receive(3)
    scene.settler.stop()
    scene.settler.hand_back(batch)
    assert len(scene.queue) == 3


@pytest.mark.parametrize("verdict", [AGAIN, DEAD])
def test_what_is_on_record_is_sent_on_though_its_message_was_lost(scene: Scene, verdict: Verdict) -> None:
    (held,) = scene.receive()
    held.lose()
    scene.settler.settle(held, replace(verdict, on_record=True))
    assert len(scene.queue.waiting) + len(scene.dead.waiting) == 1
