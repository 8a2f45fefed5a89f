"""A server with a wrong clock, and a claim in its hands."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rota.ledger.claim import Claim
from rota.ledger.ledger import Ledger
from rota.stores.base import Store
from rota.testing.clock import FakeClock
from rota.testing.ledger_conformance.model import RunModel


class Machine:
    """A server: its wall clock is off, its monotonic one began at some time."""

    def __init__(self, clock: FakeClock, store: Store, number: int) -> None:
        self._clock, self._off, self._began = clock, timedelta(seconds=30 * (number % 3 - 1)), 1000.0 * number
        self.name = f"server-{number}"
        self.ledger = Ledger(store, clock=self)

    def now(self) -> datetime:
        return self._clock.now() + self._off

    def monotonic(self) -> float:
        return self._clock.monotonic() + self._began


@dataclass(eq=False)
class Held:
    """A claim in the hands of a machine, perhaps a paused one."""

    claim: Claim
    run: RunModel
    machine: Machine
    attempt: int
    held_until: datetime
    ended: Callable[[], None] | None = None
    """What its first completion asked for."""
    recorded: bool = False
    lost: bool = False
    """Whether it has been told that another has the run."""

    def is_live(self, now: datetime) -> bool:
        """Whether its holder may still work."""
        return self.ended is None and not self.lost and now < self.held_until

    @property
    def works(self) -> bool:
        """Whether its holder still works, by its own view, on its own clock."""
        return self.ended is None and not self.claim.is_lost(self.machine.monotonic())
