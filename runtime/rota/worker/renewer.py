"""Renews the leases of what runs, and tells a run that has lost its own, or that another waits for it to stop."""

import logging
from threading import Event

from rota import logs
from rota.clock import Clock
from rota.errors import LeaseLostError, LedgerError
from rota.ledger import Claim
from rota.worker.held import Held
from rota.worker.keeper import Keeper

log = logging.getLogger("rota.worker")


class Renewer:
    """The heartbeat of leases, in a thread of its own: while DynamoDB is slow, the keeper goes on with SQS."""

    def __init__(self, keeper: Keeper, clock: Clock) -> None:
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
        """One look: what has lost its lease is told first, for a request may take long. Then the most urgent first."""
        claimed = [(held, claim) for held in self._keeper.held if (claim := held.stop.claim) is not None]
        now = self._clock.monotonic()
        for held, claim in claimed:
            if claim.is_lost(now):
                self._tell_lost(held, "its lease could not be renewed in time")
        for held, claim in sorted(claimed, key=lambda one: one[1].held_until):
            if claim.renew_at <= self._clock.monotonic() and not claim.is_lost(self._clock.monotonic()):
                self._renew(held, claim)

    def _renew(self, held: Held, claim: Claim) -> None:
        try:
            claim.renew()
        except LeaseLostError as error:
            self._tell_lost(held, str(error))
        except LedgerError as error:
            if self.failing_since is None:
                self.failing_since = self._clock.monotonic()
            with logs.of_run(held.stop.run):
                log.warning("the lease was not renewed, will be tried again: %s", error)
        else:
            self.failing_since = None
            if claim.asked_to_stop is not None and held.stop.reason is None:
                with logs.of_run(held.stop.run):
                    log.warning("the run is told to stop: %s", claim.asked_to_stop)
                held.stop.request(claim.asked_to_stop)

    def _tell_lost(self, held: Held, why: str) -> None:
        if held.done:  # its outcome is on record, or its message is left already
            return
        held.lose()  # whoever may take the run over needs its message
        if held.stop.reason is not None:
            return
        with logs.of_run(held.stop.run):
            log.error("the run has lost its lease, another server may take it: %s", why)
        held.stop.request(f"another server may own this run: {why}")
