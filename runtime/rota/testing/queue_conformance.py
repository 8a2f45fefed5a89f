# ruff: noqa: S101 - these are tests
"""What every `MessageQueue` must do, as tests to inherit.

    class TestMyQueue(QueueConformance):
        visibility_timeout = 2

        @pytest.fixture
        def queue(self):
            return MyQueue(...)             # empty, with a visibility timeout of 2 seconds

        def pass_time(self, seconds):       # only where the queue goes by a clock that can be moved
            self.clock.advance(seconds)

A service that is entitled to deliver a message twice, or late, will fail one of these now and then.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

import pytest

from rota.queues.base import MAX_BATCH, MAX_BYTES, MAX_DELAY, Message, MessageQueue, Outgoing


class QueueConformance:
    """Inherit, and override `queue`."""

    visibility_timeout: ClassVar[int] = 2
    """Of the queue, in whole seconds."""
    patience: ClassVar[float] = 0
    """Seconds that a receive has to wait until it can be sure that nothing is there."""
    margin: ClassVar[float] = 0.3
    """Seconds by which the service may be late."""

    @pytest.fixture
    def queue(self) -> MessageQueue:
        """An empty queue."""
        raise NotImplementedError("override the fixture `queue`")

    def pass_time(self, seconds: float) -> None:
        """Let time pass for the queue."""
        time.sleep(seconds)

    def catch(self, queue: MessageQueue) -> list[Message]:
        """Everything that can be received now."""
        caught: list[Message] = []
        while more := queue.receive(MAX_BATCH, self.patience):
            caught += more
        return caught

    # Sending and receiving

    def test_an_empty_queue_gives_nothing(self, queue: MessageQueue) -> None:
        assert queue.receive(1, 0) == []

    def test_nothing_to_do_is_no_request(self, queue: MessageQueue) -> None:
        assert queue.send([]) == []
        assert queue.delete([]) == []
        assert queue.change_visibility([], 1) == []

    @pytest.mark.parametrize("body", ["{}", '{"a":"b"}', "Grüße 🚀", 'two\nlines\tand <tags> & "quotes"', " "])
    def test_a_body_arrives_as_it_was_sent(self, queue: MessageQueue, body: str) -> None:
        assert queue.send([Outgoing(body)]) == []
        assert _bodies(self.catch(queue)) == [body]

    def test_attributes_stand_beside_the_body(self, queue: MessageQueue) -> None:
        attributes = {"rota.reason": "attempts exhausted (3): ValueError: Grüße", "rota.job": "send-invoice"}
        assert queue.send([Outgoing("body", 0, attributes)]) == []
        assert _bodies(self.catch(queue)) == ["body"]

    def test_a_receive_gives_no_more_than_it_was_asked_for(self, queue: MessageQueue) -> None:
        queue.send(_numbered(12))
        assert len(queue.receive(3, self.patience)) <= 3
        assert len(queue.receive(50, self.patience)) <= MAX_BATCH

    def test_more_than_one_batch_is_sent_extended_and_deleted(self, queue: MessageQueue) -> None:
        assert queue.send(_numbered(23)) == []
        caught = self.catch(queue)
        assert sorted(_bodies(caught)) == sorted(message.body for message in _numbered(23))
        receipts = _receipts(caught)
        assert len(set(receipts)) == 23
        assert queue.change_visibility(receipts, 60) == []
        assert queue.delete(receipts) == []
        assert queue.change_visibility(receipts, 0) == receipts
        assert self.catch(queue) == []

    def test_a_receive_waits_for_what_is_sent_meanwhile(self, queue: MessageQueue) -> None:
        sender = threading.Timer(0.2, queue.send, [[Outgoing("late")]])
        sender.start()
        assert _bodies(queue.receive(1, 20)) == ["late"]
        sender.join()

    def test_many_receivers_share_the_messages(self, queue: MessageQueue) -> None:
        queue.send(_numbered(40))
        caught: list[Message] = []

        def receive() -> None:
            while more := queue.receive(MAX_BATCH, self.patience):
                # For as long as this test may take, on the slowest machine.
                assert queue.change_visibility(_receipts(more), 600) == []
                caught.extend(more)

        threads = [threading.Thread(target=receive) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(_bodies(caught)) == sorted(message.body for message in _numbered(40))

    def test_a_delayed_message_comes_later(self, queue: MessageQueue) -> None:
        assert queue.send([Outgoing("later", delay=1), Outgoing("at once")]) == []
        assert _bodies(self.catch(queue)) == ["at once"]
        self.pass_time(1 + self.margin)
        assert "later" in _bodies(self.catch(queue))

    # Limits

    def test_a_delay_too_long_is_refused_by_itself(self, queue: MessageQueue) -> None:
        refused = queue.send([Outgoing("a"), Outgoing("b", delay=MAX_DELAY + 1), Outgoing("c", delay=0)])
        assert [failed.place for failed in refused] == [1]
        assert refused[0].reason
        assert sorted(_bodies(self.catch(queue))) == ["a", "c"]

    def test_a_message_too_large_is_refused_by_itself(self, queue: MessageQueue) -> None:
        refused = queue.send([Outgoing("a"), Outgoing("ü" * (MAX_BYTES // 2 + 1)), Outgoing("c")])
        assert [failed.place for failed in refused] == [1]
        assert refused[0].reason
        assert sorted(_bodies(self.catch(queue))) == ["a", "c"]

    def test_messages_too_large_for_one_request_take_several(self, queue: MessageQueue) -> None:
        bodies = [letter * (MAX_BYTES * 2 // 3) for letter in "abc"]
        assert queue.send([Outgoing(body) for body in bodies]) == []
        assert sorted(_bodies(self.catch(queue))) == bodies

    # Visibility

    def test_what_is_not_settled_comes_back(self, queue: MessageQueue) -> None:
        queue.send(_numbered(2))
        first = self.catch(queue)
        assert len(first) == 2
        assert self.catch(queue) == []
        self.pass_time(self.visibility_timeout + self.margin)
        again = self.catch(queue)
        assert sorted(_bodies(again)) == sorted(_bodies(first))
        assert not set(_receipts(again)) & set(_receipts(first)), "a receipt names a delivery, not a message"
        assert {(one.id, one.body) for one in again} == {(one.id, one.body) for one in first}

    def test_a_receipt_is_lost_with_its_time(self, queue: MessageQueue) -> None:
        queue.send([Outgoing("body")])
        (held,) = self.catch(queue)
        self.pass_time(self.visibility_timeout + self.margin)
        assert queue.change_visibility([held.receipt], 60) == [held.receipt]
        assert _bodies(self.catch(queue)) == ["body"]

    def test_an_extension_counts_from_now(self, queue: MessageQueue) -> None:
        queue.send(_numbered(2))
        kept, left = self.catch(queue)
        self.pass_time(self.visibility_timeout / 2)
        assert queue.change_visibility([kept.receipt], 2 * self.visibility_timeout) == []
        self.pass_time(self.visibility_timeout / 2 + self.margin)
        assert _bodies(self.catch(queue)) == [left.body]
        assert queue.change_visibility([kept.receipt], 60) == []

    def test_what_is_given_back_is_there_at_once(self, queue: MessageQueue) -> None:
        queue.send(_numbered(3))
        first = self.catch(queue)
        assert queue.change_visibility([first[1].receipt], 0) == []
        (again,) = self.catch(queue)
        assert again.body == first[1].body
        assert again.receipt != first[1].receipt

    def test_lost_receipts_are_told_from_those_held(self, queue: MessageQueue) -> None:
        queue.send(_numbered(12))
        receipts = _receipts(self.catch(queue))
        gone = receipts[3:5] + receipts[11:]
        queue.delete(gone)
        assert sorted(queue.change_visibility(receipts, 60)) == sorted(gone)

    def test_no_message_is_held_for_more_than_twelve_hours(self, queue: MessageQueue) -> None:
        queue.send([Outgoing("body")])
        (held,) = self.catch(queue)
        assert queue.change_visibility([held.receipt], 12 * 60 * 60 + 1) == [held.receipt]
        assert self.catch(queue) == [], "a refused extension changes nothing"

    # Deleting

    def test_a_deleted_message_never_comes_back(self, queue: MessageQueue) -> None:
        queue.send(_numbered(2))
        done, left = self.catch(queue)
        assert queue.delete([done.receipt]) == []
        self.pass_time(self.visibility_timeout + self.margin)
        assert _bodies(self.catch(queue)) == [left.body]

    def test_deleting_what_is_gone_is_no_refusal(self, queue: MessageQueue) -> None:
        queue.send(_numbered(2))
        first, second = _receipts(self.catch(queue))
        assert queue.delete([first]) == []
        assert queue.delete([first, second]) == []
        assert self.catch(queue) == []

    # All of it

    @pytest.mark.parametrize("seed", range(3))
    def test_nothing_is_lost_or_given_to_two(self, queue: MessageQueue, seed: int) -> None:
        """Anything in any order. The seed makes it happen again."""
        chance = random.Random(seed)
        sent: list[str] = []
        deleted: set[str] = set()
        held: dict[str, str] = {}
        for step in range(60):
            some = [receipt for receipt in held if chance.random() < 0.4]
            match chance.choice(["send", "receive", "receive", "delete", "give back", "extend"]):
                case "send":
                    batch = [f"{seed}-{step}-{i}" for i in range(chance.randint(1, 13))]
                    assert queue.send([Outgoing(body) for body in batch]) == []
                    sent += batch
                case "receive":
                    caught = queue.receive(chance.randint(1, MAX_BATCH), self.patience)
                    assert not Counter(_bodies(caught)) - Counter(set(sent) - deleted - set(held.values()))
                    # For as long as this test may take, on the slowest machine.
                    assert queue.change_visibility(_receipts(caught), 600) == []
                    held |= {receipt: body for body, receipt, _ in caught}
                case "delete":
                    assert queue.delete(some) == []
                    deleted |= {held.pop(receipt) for receipt in some}
                case "give back":
                    assert queue.change_visibility(some, 0) == []
                    for receipt in some:
                        del held[receipt]
                case "extend":
                    assert queue.change_visibility(some, 300) == []
        assert queue.change_visibility(list(held), 0) == []
        assert sorted(_bodies(self.catch(queue))) == sorted(set(sent) - deleted)


def _numbered(count: int) -> list[Outgoing]:
    return [Outgoing(f"message {number}") for number in range(count)]


def _bodies(messages: Sequence[Message]) -> list[str]:
    return [message.body for message in messages]


def _receipts(messages: Sequence[Message]) -> list[str]:
    return [message.receipt for message in messages]
