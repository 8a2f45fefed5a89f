"""Renews the leases of what runs."""

import logging
from collections.abc import Sequence
from threading import Event
from typing import Protocol

from rota import logs
from rota.clock import Clock
from rota.errors import LeaseLostError, LedgerError
from rota.ledger import Claim
from rota.upkeep.words import Kept, tell, tell_lost

log = logging.getLogger("rota.run")


class Keeps(Protocol):
    """Who has runs in hand."""

    @property
    def held(self) -> Sequence[Kept]:
        """Those in hand now."""
        ...


class Renewer:
    """The heartbeat of leases, in a thread of its own: while DynamoDB is slow, the keeper goes on with SQS."""

    def __init__(self, keeper: Keeps, clock: Clock) -> None:
        self._keeper, self._clock = keeper, clock
        self._stop = Event()
        self.failing_since: float | None = None
        """Since when the ledger has not answered renewals, on the monotonic clock; None where it does."""

    def run(self, interval: float) -> None:
        """Look after everything in hand each `interval` seconds, until stopped."""
        while not self._stop.wait(interval):
            try:
                self.look()
            except Exception:
                log.exception("the renewer goes on after an error of its own")

    def stop(self) -> None:
        """End `run`."""
        self._stop.set()

    def look(self) -> None:
        """One look: the most urgent first."""
        claimed = [(held, claim) for held in self._keeper.held if (claim := held.stop.claim) is not None]
        if not claimed:
            self.failing_since = None  # nobody is left who could tell that it answers again
        for held, claim in sorted(claimed, key=lambda one: one[1].held_until):
            now = self._clock.monotonic()
            if claim.renew_at <= now and not claim.is_lost(now):
                self._renew(held, claim)

    def _renew(self, held: Kept, claim: Claim) -> None:
        try:
            claim.renew()
        except LeaseLostError as error:
            tell_lost(held, str(error))
        except Exception as error:  # whatever it is, the leases of others must not wait for it
            if self.failing_since is None:
                self.failing_since = self._clock.monotonic()
            with logs.of_run(held.stop.run):
                trace = None if isinstance(error, LedgerError) else error
                log.warning("the lease was not renewed, will be tried again: %s", error, exc_info=trace)
        else:
            self.failing_since = None
            if claim.asked_to_stop is not None:
                tell(held, logging.WARNING, claim.asked_to_stop)
