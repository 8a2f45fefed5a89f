"""The keys with which requests to endpoints are signed: one secret holds several, so that one can be replaced without a
gap. The sender signs with all of them, a server accepts each.

It reads `{"keys": [{"id": "k1", "secret": "whsec_...", "since": "2026-11-21T11:00:00Z"}, ...]}`, the newest last; a new
deployment's `{"keys": [], "first": "<letters and digits>"}`, for Secrets Manager makes random text at the top alone.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass

from rota.errors import SignatureError
from rota.signature import PREFIX, secret_bytes

REFRESH = 5 * 60.0
"""Seconds after which a reader of the secret reads it again."""
LEAST_PAUSE = 60.0
"""Seconds between two reads that signatures nobody knows may cause."""

FAILURE_COUNTS = 3.0
"""Seconds for which a failure to read them stands while none are known: who waited for that read need not try too."""

FIRST = "first"
FIRST_LENGTH = 44
"""Letters and digits, which are base64 of 33 bytes."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """One of them."""

    id: str
    secret: str
    """ "whsec_" and base64; never logged."""
    since: str | None = None
    """When it was made, RFC 3339; None for the first of a deployment."""

    def __repr__(self) -> str:
        return f"Key(id={self.id!r}, since={self.since!r})"


def decode(text: str) -> tuple[Key, ...]:
    """The keys of a secret, the newest last. Raises `SignatureError`, which shows no secret, where it holds none."""
    try:
        read = json.loads(text)
        found = [Key(id=str(each["id"]), secret=each["secret"], since=each.get("since")) for each in read["keys"]]
        if not found and read.get(FIRST):
            found = [Key(id=FIRST, secret=PREFIX + read[FIRST])]
        for key in found:
            secret_bytes(key.secret)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SignatureError(
            'the secret must read {"keys": [{"id": ..., "secret": "whsec_...", "since": ...}]}'
        ) from None
    if not found:
        raise SignatureError("the secret holds no keys")
    return tuple(found)


class KeyRing:
    """The keys as one process knows them, read again from time to time. Safe to share among threads.

    `read` returns the secret's text and may raise anything; `monotonic` is a clock of seconds.
    """

    def __init__(self, read: Callable[[], str], monotonic: Callable[[], float]) -> None:
        self._read, self._monotonic = read, monotonic
        self._keys: tuple[Key, ...] = ()
        self._read_at = self._asked_at = float("-inf")
        self._failed: tuple[float, Exception] | None = None
        self._reading = threading.Lock()

    def secrets(self) -> list[str]:
        """Those that count now. Where reading fails, or somebody else is about it, the ones known before count on.

        Raises what `read` raises, or `SignatureError`, while none has ever been read.
        """
        if self._monotonic() - self._read_at >= REFRESH:
            self.refresh(after=REFRESH)
        return [key.secret for key in self._keys]

    def refresh(self, *, after: float = LEAST_PAUSE) -> bool:
        """Read them again, unless somebody did within `after` seconds, tried to within `LEAST_PAUSE`, or is about it:
        nobody who knows some waits for that.

        Returns whether there are others now.
        """
        reading = self._reading
        if not reading.acquire(blocking=not self._keys):
            return False
        try:
            return self._read_again(after)
        finally:
            reading.release()

    def _read_again(self, after: float) -> bool:
        now = self._monotonic()
        known = bool(self._keys)
        if known and (now - self._read_at < after or now - self._asked_at < LEAST_PAUSE):
            return False
        if not known and self._failed is not None and now - self._failed[0] < FAILURE_COUNTS:
            raise self._failed[1]
        self._asked_at = now
        try:
            found = decode(self._read())
        except Exception as error:
            if known:
                return False
            self._failed = (self._monotonic(), error)  # from its end: it may have taken long
            raise
        before, self._keys, self._read_at, self._failed = self._keys, found, now, None
        return found != before

    def after_fork_in_child(self) -> None:
        """Whoever was about to read them is the parent's thread. See `rota.upkeep.forking`."""
        self._reading = threading.Lock()
