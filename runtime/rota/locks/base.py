"""What rota asks of a lock service, and the lease that it gives."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from rota.exclusion import Overlap
from rota.locks.rules import Full


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place in a lock, as the service knows it."""

    key: str
    holder: str
    token: int
    """The fencing token: higher than that of every earlier holder of the key."""
    asked_to_stop: str | None = None
    """Why the holder should make room, where a run with overlap="cancel_running" waits."""


class LockProvider(Protocol):
    """Keeps locks. Safe to share among threads; raises `LedgerError` where it does not answer."""

    def take(
        self,
        key: str,
        holder: str,
        *,
        due: datetime,
        lease: timedelta,
        limit: int = 1,
        overlap: Overlap = "skip",
        hold_at_least: timedelta = timedelta(),
        least_token: int = 0,
    ) -> Place | Full:
        """A place for `holder`, for so long as `lease` says; or why there is none. One that has one gets it anew."""
        ...

    def renew(self, place: Place, *, lease: timedelta) -> Place | None:
        """Keep it for another `lease` from now; None where it is another's by now."""
        ...

    def release(self, place: Place) -> None:
        """Make room. Nothing happens where it is another's by now."""
        ...
