"""Locks as documents of a store: DynamoDB, or this process's memory."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rota.errors import LedgerError
from rota.exclusion import Overlap
from rota.locks.base import Place
from rota.locks.rules import Full, LockState, Taken, lock_key
from rota.stores.base import ConflictError, Document, Store, Write, tries

log = logging.getLogger("rota.locks")

KEEP = timedelta(days=45)
"""How long the record of a lock stays after its last write."""


def state_of(document: Document | None) -> LockState:
    """What a store has on record of a lock."""
    return LockState.read(document.body) if document else LockState()


def lock_write(key: str, document: Document | None, state: LockState, now: datetime) -> Write:
    """The write that makes `state` of what `document` says."""
    return Write(
        key=lock_key(key),
        expects=document.version if document else None,
        body=state.body(),
        keep_until=(now + KEEP).timestamp(),
    )


class StoreLocks:
    """A `LockProvider` over a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._store.now(), UTC)

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
        for _ in tries():
            document, now = self._store.get(lock_key(key)), self._now()
            answer = state_of(document).ask(
                holder,
                now=now,
                due=due,
                lease=lease,
                limit=limit,
                overlap=overlap,
                hold_at_least=hold_at_least,
                least_token=least_token,
            )
            if answer.state is None or self._write(lock_write(key, document, answer.state, now)):
                return Place(key=key, holder=holder, token=answer.token) if isinstance(answer, Taken) else answer
        raise LedgerError(f"lock {key!r}: others write it all the time")

    def renew(self, place: Place, *, lease: timedelta) -> Place | None:
        for _ in tries():
            document, now = self._store.get(lock_key(place.key)), self._now()
            state = state_of(document)
            if (found := state.find(place.holder)) is None:
                return None
            later = state.renewed(place.holder, lease_until=now + lease)
            if self._write(lock_write(place.key, document, later, now)):
                return replace(place, token=found.token, asked_to_stop=found.asked_to_stop)
        raise LedgerError(f"lock {place.key!r}: others write it all the time")

    def release(self, place: Place) -> None:
        for _ in tries():
            document, now = self._store.get(lock_key(place.key)), self._now()
            state = state_of(document)
            if (found := state.find(place.holder)) is None or found.token != place.token:
                return
            if self._write(lock_write(place.key, document, state.released(place.holder, now=now), now)):
                return
        raise LedgerError(f"lock {place.key!r}: others write it all the time")

    def _write(self, write: Write) -> bool:
        try:
            self._store.write([write])
        except ConflictError:
            return False
        return True
