"""`MemoryQueue`, on a clock that the tests move; and against a model, with time among the things that happen."""

from collections.abc import Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rota.queues.base import Depth, Outgoing
from rota.testing import FakeClock, MemoryBackend, MemoryQueue, QueueConformance


class TestMemoryQueue(QueueConformance):
    clock: FakeClock

    @pytest.fixture
    def queue(self) -> MemoryQueue:
        self.clock = FakeClock()
        return MemoryQueue(visibility_timeout=self.visibility_timeout, clock=self.clock)

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)


class AnythingInAnyOrder(RuleBasedStateMachine):
    """The model: of each message, when it can be received next, and by which receipt it is held."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.queue = MemoryQueue(visibility_timeout=30, clock=self.clock)
        self.visible: dict[str, float] = {}
        self.receipts: dict[str, str] = {}
        self.names = iter(range(10**6))

    def held(self) -> list[str]:
        now = self.clock.monotonic()
        return [receipt for receipt, body in self.receipts.items() if self.visible.get(body, 0) > now]

    @rule(delays=st.lists(st.sampled_from([0, 0, 5, 900]), max_size=12))
    def send(self, delays: Sequence[int]) -> None:
        bodies = [str(next(self.names)) for _ in delays]
        assert self.queue.send([Outgoing(*one) for one in zip(bodies, delays, strict=True)]) == []
        self.visible |= {body: self.clock.monotonic() + delay for body, delay in zip(bodies, delays, strict=True)}

    @rule(limit=st.integers(1, 12))
    def receive(self, limit: int) -> None:
        now = self.clock.monotonic()
        due = {body for body, at in self.visible.items() if at <= now}
        caught = self.queue.receive(limit, 0)
        assert {message.body for message in caught} <= due
        assert len(caught) == min(limit, 10, len(due))
        for body, receipt, _ in caught:
            assert receipt not in self.receipts
            self.receipts = {r: b for r, b in self.receipts.items() if b != body} | {receipt: body}
            self.visible[body] = now + 30

    @rule(data=st.data(), seconds=st.sampled_from([0, 10, 60]))
    def change_visibility(self, data: st.DataObject, seconds: int) -> None:
        chosen = data.draw(st.lists(st.sampled_from(sorted(self.receipts)), unique=True)) if self.receipts else []
        held = self.held()
        assert self.queue.change_visibility(chosen, seconds) == [one for one in chosen if one not in held]
        self.visible |= {self.receipts[one]: self.clock.monotonic() + seconds for one in chosen if one in held}

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(sorted(self.receipts)), unique=True)) if self.receipts else []
        assert self.queue.delete(chosen) == []
        for one in chosen:
            self.visible.pop(self.receipts.pop(one), None)

    @rule(seconds=st.sampled_from([1, 10, 30, 1000]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.queue) == len(self.visible)


AnythingInAnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestAnythingInAnyOrder = AnythingInAnyOrder.TestCase


def test_what_is_delivered_too_often_moves_to_the_dead_letters_with_its_attributes() -> None:
    clock = FakeClock()
    backend = MemoryBackend(visibility_timeout=2, max_deliveries=3, clock=clock)
    queue, dead = backend.queue("billing"), backend.dead_letters("billing")
    queue.send([Outgoing("body", 0, {"rota.job": "send-invoice"})])
    for _ in range(3):
        assert len(queue.receive(1, 0)) == 1
        clock.advance(2)
    assert queue.receive(1, 0) == []
    assert dead.waiting == [Outgoing("body", 0, {"rota.job": "send-invoice"})]
    assert len(queue) == 0


def test_a_backend_has_one_queue_a_name() -> None:
    backend = MemoryBackend()
    assert backend.queue("a") is backend.queue("a")
    assert backend.queue("a") is not backend.queue("b")
    assert backend.dead_letters("c") is backend.dead_letters("c")
    assert backend.dead_letters("c") is not backend.queue("c")


def test_extensions_hold_a_message_for_twelve_hours_in_all() -> None:
    clock = FakeClock()
    queue = MemoryQueue(visibility_timeout=3600, clock=clock)
    queue.send([Outgoing("body")])
    (held,) = queue.receive(1, 0)
    for _ in range(11):
        clock.advance(3599)
        assert queue.change_visibility([held.receipt], 3600) == []
    clock.advance(3599)
    assert queue.change_visibility([held.receipt], 3600) == [held.receipt]


def test_a_letter_keeps_its_id_and_its_time_and_what_stands_beside_it() -> None:
    clock = FakeClock()
    queue = MemoryQueue(clock=clock)
    sent_at = clock.now()
    queue.send([Outgoing("body", 0, {"rota.reason": "worker died"})])
    clock.advance(60)
    (first,) = queue.letters(10, 30)
    assert (first.body, first.attributes, first.sent_at) == ("body", {"rota.reason": "worker died"}, sent_at)
    assert queue.depth() == Depth(0, 1)
    clock.advance(30)
    assert queue.depth() == Depth(1, 0)
    (again,) = queue.letters(10, 30)
    assert again.id == first.id
    assert again.receipt != first.receipt


def test_what_a_queue_moves_by_itself_keeps_its_id_and_its_time() -> None:
    clock = FakeClock()
    backend = MemoryBackend(visibility_timeout=2, max_deliveries=1, clock=clock)
    sent_at = clock.now()
    backend.queue("billing").send([Outgoing("body")])
    backend.queue("billing").receive(1, 0)
    clock.advance(2)
    backend.queue("billing").receive(1, 0)
    (letter,) = backend.dead_letters("billing").letters(10, 30)
    assert (letter.sent_at, letter.moved) == (sent_at, True)
    assert backend.undelivered("billing").letters(10, 30) == []
