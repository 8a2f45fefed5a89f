"""The keys with which requests to endpoints are signed: one secret that holds several, so that one can be replaced
without a gap. The sender signs with all of them, a server accepts each.

As it is stored: `{"keys": [{"id": "k1", "secret": "whsec_...", "since": "2026-11-21T11:00:00Z"}, ...]}`, the newest
last. What a deployment makes first is `{"keys": [], "first": "<letters and digits>"}`, for Secrets Manager writes
random text at the top level alone; it reads as one key.
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
"""Seconds between two reads that signatures nobody knows may cause: strangers could ask for more."""

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
        self._lock = threading.Lock()

    def secrets(self) -> list[str]:
        """Those that count now. Where reading fails, the ones known before count on.

        Raises what `read` raises, or `SignatureError`, while none has ever been read.
        """
        if self._monotonic() - self._read_at >= REFRESH:
            self.refresh(after=REFRESH)
        return [key.secret for key in self._keys]

    def refresh(self, *, after: float = LEAST_PAUSE) -> bool:
        """Read them again, unless somebody did within `after` seconds, or tried to within `LEAST_PAUSE`.

        Returns whether there are others now.
        """
        with self._lock:
            now = self._monotonic()
            known = bool(self._keys)
            if known and (now - self._read_at < after or now - self._asked_at < LEAST_PAUSE):
                return False
            self._asked_at = now
            try:
                found = decode(self._read())
            except Exception:
                if not known:
                    raise
                return False
            before, self._keys, self._read_at = self._keys, found, now
            return found != before
