"""Tells runs that they must stop. It makes no request: while SQS or DynamoDB hangs, those who ask them are late."""

import logging
from threading import Event

from rota.clock import Clock
from rota.upkeep.words import tell, tell_in_time
from rota.worker.held import Held
from rota.worker.keeper import Keeper
from rota.worker.waiting_room import WaitingRoom

log = logging.getLogger("rota.worker")


class Watcher:
    """Looks at everything in hand, in a thread of its own: what has lost its lease or message, or whose time is up."""

    def __init__(self, keeper: Keeper, room: WaitingRoom, clock: Clock) -> None:
        self._keeper, self._room, self._clock = keeper, room, clock
        self._stop = Event()

    def run(self, interval: float) -> None:
        """Look each `interval` seconds, until stopped."""
        while not self._stop.wait(interval):
            try:
                self.look()
            except Exception:
                log.exception("the watcher goes on after an error of its own")

    def stop(self) -> None:
        """End `run`."""
        self._stop.set()

    def look(self) -> None:
        """One look."""
        now = self._clock.monotonic()
        for held in self._keeper.held:
            # The message of a claimed run does not matter: whoever receives that finds the lease, and puts it back. So
            # the run goes on, for longer than the 12 hours of a message if need be.
            if held.stop.claim is None and held.is_lost(now):
                self._message_lost(held)
            tell_in_time(held, now)

    def _message_lost(self, held: Held) -> None:
        if held.done or self._room.withdraw(held):
            self._keeper.forget(held)
        else:
            tell(held, logging.WARNING, "another server may own this run: its message was not extended in time")
