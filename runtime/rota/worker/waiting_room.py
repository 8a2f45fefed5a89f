"""Who may receive, and whose turn it is to run: the one place where pollers and slots meet."""

import math
from collections import deque
from collections.abc import Sequence
from threading import Condition, Lock

from rota.clock import Clock
from rota.queues.base import MAX_BATCH
from rota.worker.held import Held, Source

REMEMBERED = 32
"""Of how many runs of a queue the durations are remembered; the longest of them counts."""

HEAD_START = 0.25
"""Seconds for which free slots are kept for a poll that has just begun. A queue with messages answers sooner; one that
has not answered by then is empty, and its slots are offered to the others."""


REFILL_AT = 5
"""Messages of a queue that may still wait when its poller asks for more, where those would start soon. A poll takes as
long as some quick runs: slots that find nothing meanwhile rest, and to wake them costs more than the runs do."""

LONGEST_HEAD_START = 4.0
"""Seconds that a head start may grow to for a queue that was turned away."""


class WaitingRoom:
    """Admits as much as can start, and hands it out in turns among the queues, so that none starves another."""

    def __init__(self, slots: int, sources: Sequence[Source], clock: Clock) -> None:
        self._slots, self._clock = slots, clock
        self._running: dict[Held, float] = {}
        self._waiting: dict[Source, deque[Held]] = {source: deque() for source in sources}
        self._turns = deque(sources)
        self._asking: list[Source] = []
        self._promised: dict[Source, tuple[int, float]] = {}
        self._durations: dict[Source, deque[float]] = {source: deque(maxlen=REMEMBERED) for source in sources}
        self._turned_away = dict.fromkeys(sources, 0)
        self._closed = False
        self._resting = 0
        self._waking = False
        lock = Lock()
        self._work = Condition(lock)
        self._room = Condition(lock)

    # What pollers ask

    def ask(self, source: Source) -> int | None:
        """Block until `source` may be polled; returns for how many messages, or None when closed.

        First come, first served, among the queues of which nothing waits, or little: a queue with quick jobs would
        otherwise fill every slot that becomes free before another queue's poller is awake. One whose catch was turned
        away comes first, and its slots are kept for longer each time: where answers take long, it would be too late for
        ever.
        """
        with self._room:
            if self._promised.pop(source, None):  # nothing has entered since: the poll was empty
                self._turned_away[source] = 0
            self._asking.insert(0 if self._turned_away[source] else len(self._asking), source)
            self._room.notify_all()
            try:
                while not self._closed:
                    first = next((s for s in self._asking if self._runs_short(s)), None)
                    if first is source and (limit := self._limit(source)):
                        kept_for = min(HEAD_START * 2 ** self._turned_away[source], LONGEST_HEAD_START)
                        self._promised[source] = limit, self._clock.monotonic() + kept_for
                        return limit
                    self._room.wait(HEAD_START if self._promised else None)
                return None
            finally:
                self._asking.remove(source)
                self._room.notify_all()

    def enter(self, source: Source, caught: list[Held]) -> list[Held]:
        """Let what was received wait for a slot.

        Returns what has to go back: what can start neither at once nor soon, the slots having been taken since the poll
        began; all of it when closed.
        """
        with self._work:
            self._promised.pop(source, None)
            if self._closed:
                return caught
            soon = self._starts_soon(source, self._in_line + len(caught))
            admitted = len(caught) if soon else max(0, self._slots - len(self._running) - self._in_line)
            self._waiting[source].extend(caught[:admitted])
            self._turned_away[source] = 0 if admitted else min(self._turned_away[source] + 1, 10)
            self._wake_one()
            if self._asking:
                self._room.notify_all()
            return caught[admitted:]

    def withdraw(self, held: Held) -> bool:
        """Take back a message that waits; False if it has started. How long it waited counts as a duration: what was
        received to start soon and did not is a promise not to be made again at once."""
        with self._room:
            try:
                self._waiting[held.source].remove(held)
            except ValueError:
                return False
            self._durations[held.source].append(self._clock.monotonic() - held.received_at)
            self._room.notify_all()
            return True

    @property
    def running(self) -> list[Held]:
        """What has a slot. Takes no lock: whoever asks how things are must not wait for them."""
        return list(self._running)

    @property
    def _in_line(self) -> int:
        return sum(map(len, self._waiting.values()))

    def _limit(self, source: Source) -> int:
        """What can start at once: this queue's share of the free slots. And one batch, where it will start soon."""
        if self._starts_soon(source, self._in_line + MAX_BATCH):
            return MAX_BATCH
        now = self._clock.monotonic()
        free = self._slots - len(self._running) - self._in_line
        kept = sum(count for count, until in self._promised.values() if until > now)
        return max(0, min(MAX_BATCH, math.ceil(free / len(self._waiting)), free - kept))

    def _runs_short(self, source: Source) -> bool:
        """Whether the queue's poller may ask."""
        waiting = len(self._waiting[source])
        return not waiting or (waiting <= REFILL_AT and self._starts_soon(source, self._in_line + MAX_BATCH))

    def _starts_soon(self, source: Source, in_line: int) -> bool:
        """Whether the last of `in_line` starts within the queue's patience, going by the longest duration measured of
        late, and by the slots not taken by long runs. Not known before the first run."""
        durations = self._durations[source]
        if not durations:
            return False
        now, patience = self._clock.monotonic(), source.patience
        slow = {other for other, found in self._durations.items() if max(found, default=0) > patience}
        quick = self._slots - sum(
            now - started > patience or held.source in slow for held, started in self._running.items()
        )
        return quick > 0 and math.ceil(in_line / quick) * max(durations) <= patience

    # What slots ask

    def take(self) -> Held | None:
        """Block until there is a message to run; None when closed."""
        with self._work:
            while not self._closed:
                for _ in range(len(self._turns)):
                    source = self._turns[0]
                    self._turns.rotate(-1)
                    if waiting := self._waiting[source]:
                        held = waiting.popleft()
                        self._running[held] = self._clock.monotonic()
                        self._wake_one()
                        if self._asking and len(waiting) <= REFILL_AT:
                            self._room.notify_all()
                        return held
                self._resting += 1
                self._work.wait()
                self._resting -= 1
                self._waking = False
            return None

    def leave(self, held: Held) -> None:
        """A slot has become free."""
        with self._room:
            self._durations[held.source].append(self._clock.monotonic() - self._running.pop(held))
            if any(len(self._waiting[source]) <= REFILL_AT for source in self._asking):
                self._room.notify_all()

    def _wake_one(self) -> None:
        """Wake a slot if there is something for it; it wakes the next. All at once they would queue for the interpreter
        and find nothing left where runs are quick."""
        if self._resting and not self._waking and any(self._waiting.values()):
            self._waking = True
            self._work.notify()

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
