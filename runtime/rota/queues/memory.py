"""Queues in this process's memory, with SQS's semantics: for tests, on any `Clock`."""

import itertools
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rota.clock import Clock, SystemClock
from rota.queues.base import (
    MAX_BATCH,
    MAX_DELAY,
    Depth,
    Letter,
    Message,
    MessageQueue,
    Move,
    MoveTask,
    Outgoing,
    SendFailure,
    size_problem,
)

_POLL = 0.005  # seconds between looks for a message
_LONGEST_HOLD = 12 * 60 * 60  # seconds from the receive, all extensions together


@dataclass
class _Stored:
    outgoing: Outgoing
    visible_at: float
    id: str
    sent_at: datetime
    receipt: str = ""
    received_at: float = 0
    deliveries: int = 0
    moved: bool = False


@dataclass
class MemoryQueue:
    """One queue. `visibility_timeout` in seconds; with `dead_letters` and `max_deliveries`, it moves what is delivered
    more often, as SQS's redrive policy does."""

    visibility_timeout: float = 60
    clock: Clock = field(default_factory=SystemClock)
    dead_letters: "MemoryQueue | None" = None
    max_deliveries: int = 20

    def __post_init__(self) -> None:
        self._stored: list[_Stored] = []
        self._lock = threading.Lock()
        self._serial = itertools.count()

    def receive(self, limit: int, wait: float) -> list[Message]:
        return [Message(stored.outgoing.body, stored.receipt, stored.id) for stored in self._catch(limit, wait)]

    def letters(self, limit: int, hide: int, *, wait: float = 0) -> list[Letter]:
        return [_letter(stored) for stored in self._catch(limit, wait, hide)]

    def _catch(self, limit: int, wait: float, hide: float | None = None) -> list[_Stored]:
        # In real time: a test that moves the clock should not wait for itself.
        end = time.monotonic() + wait
        while True:
            with self._lock:
                if caught := self._take(min(limit, MAX_BATCH), self.visibility_timeout if hide is None else hide):
                    return caught
            if time.monotonic() >= end:
                return []
            time.sleep(_POLL)

    def _take(self, limit: int, hide: float) -> list[_Stored]:
        now = self.clock.monotonic()
        caught: list[_Stored] = []
        for stored in [stored for stored in self._stored if stored.visible_at <= now]:
            if self.dead_letters is not None and stored.deliveries >= self.max_deliveries:
                self._stored.remove(stored)
                self.dead_letters.keep(stored)
                continue
            if len(caught) == limit:
                break
            stored.deliveries += 1
            stored.receipt = f"receipt-{next(self._serial)}"
            stored.received_at, stored.visible_at = now, now + hide
            caught.append(stored)
        return caught

    def keep(self, stored: _Stored) -> None:
        """Take over a message of another queue, with its id and its time."""
        kept = _Stored(stored.outgoing._replace(delay=0), self.clock.monotonic(), stored.id, stored.sent_at, moved=True)
        with self._lock:
            self._stored.append(kept)

    def send(self, messages: Sequence[Outgoing]) -> list[SendFailure]:
        now, sent_at = self.clock.monotonic(), self.clock.now()
        failures = [SendFailure(i, problem) for i, message in enumerate(messages) if (problem := _problem(message))]
        refused = {failed.place for failed in failures}
        with self._lock:
            self._stored += [
                _Stored(m, now + m.delay, f"message-{next(self._serial)}", sent_at)
                for place, m in enumerate(messages)
                if place not in refused
            ]
        return failures

    def delete(self, receipts: Sequence[str]) -> list[str]:
        with self._lock:
            self._stored = [stored for stored in self._stored if stored.receipt not in receipts]
        return []

    def change_visibility(self, receipts: Sequence[str], seconds: int) -> list[str]:
        now = self.clock.monotonic()
        with self._lock:
            held = {
                stored.receipt: stored
                for stored in self._stored
                if stored.receipt and stored.visible_at > now and now + seconds <= stored.received_at + _LONGEST_HOLD
            }
            for receipt in receipts:
                if receipt in held:
                    held[receipt].visible_at = now + seconds
        return [receipt for receipt in receipts if receipt not in held]

    def depth(self) -> Depth:
        now = self.clock.monotonic()
        with self._lock:
            visible = sum(stored.visible_at <= now for stored in self._stored)
            return Depth(visible, len(self._stored) - visible)

    def move_all(self, to: MessageQueue) -> MoveTask | None:  # noqa: ARG002 - the protocol's
        return None

    def moved(self, task: MoveTask) -> Move:
        raise NotImplementedError("a queue in memory moves nothing by itself")

    @property
    def next_at(self) -> float:
        """When the first of its messages can be received, on the clock's monotonic time; infinity where it has none."""
        with self._lock:
            return min((stored.visible_at for stored in self._stored), default=math.inf)

    def peek(self) -> list[Letter]:
        """All messages as they lie there, none of them received."""
        with self._lock:
            return [_letter(stored) for stored in self._stored]

    @property
    def waiting(self) -> list[Outgoing]:
        """The messages that nobody holds, delayed ones included."""
        now = self.clock.monotonic()
        with self._lock:
            return [s.outgoing for s in self._stored if s.visible_at <= now or not s.receipt]

    def __len__(self) -> int:
        """All messages, held ones included."""
        return len(self._stored)


def _letter(stored: _Stored) -> Letter:
    outgoing = stored.outgoing
    return Letter(outgoing.body, stored.receipt, stored.id, outgoing.attributes, stored.sent_at, stored.moved)


def _problem(message: Outgoing) -> str | None:
    if not 0 <= message.delay <= MAX_DELAY:
        return f"delay must be from 0 to {MAX_DELAY} seconds; got {message.delay}"
    return size_problem(message)


class MemoryBackend:
    """Every queue anyone asks for, made at the first mention."""

    def __init__(self, *, visibility_timeout: float = 60, max_deliveries: int = 20, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._visibility_timeout, self._max_deliveries = visibility_timeout, max_deliveries
        self._queues: dict[str, MemoryQueue] = {}
        self._dead: dict[str, MemoryQueue] = {}
        self._undelivered: dict[str, MemoryQueue] = {}
        self._lock = threading.Lock()

    def queue(self, name: str) -> MemoryQueue:
        """The queue of that name."""
        with self._lock:
            if name not in self._queues:
                dead = self._dead[name] = MemoryQueue(self._visibility_timeout, self._clock)
                self._queues[name] = MemoryQueue(self._visibility_timeout, self._clock, dead, self._max_deliveries)
            return self._queues[name]

    def dead_letters(self, name: str) -> MemoryQueue:
        """Its dead-letter queue."""
        self.queue(name)
        return self._dead[name]

    def undelivered(self, name: str) -> MemoryQueue:
        """Where occurrences lie that could not be delivered to it: what a test puts there."""
        with self._lock:
            return self._undelivered.setdefault(name, MemoryQueue(self._visibility_timeout, self._clock))
