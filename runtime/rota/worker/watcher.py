"""Tells runs that they must stop. It makes no request: while SQS or DynamoDB hangs, those who ask them are late."""

import logging
from threading import Event

from rota import logs
from rota.clock import Clock
from rota.worker.held import Held
from rota.worker.keeper import Keeper
from rota.worker.waiting_room import WaitingRoom

log = logging.getLogger("rota.worker")

NOT_RENEWED = "its lease could not be renewed in time"


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
            claim = held.stop.claim
            if claim is not None:
                # Its message does not matter: whoever receives that finds the lease, and puts it back. So the run goes
                # on, for longer than the 12 hours of a message if need be.
                if claim.is_lost(now):
                    tell_lost(held, NOT_RENEWED)
            elif held.is_lost(now):
                self._message_lost(held)
            if held.stop.due is not None and now >= held.stop.due:
                tell(held, logging.ERROR, "its deadline has passed")

    def _message_lost(self, held: Held) -> None:
        if held.done or self._room.withdraw(held):
            self._keeper.forget(held)
        else:
            tell(held, logging.WARNING, "another server may own this run: its message was not extended in time")


def tell_lost(held: Held, why: str) -> None:
    """Tell a run that its lease has ended, and let its message go: whoever may take the run over needs it."""
    if not held.done:  # else its outcome is on record, or its message is left already
        held.lose()
        tell(held, logging.ERROR, f"another server may own this run: {why}")


def tell(held: Held, level: int, why: str) -> None:
    """Tell a run to stop, once: the first reason stands."""
    if held.stop.reason is None and not held.done:
        with logs.of_run(held.stop.run):
            log.log(level, "a run of queue %s is told to stop: %s", held.source.name, why)
        held.stop.request(why)
