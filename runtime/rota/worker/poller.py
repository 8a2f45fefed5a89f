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
        self._long_poll = long_poll
        self._stop = Event()

    def stop(self) -> None:
        """Poll no more; what an open poll still catches is given back at once."""
        self._stop.set()

    def run(self) -> None:
        """Until the waiting room is closed."""
        failures = 0
        while (limit := self._room.ask(self._source)) is not None:
            try:
                self._poll(limit)
                failures = 0
            except Exception as error:  # whatever it is, a queue without a poller would be worse
                failures += 1
                pause = min(LONGEST_PAUSE, 2.0 ** min(failures - 1, 10)) * random.uniform(0.5, 1)
                unknown = None if isinstance(error, BackendError) else error
                log.warning(
                    "queue %s was not polled, again in %.1f s: %s", self._source.name, pause, error, exc_info=unknown
                )
                self._stop.wait(pause)

    def _poll(self, limit: int) -> None:
        messages = self._source.messages.receive(limit, self._long_poll)
        if not messages:
            return
        # Hidden since the service answered. What the answer took to come is far less than the half of the visibility
        # timeout after which the keeper extends.
        now = self._clock.monotonic()
        caught = [Held(self._source, body, receipt, now) for body, receipt in messages]
        self._keeper.keep(caught)
        if surplus := self._room.enter(self._source, caught):
            if self._stop.is_set():
                self._keeper.give_back(surplus)
            else:
                self._settler.hand_back(surplus)
