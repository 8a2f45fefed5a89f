"""The word to stop: who is told it, when, and how long it has not been heeded."""

import logging
from typing import Protocol

from rota import logs
from rota.run import Stop

log = logging.getLogger("rota.run")

NOT_RENEWED = "its lease could not be renewed in time"

HEED = 10.0
"""Seconds that a handler may take to heed the word to stop. In a process of its own it is killed after half of them."""


class Kept(Protocol):
    """A run in hand."""

    @property
    def stop(self) -> Stop:
        """Its word to stop, with the run and its claim."""
        ...

    @property
    def done(self) -> bool:
        """Whether its outcome is known here: from then on it is told nothing."""
        ...

    @property
    def place(self) -> str:
        """Where it came from, for people: `queue billing`."""
        ...

    def lose(self) -> None:
        """Another may have it: hold on to nothing of it."""
        ...


def tell_in_time(held: Kept, now: float) -> None:
    """Tell a run that has lost its lease, or whose deadline has passed. It makes no request: while DynamoDB hangs,
    those who ask it are late."""
    claim = held.stop.claim
    if claim is not None and claim.is_lost(now):
        tell_lost(held, NOT_RENEWED)
    if held.stop.due is not None and now >= held.stop.due:
        tell(held, logging.ERROR, "its deadline has passed")


def tell_lost(held: Kept, why: str) -> None:
    """Tell a run that its lease has ended, and let its message go: whoever may take the run over needs it."""
    if not held.done:  # else its outcome is on record, or its message is left already
        held.lose()
        tell(held, logging.ERROR, f"another server may own this run: {why}")


def tell(held: Kept, level: int, why: str) -> None:
    """Tell a run to stop, once: the first reason stands."""
    if held.stop.reason is None and not held.done:
        with logs.of_run(held.stop.run):
            log.log(level, "a run of %s is told to stop: %s", held.place, why)
        held.stop.request(why)


def told_for(held: Kept, now: float) -> float:
    """For how many seconds its handler has not heeded the word to stop; 0 where there is none, or it has ended."""
    stop, since, claim = held.stop, held.stop.requested_at, held.stop.claim
    if since is None or held.done:
        return 0.0
    if claim is not None and stop.reason == claim.asked_to_stop and not claim.is_lost(now):
        # Another run wants its lock, and it still holds it: it may take its time, up to its deadline.
        since = now if stop.due is None else stop.due
    return max(0.0, now - since)
