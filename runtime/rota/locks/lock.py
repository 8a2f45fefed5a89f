"""`with lock("report") as lease:`: one lock, held for as long as the block runs."""

import logging
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import uuid4

from rota.clock import Clock, SystemClock
from rota.errors import LeaseLostError, LockNotAcquiredError
from rota.leases import MARGIN, SHORTEST
from rota.locks.base import LockProvider, Place
from rota.locks.rules import Full
from rota.manifest import Manifest

log = logging.getLogger("rota.locks")

LEASE = timedelta(seconds=30)
"""How long a lease lasts from each renewal on: what a crash costs the next holder, with `MARGIN`."""

_DUE = datetime.fromtimestamp(0, UTC)
"""A block is for no instant: no run that waits to cancel what runs counts as older than it, and is skipped for it."""

_PAUSES = (0.2, 2.0)  # seconds between looks at a lock that is full: at first, and at the most


class Lease:
    """A lock in hand. It renews itself, in a thread of its own, until the block ends."""

    def __init__(self, provider: LockProvider, clock: Clock, place: Place, lasts: timedelta, asked_at: float) -> None:
        self._provider, self._clock, self._place, self._lasts = provider, clock, place, lasts
        self._held_until = 0.0
        self._ended = threading.Event()
        self._lost: str | None = None
        self._stop_reason: str | None = None
        self._count_from(asked_at)
        self._renewing = threading.Thread(target=self._renew, name=f"rota-lock-{place.key}", daemon=True)
        self._renewing.start()

    def _count_from(self, asked_at: float) -> None:
        self._held_until = asked_at + (self._lasts - MARGIN).total_seconds()

    @property
    def key(self) -> str:
        """What is locked."""
        return self._place.key

    @property
    def token(self) -> int:
        """The fencing token: higher than that of every earlier holder. Guard writes with it; see `rota.fencing`."""
        return self._place.token

    @property
    def expires_at(self) -> datetime:
        """When it ends unless it is renewed before, on this machine's clock; aware, in UTC."""
        left = self._held_until - self._clock.monotonic()
        return self._clock.now().astimezone(UTC) + timedelta(seconds=left)

    @property
    def is_lost(self) -> bool:
        """Whether another may hold the lock by now: it could not be renewed in time."""
        return self._lost is not None or self._clock.monotonic() >= self._held_until

    @property
    def stop_requested(self) -> bool:
        """Whether the block should end soon, for a run with overlap="cancel_running" waits. Known from the next renewal
        on."""
        return self._stop_reason is not None

    @property
    def stop_reason(self) -> str | None:
        """Why, or None."""
        return self._stop_reason

    def check(self) -> None:
        """Raises `LeaseLostError` where `is_lost`. For long work: call it before each step that needs the lock."""
        if self.is_lost:
            raise LeaseLostError(f"lock {self.key!r}: {self._lost or 'its lease could not be renewed in time'}")

    def _renew(self) -> None:
        third = pause = self._lasts.total_seconds() / 3
        while not self._ended.wait(pause):
            if self.is_lost:
                self._lose("its lease could not be renewed in time")
                return
            asked_at = self._clock.monotonic()
            try:
                place = self._provider.renew(self._place, lease=self._lasts)
            except Exception as error:  # noqa: BLE001 - whatever a provider raises, the next renewal may succeed
                log.warning("lock %r was not renewed, will be tried again: %s", self.key, error)
                pause = min(1.0, third)
                continue
            if place is None:
                self._lose("another holds it")
                return
            self._count_from(asked_at)
            self._place, self._stop_reason = place, place.asked_to_stop
            pause = third

    def _lose(self, why: str) -> None:
        self._lost = why
        log.error("lock %r is lost: %s", self.key, why)

    def end(self) -> None:
        """Release it. The block's end does this."""
        self._ended.set()
        self._renewing.join()
        try:
            self._provider.release(self._place)
        except Exception as error:  # noqa: BLE001 - the block has ended, and may have raised something that matters
            log.warning("lock %r is not released, its lease will end: %s", self.key, error)


class _Deployed:
    """The locks of a deployment. It asks AWS for nothing before the first lock; after a fork it makes a connection of
    its own, for two processes must not talk on one."""

    def __init__(self, manifest: str) -> None:
        self._manifest = manifest
        self._made: tuple[LockProvider, int] | None = None

    @property
    def _locks(self) -> LockProvider:
        from rota import backends

        if self._made is None or self._made[1] != os.getpid():
            self._made = backends.locks(self._manifest), os.getpid()
        return self._made[0]

    def take(self, key: str, holder: str, **wanted: Any) -> Place | Full:
        return self._locks.take(key, holder, **wanted)

    def renew(self, place: Place, *, lease: timedelta) -> Place | None:
        return self._locks.renew(place, lease=lease)

    def release(self, place: Place) -> None:
        self._locks.release(place)


class Locks:
    """Gives locks. Safe to share among threads.

    `provider` keeps them: `StoreLocks(DynamoDBStore(...))`, or one of another service. `clock` replaces the machine's.
    """

    def __init__(self, provider: LockProvider, *, clock: Clock | None = None) -> None:
        self._provider, self._clock = provider, clock or SystemClock()

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """The locks of this process's deployment of a manifest; its jobs' `Lock(key=...)` are the same. Made at import,
        it asks AWS for nothing before the first lock: that raises `SettingsError` where there is no deployment, or it
        has no ledger.
        """
        return cls(_Deployed(manifest.name))

    @contextmanager
    def __call__(
        self,
        key: str,
        *,
        limit: int = 1,
        wait: timedelta = timedelta(),
        hold_at_least: timedelta = timedelta(),
        lease: timedelta = LEASE,
    ) -> Iterator[Lease]:
        """Hold the lock `key` while the block runs.

        `limit`: how many may hold it at once, one unless given. `wait`: how long to wait for a place, not at all unless
        given. `hold_at_least`: for how long the place stays taken, however short the block. `lease`: how long a holder
        that dies keeps it, 30 seconds unless given, at least 15; it is no limit, for it renews itself.

        Raises `LockNotAcquiredError` where there is no place in time, `LedgerError` where the service does not answer,
        `ValueError` for a lease that is too short, or a limit below 1.
        """
        if lease < SHORTEST:
            raise ValueError(f"lease must be at least {SHORTEST}; got {lease}")
        if limit < 1:
            raise ValueError(f"limit must be at least 1; got {limit}")
        held = self._acquire(key, limit, wait, hold_at_least, lease)
        try:
            yield held
        finally:
            held.end()

    def _acquire(self, key: str, limit: int, wait: timedelta, hold_at_least: timedelta, lease: timedelta) -> Lease:
        give_up_at = self._clock.monotonic() + wait.total_seconds()
        pause, holder = _PAUSES[0], f"lock-{uuid4()}"
        while True:
            asked_at = self._clock.monotonic()
            answer = self._provider.take(
                key, holder, due=_DUE, lease=lease, limit=limit, hold_at_least=hold_at_least, overlap="skip"
            )
            if isinstance(answer, Place):
                return Lease(self._provider, self._clock, answer, lease, asked_at)
            left = give_up_at - self._clock.monotonic()
            if left <= 0:
                raise LockNotAcquiredError(f"lock {key!r}: {answer.reason}")
            time.sleep(min(left, pause) * random.uniform(0.5, 1))
            pause = min(2 * pause, _PAUSES[1])
