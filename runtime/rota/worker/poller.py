"""Receives from one queue, as much as the waiting room admits."""

import logging
import random
from threading import Event

from rota.clock import Clock
from rota.errors import BackendError
from rota.worker.held import Held, Source
from rota.worker.keeper import Keeper
from rota.worker.waiting_room import WaitingRoom

log = logging.getLogger("rota.worker")

LONGEST_PAUSE = 30.0
"""Seconds between tries while the service does not answer."""


class Poller:
    """One thread's loop: ask, receive, let in."""

    def __init__(self, source: Source, room: WaitingRoom, keeper: Keeper, clock: Clock, *, long_poll: float) -> None:
        self._source, self._room, self._keeper, self._clock = source, room, keeper, clock
        self._long_poll = long_poll
        self._stop = Event()

    @property
    def source_name(self) -> str:
        """The queue it polls."""
        return self._source.name

    def stop(self) -> None:
        """Poll no more; what an open poll still catches is given back at once."""
        self._stop.set()

    def run(self) -> None:
        """Until the waiting room is closed."""
        failures = 0
        while (limit := self._room.ask(self._source)) is not None:
            try:
                messages = self._source.messages.receive(limit, self._long_poll)
            except BackendError as error:
                failures += 1
                pause = min(LONGEST_PAUSE, 2.0 ** min(failures - 1, 10)) * random.uniform(0.5, 1)
                log.warning("queue %s was not polled, again in %.1f s: %s", self._source.name, pause, error)
                self._stop.wait(pause)
                continue
            failures = 0
            if not messages:
                continue
            # Hidden since the service answered. What the answer took to come is far less than the half of the
            # visibility timeout after which the keeper extends.
            now = self._clock.monotonic()
            caught = [Held(self._source, body, receipt, now) for body, receipt in messages]
            self._keeper.keep(caught)
            if not self._room.enter(self._source, caught):
                self._keeper.give_back(caught)
