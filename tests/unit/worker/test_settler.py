"""Settling: what becomes of a message, by verdict and by whether it is still ours."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from rota import BackendError, Outcome, Queue
from rota.queues.base import Outgoing, SendFailure
from rota.queues.memory import MemoryQueue
from rota.runner import Acknowledge, DeadLetter, SendAgain, Verdict
from rota.testing import FakeClock
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
        self.keeper = Keeper(WaitingRoom(1, [self.source]), self.clock)
        self.settler = Settler([self.source], self.keeper, self.clock)

    def receive(self, count: int = 1) -> list[Held]:
        self.queue.send([Outgoing(f"run {number}") for number in range(count)])
        now = self.clock.monotonic()
        held: list[Held] = []
        while len(held) < count:
            held += [Held(self.source, body, receipt, now) for body, receipt in self.queue.receive(10, 0)]
        self.keeper.keep(held)
        return held


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_success_deletes_the_message(scene: Scene) -> None:
    (held,) = scene.receive()
    scene.settler.settle(held, DONE)
    scene.settler.flush()
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
    scene.settler.flush()
    assert calls == [10, 10, 3]


def test_a_retry_is_a_new_message_with_its_delay_and_the_old_one_goes(scene: Scene) -> None:
    (held,) = scene.receive()
    scene.settler.settle(held, AGAIN)
    scene.settler.flush()
    assert [(waiting.body, waiting.delay) for waiting in scene.queue.waiting] == [("again", 7)]
    assert len(scene.queue) == 1


def test_a_dead_letter_carries_its_reason(scene: Scene) -> None:
    (held,) = scene.receive()
    scene.settler.settle(held, DEAD)
    scene.settler.flush()
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
    scene.settler.flush()
    scene.clock.advance(9)
    assert [message.body for message in scene.queue.receive(1, 0)] == ["run 0"]  # not lost: it returned by itself


def test_a_message_that_the_service_refuses_is_not_lost(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (held,) = scene.receive()
    monkeypatch.setattr(scene.queue, "send", lambda messages: [SendFailure(0, "InvalidMessageContents")])
    scene.settler.settle(held, AGAIN)
    scene.settler.flush()
    scene.clock.advance(9)
    assert len(scene.queue.receive(1, 0)) == 1


@pytest.mark.parametrize("verdict", [AGAIN, DEAD])
def test_what_was_lost_before_it_failed_is_left_to_its_new_holder(scene: Scene, verdict: Verdict) -> None:
    (held,) = scene.receive()
    scene.clock.advance(9)
    assert len(scene.queue.receive(1, 0)) == 1
    scene.settler.settle(held, verdict)
    scene.settler.flush()
    assert len(scene.queue) == 1
    assert len(scene.dead) == 0


def test_acknowledgements_that_fail_are_no_crash(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (held,) = scene.receive()

    def unreachable(receipts: Sequence[str]) -> list[str]:
        raise BackendError("no answer")

    monkeypatch.setattr(scene.queue, "delete", unreachable)
    scene.settler.settle(held, DONE)
    scene.settler.flush()
    assert scene.keeper.held == []
