"""What rota asks of a lock service, and the lease that it gives."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from rota.errors import LedgerError
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
        """A place for `holder`, for so long as `lease` says; or why there is none. One that has one gets it anew, with
        a new token."""
        ...

    def renew(self, place: Place, *, lease: timedelta) -> Place | None:
        """Keep it for another `lease` from now; None where it is another's by now. One that its holder has taken anew
        is still its own, and is given back with its new token: of two deliveries of a run that take it at once, one
        gets the run, and not always the one that took it last."""
        ...

    def release(self, place: Place) -> None:
        """Make room. Nothing happens where it is another's by now, or its holder has taken it anew."""
        ...


class Foreign:
    """A provider of the user's: whatever it raises counts as no answer, a `LedgerError`."""

    def __init__(self, provider: LockProvider) -> None:
        self._provider = provider

    def take(self, key: str, holder: str, **wanted: Any) -> Place | Full:
        with _answering(key):
            return self._provider.take(key, holder, **wanted)

    def renew(self, place: Place, *, lease: timedelta) -> Place | None:
        with _answering(place.key):
            return self._provider.renew(place, lease=lease)

    def release(self, place: Place) -> None:
        with _answering(place.key):
            self._provider.release(place)


@contextmanager
def _answering(key: str) -> Iterator[None]:
    try:
        yield
    except LedgerError:
        raise
    except Exception as error:
        raise LedgerError(f"lock {key!r}: its provider raised {type(error).__name__}: {error}") from error
