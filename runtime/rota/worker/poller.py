"""Receives from one queue, as much as the waiting room admits."""

import logging
import random
from threading import Event

from rota.clock import Clock
from rota.errors import BackendError
from rota.worker.held import Held, Source
from rota.worker.keeper import Keeper
from rota.worker.settler import Settler
from rota.worker.waiting_room import WaitingRoom

log = logging.getLogger("rota.worker")

LONGEST_PAUSE = 30.0
"""Seconds between tries while the service does not answer."""


class Poller:
    """One thread's loop: ask, receive, let in."""

    def __init__(
        self, source: Source, room: WaitingRoom, keeper: Keeper, settler: Settler, clock: Clock, *, long_poll: float
    ) -> None:
        self._source, self._room, self._keeper, self._settler = source, room, keeper, settler
        self._clock = clock
        self.long_poll = long_poll
        """Seconds that the poll of an empty queue waits."""
        self._stop = Event()
        self.answered_at: float | None = None
        """When a poll was last answered, on the monotonic clock; None before the first."""
        self.error: str | None = None
        """What the last poll failed with; None where it was answered."""
        self.waits_for_slot = False
        """Whether it waits for a slot instead of polling."""
        self._silent_since: float | None = None

    def stop(self) -> None:
        """Poll no more; what an open poll still catches is given back at once."""
        self._stop.set()

    def silent_for(self, now: float) -> float:
        """Seconds for which polls have gone unanswered, those not counted in which it waited for a slot. 0 while it
        waits: that is no silence of the queue's."""
        waits, since = self.waits_for_slot, self._silent_since
        return 0.0 if waits or since is None else max(0.0, now - since)

    def run(self) -> None:
        """Until the waiting room is closed."""
        failures = 0
        while (limit := self._ask()) is not None:
            try:
                self._poll(limit)
                failures = 0
            except Exception as error:  # whatever it is, a queue without a poller would be worse
                failures += 1
                pause = min(LONGEST_PAUSE, 2.0 ** min(failures - 1, 10)) * random.uniform(0.5, 1)
                unknown = None if isinstance(error, BackendError) else error
                self.error = str(error) if unknown is None else f"{type(error).__name__}: {error}"
                log.warning(
                    "queue %s was not polled, again in %.1f s: %s", self._source.name, pause, error, exc_info=unknown
                )
                self._stop.wait(pause)

    def _ask(self) -> int | None:
        """Wait for a slot; for how many messages to poll, or None when closed."""
        self.waits_for_slot, asked_at = True, self._clock.monotonic()
        limit = self._room.ask(self._source)
        now = self._clock.monotonic()
        self._silent_since = now if self._silent_since is None else self._silent_since + now - asked_at
        self.waits_for_slot = False
        return limit

    def _poll(self, limit: int) -> None:
        messages = self._source.messages.receive(limit, self.long_poll)
        self.answered_at, self._silent_since, self.error = self._clock.monotonic(), None, None
        if not messages:
            return
        # Hidden since the service answered. What the answer took to come is far less than the half of the visibility
        # timeout after which the keeper extends.
        now = self._clock.monotonic()
        caught = [Held(self._source, m.body, m.receipt, now, self._clock.monotonic, message=m.id) for m in messages]
        self._keeper.keep(caught)
        outside = caught
        try:
            if outside := self._room.enter(self._source, caught):
                if self._stop.is_set():
                    self._keeper.give_back(outside)
                else:
                    self._settler.hand_back(outside)
        except BaseException:
            for held in outside:  # or they would be kept, hidden from all others, and never start
                self._keeper.forget(held)
            raise
