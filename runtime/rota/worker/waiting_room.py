"""Who may receive, and whose turn it is to run: the one place where pollers and slots meet."""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from threading import Condition, Lock

from rota.queues.base import MAX_BATCH
from rota.worker.held import Held, Source

REMEMBERED = 32
"""Of how many runs of a queue the durations are remembered; the longest of them counts."""


class WaitingRoom:
    """Admits as much as can start, and hands it out in turns among the queues, so that none starves another."""

    def __init__(self, slots: int, sources: Sequence[Source]) -> None:
        self._slots = slots
        self._running = 0
        self._waiting: dict[Source, deque[Held]] = {source: deque() for source in sources}
        self._turns = deque(sources)
        self._asking: list[Source] = []
        self._durations: dict[Source, deque[float]] = {source: deque(maxlen=REMEMBERED) for source in sources}
        self._closed = False
        self._resting = 0
        self._waking = False
        lock = Lock()
        self._work = Condition(lock)
        self._room = Condition(lock)

    def ask(self, source: Source) -> int | None:
        """Block until `source` may be polled; returns for how many messages, or None when closed.

        First come, first served, among the queues of which nothing waits: a queue with quick jobs would otherwise fill
        every slot that becomes free before another queue's poller is awake.
        """
        with self._room:
            self._asking.append(source)
            try:
                while not self._closed:
                    first = next((s for s in self._asking if not self._waiting[s]), None)
                    if first is source and (limit := self._limit(source)):
                        return limit
                    self._room.wait()
                return None
            finally:
                self._asking.remove(source)
                self._room.notify_all()

    def _limit(self, source: Source) -> int:
        """What can start at once: this queue's share of the free slots. And one batch, where it will start soon."""
        waiting = sum(map(len, self._waiting.values()))
        if self._starts_soon(source, waiting + MAX_BATCH):
            return MAX_BATCH
        free = self._slots - self._running - waiting
        return min(MAX_BATCH, math.ceil(free / len(self._waiting))) if free > 0 else 0

    def _starts_soon(self, source: Source, in_line: int) -> bool:
        """Whether the last of `in_line` starts within a quarter of the visibility timeout, going by the longest
        duration measured of late. Not known before the first run."""
        durations = self._durations[source]
        return bool(durations) and math.ceil(in_line / self._slots) * max(durations) <= source.visibility / 4

    def enter(self, source: Source, caught: Iterable[Held]) -> bool:
        """Let what was received wait for a slot. False when closed: it must be given back."""
        with self._work:
            if self._closed:
                return False
            self._waiting[source].extend(caught)
            self._wake_one()
            return True

    def _wake_one(self) -> None:
        """Wake a slot if there is something for it; it wakes the next. All at once they would queue for the interpreter
        and find nothing left where runs are quick."""
        if self._resting and not self._waking and any(self._waiting.values()):
            self._waking = True
            self._work.notify()

    def take(self) -> Held | None:
        """Block until there is a message to run; None when closed."""
        with self._work:
            while not self._closed:
                for _ in range(len(self._turns)):
                    source = self._turns[0]
                    self._turns.rotate(-1)
                    if waiting := self._waiting[source]:
                        held = waiting.popleft()
                        self._running += 1
                        self._wake_one()
                        if self._asking and not waiting:
                            self._room.notify_all()
                        return held
                self._resting += 1
                self._work.wait()
                self._resting -= 1
                self._waking = False
            return None

    def leave(self, held: Held, duration: float) -> None:
        """A slot has become free after `duration` seconds."""
        with self._room:
            self._running -= 1
            self._durations[held.source].append(duration)
            if any(not self._waiting[source] for source in self._asking):
                self._room.notify_all()

    def withdraw(self, held: Held) -> bool:
        """Take back a message that waits; False if it has started."""
        with self._room:
            try:
                self._waiting[held.source].remove(held)
            except ValueError:
                return False
            self._room.notify_all()
            return True

    @property
    def running(self) -> int:
        """How many slots are at work."""
        return self._running

    def close(self) -> list[Held]:
        """Admit and start nothing more. Returns what waited: it must be given back."""
        with self._room:
            self._closed = True
            unstarted = [held for waiting in self._waiting.values() for held in waiting]
            for waiting in self._waiting.values():
                waiting.clear()
            self._room.notify_all()
            self._work.notify_all()
            return unstarted
