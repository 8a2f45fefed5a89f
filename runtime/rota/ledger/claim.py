"""A claimed run: its lease, its fencing token, and its one completion."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from rota.clock import Clock
from rota.errors import LeaseLostError, LedgerError
from rota.leases import MARGIN
from rota.ledger import rules
from rota.ledger.records import Record, State, holder_of
from rota.locks.base import LockProvider, Place
from rota.locks.in_store import lock_write, state_of
from rota.locks.rules import lock_key
from rota.run import Outcome
from rota.stores.base import ConflictError, Key, Store, Write, new_version, tries

log = logging.getLogger("rota.ledger")

PAUSE = 0.5
"""Seconds between tries of a completion that the store does not take."""


Change = Callable[[Record, datetime], Record]
"""A new record, from the one before and the time."""


def _ending(outcome: Outcome, reason: str, retry_at: datetime | None) -> Change:
    """It knows no claim: one that knew itself would stay in memory until the garbage collector comes."""
    if retry_at is None:
        return lambda record, now: rules.completed(record, outcome, reason, now)
    return lambda record, now: rules.retried(record, reason, now, not_before=retry_at)


class Hold(NamedTuple):
    """A place in a lock that another provider keeps."""

    provider: LockProvider
    place: Place


class Claim:
    """What a holder has in hand. Renewed by one thread while another runs the handler and completes it.

    `held_until` counts on the monotonic clock from before the request, and stops `MARGIN` before the end of the lease.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        record: Record,
        key: Key,
        version: str,
        lease: timedelta,
        asked_at: float,
        lock: Hold | None = None,
    ) -> None:
        self._store, self._clock = store, clock
        self._record, self._key, self._version = record, key, version
        self._lease, self._hold = lease, lock
        self._sent = {version}
        """Every version that this claim has written, or may have: an answer can be lost though the write was done."""
        self._writing = threading.Lock()
        self._ending: Change | None = None
        """What its completion writes, from when that is first asked for: a renewal after it could undo it."""
        self._completed = False
        self.asked_to_stop: str | None = None
        """Why its handler should stop, where a run waits that cancels it."""
        self._count_from(asked_at)

    def _count_from(self, asked_at: float) -> None:
        seconds = self._lease.total_seconds()
        self.held_until = asked_at + seconds - MARGIN.total_seconds()
        """When it must stop, unless renewed before."""
        self.renew_at = asked_at + seconds / 3
        """When to renew."""

    @property
    def record(self) -> Record:
        """What is on record, as far as is known here."""
        return self._record

    @property
    def token(self) -> int:
        """The fencing token."""
        return self._record.token

    def is_lost(self, now: float) -> bool:
        """Whether another may hold the run, at `now` on the monotonic clock."""
        return now >= self.held_until

    def renew(self) -> None:
        """Lengthen the lease: from now on it lasts as long as a new one. Nothing happens once `complete` has been
        called.

        Raises `LeaseLostError` where another has the run or its lock, `LedgerError` where that is not known.
        """
        with self._writing:
            if self._ending is not None:
                return
            asked_at = self._clock.monotonic()
            if self.is_lost(asked_at):
                # To lengthen it now could only make two holders: someone may just have looked at it.
                self.held_until = float("-inf")
                raise LeaseLostError("its lease ended before it could be renewed")
            try:
                self._renew_hold()
                self._write(lambda record, now: replace(record, lease_until=now + self._lease))
            except LeaseLostError:
                self.held_until = float("-inf")
                raise
            self._count_from(asked_at)

    def _renew_hold(self) -> None:
        if self._hold is None:
            return
        place = self._hold.provider.renew(self._hold.place, lease=self._lease)
        if place is None:
            raise LeaseLostError(f"its place in lock {self._hold.place.key!r} is another's")
        self._hold = self._hold._replace(place=place)  # or a release would not know it
        self.asked_to_stop = place.asked_to_stop

    def complete(self, outcome: Outcome, reason: str, *, retry_at: datetime | None = None) -> bool:
        """Put the outcome of the attempt on record, once; with `retry_at`, when the next attempt is due, and the run
        waits. Returns False where another has taken the run over: then tell nobody else anything.

        Tries for as long as the lease lasts. Raises `LedgerError` where it is not known whether it is on record. Of
        several calls the first counts: what it asked for may be on record.
        """
        with self._writing:
            self._ending = self._ending or _ending(outcome, reason, retry_at)
            while not self._completed:
                try:
                    self._write(self._ending)
                    self._completed = True
                except LeaseLostError:
                    self.held_until = float("-inf")
                    return False
                except LedgerError as error:
                    if self.is_lost(self._clock.monotonic() + PAUSE):
                        raise
                    log.warning("run %s is done, but not on record yet: %s", self._record.run, error)
                    time.sleep(PAUSE)
        if self._hold is not None:
            try:
                self._hold.provider.release(self._hold.place)
            except LedgerError as error:
                log.warning("lock %r is not released, its lease will end: %s", self._hold.place.key, error)
        return True

    def _write(self, change: Change) -> None:
        """Write a new record, and in the same transaction what becomes of the lock. Knows its own writes again."""
        mine = new_version()
        self._sent.add(mine)
        for _ in tries():
            now = datetime.fromtimestamp(self._store.now(), UTC)
            record = change(self._record, now)
            keep_until = (now + rules.KEEP).timestamp()
            write = Write(key=self._key, expects=self._version, body=record.body(), keep_until=keep_until, version=mine)
            try:
                self._store.write([write, *self._lock_writes(record, now)])
            except ConflictError as conflict:
                found = conflict.current[0] if conflict.current else self._store.get(self._key)
                if found is None or found.version not in self._sent:
                    raise LeaseLostError(f"another server has taken run {record.run} over") from None
                self._version = found.version
                if found.version != mine:
                    continue
            self._record, self._version, self._sent = record, mine, {mine}
            return
        raise LedgerError(f"run {self._record.run}: others write its lock all the time")

    def _lock_writes(self, record: Record, now: datetime) -> list[Write]:
        """The place in the lock lasts as long as the lease, and is free when the run is not running."""
        if record.lock is None or self._hold is not None:
            return []
        document, holder = self._store.get(lock_key(record.lock)), holder_of(self._key)
        state, runs = state_of(document), record.state is State.RUNNING
        mine = state.find(holder)
        if mine is None or mine.token != record.token:
            if runs:
                raise LeaseLostError(f"the place of run {record.run} in lock {record.lock!r} is another's")
            return []
        self.asked_to_stop = mine.asked_to_stop
        lease_until = record.lease_until or now
        state = state.renewed(holder, lease_until=lease_until) if runs else state.released(holder, now=now)
        return [lock_write(record.lock, document, state, now)]
