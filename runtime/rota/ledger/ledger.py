"""The ledger: the rules of runs, applied to a store. A run is claimed with its lock and unique key, or not at all."""

import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rota.clock import Clock, SystemClock
from rota.errors import LedgerError
from rota.ledger import rules
from rota.ledger.claim import Claim, Hold
from rota.ledger.guards import Denied, Guard, Waits, guards_of
from rota.ledger.records import Record, State, key_of, partition_of
from rota.ledger.rules import Finished, PutBack, Refuse, Request, Start, TooOld
from rota.locks.base import Foreign, LockProvider, Place
from rota.run import Outcome
from rota.stores.base import ConflictError, Document, Key, Store, Write, tries

ASKS_AGAIN = (timedelta(seconds=2), timedelta(seconds=30))
"""After how long a run that waits for a lock asks again: a quarter of the time that it has waited, within these."""

Answer = Claim | Refuse | PutBack | Finished | TooOld


def server_name() -> str:
    """This process, for people."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Ledger:
    """Who may run what, and what became of it. Safe to share among threads.

    `store` keeps the records, `locks` has the providers that `Lock(provider=...)` names. `clock` is this machine's, for
    durations; what time it is says the store.

    Methods raise `LedgerError` where the store does not answer; what they were asked for may then have happened.
    """

    def __init__(
        self, store: Store, *, locks: Mapping[str, LockProvider] | None = None, clock: Clock | None = None
    ) -> None:
        self._store, self._clock = store, clock or SystemClock()
        self._locks = {name: Foreign(provider) for name, provider in (locks or {}).items()}

    @property
    def providers(self) -> frozenset[str]:
        """The names that `Lock(provider=...)` may have here."""
        return frozenset(self._locks)

    def now(self) -> datetime:
        """The store's time."""
        return datetime.fromtimestamp(self._store.now(), UTC)

    # What workers ask

    def claim(self, request: Request) -> Answer:
        """Claim a run for one attempt; or say why it must not start. What `Refuse` says is on record by then."""
        key, guards, provider = request.key, guards_of(request), self._provider(request)
        # Mostly nothing is on record of a first attempt: the write itself finds out, and saves a read.
        is_read = provider is not None or request.envelope.attempt > 1 or request.envelope.redrives > 0
        is_read = is_read or (request.lock is not None and request.lock.overlap != "skip")  # it may have to wait
        document = self._store.get(key) if is_read else None
        for _ in tries():
            was_claimed = document is not None and bool(Record.read(document.body).token)
            beside = [(guard, self._store.get(guard.key)) for guard in guards if not (guard.once and was_claimed)]
            asked_at, now = self._clock.monotonic(), self.now()  # in this order: a thread may be stopped between them
            decision, writes = _decide(document, request, beside, now)
            if not is_read and not (writes and writes[0].key == key):
                document, is_read = self._store.get(key), True  # nothing would check that nothing is on record
                continue
            place = None
            if isinstance(decision, Start) and provider is not None:
                decision, place = _take(provider, decision, document, request, now)
                records = [] if isinstance(decision, PutBack) else [_write(key, document, decision.record.body(), now)]
                writes = [*records, *(writes[1:] if place else [])]
            try:
                if writes:
                    self._store.write(writes)
            except ConflictError as conflict:
                # A place that was taken meanwhile is left to its end: another delivery of this run may have it too.
                known = conflict.current and writes[0].key == key
                document, is_read = conflict.current[0] if known else self._store.get(key), True
                continue
            if not isinstance(decision, Start):
                return decision
            claim = Claim(
                self._store,
                self._clock,
                record=decision.record,
                key=key,
                version=writes[0].version,
                lease=request.lease,
                asked_at=asked_at,
                lock=Hold(provider, place) if provider and place else None,
            )
            if claim.is_lost(self._clock.monotonic()):
                raise LedgerError(f"run {request.envelope.run}: its lease ended before the answer to its claim came")
            return claim
        raise LedgerError(f"run {request.envelope.run}: others write its record, or its lock, all the time")

    def _provider(self, request: Request) -> LockProvider | None:
        """Who keeps the lock of a run, where it is not this ledger's store."""
        name = request.lock.provider if request.lock else None
        return None if name is None else self._locks[name]

    def refuse(self, request: Request, outcome: Outcome, reason: str) -> None:
        """Put on record that a run is not attempted, and why, unless it runs or has its outcome already."""
        key, now = request.key, self.now()
        document = self._store.get(key)
        before = _record(document)
        if before is None or before.state is State.WAITING:
            record = rules.refused(before, request, outcome, reason, now)
            with suppress(ConflictError):  # it has been claimed meanwhile: then it gets its outcome there
                self._store.write([_write(key, document, record.body(), now)])

    # What people ask

    def find(self, job: str, run: str, *, target: str, scheduled_at: datetime | None) -> Record | None:
        """What is on record of a run, or None."""
        return _record(self._store.get(key_of(job, run, target=target, scheduled_at=scheduled_at)))

    def list(self, job: str, *, limit: int = 50, after: str | None = None) -> tuple[Sequence[Record], str | None]:
        """Up to `limit` runs of a job, the newest first, from behind `after` on; and what to give as `after` for those
        behind them, None where there are no more."""
        page = self._store.list(partition_of(job), limit=limit, after=after)
        return [Record.read(document.body) for document in page.documents], page.after


def _record(document: Document | None) -> Record | None:
    return Record.read(document.body) if document else None


def _decide(
    document: Document | None,
    request: Request,
    beside: Sequence[tuple[Guard, Document | None]],
    now: datetime,
) -> tuple[Start | Refuse | PutBack | Finished | TooOld, list[Write]]:
    """What to do, and what to write for it: the run's record first, where it is among that."""
    key, before = request.key, _record(document)
    decision = rules.decide(before, request, now)
    if isinstance(decision, Refuse):
        return decision, _refusal(document, decision.record, request, beside, now)
    if not isinstance(decision, Start):
        return decision, []
    record, admissions = decision.record, []
    waits = rules.waits_for_lock(before, request)
    for guard, found in beside:
        answer = guard.ask(found, request, now, token=record.token, waits=waits)
        if isinstance(answer, Denied) and waits and not guard.once:
            return _waits(answer.reason, _last_tried(before, request), now), []
        if isinstance(answer, Denied):
            record = rules.refused(before, request, Outcome.SKIPPED, answer.reason, now)
            return Refuse(record=record), _refusal(document, record, request, beside, now)
        write = _write(guard.key, found, answer.body, now, keep=guard.keep)
        if isinstance(answer, Waits):
            return _waits(answer.reason, answer.since, now), [write]
        record = replace(record, token=max(record.token, answer.token))
        admissions.append(write)
    return Start(record=record), [_write(key, document, record.body(), now), *admissions]


def _refusal(
    document: Document | None,
    record: Record,
    request: Request,
    beside: Sequence[tuple[Guard, Document | None]],
    now: datetime,
) -> list[Write]:
    """What to write of a run that does not start. If it has waited for something, it makes way for others."""
    left = [(guard, found, body) for guard, found in beside if (body := guard.left(found, request)) is not None]
    return [
        _write(request.key, document, record.body(), now),
        *(_write(guard.key, found, body, now, keep=guard.keep) for guard, found, body in left),
    ]


def _take(
    provider: LockProvider, start: Start, document: Document | None, request: Request, now: datetime
) -> tuple[Start | Refuse | PutBack, Place | None]:
    """The same decision with a place in a lock that another service keeps; or what becomes of the run without one."""
    lock = request.lock
    assert lock is not None  # noqa: S101 - for mypy: who has a provider has a lock
    waits = rules.waits_for_lock(_record(document), request)
    for overlap in rules.overlaps(lock, waits=waits):
        answer = provider.take(
            lock.key,
            request.holder,
            due=request.due or now,
            lease=request.lease,
            limit=lock.limit,
            overlap=overlap,
            hold_at_least=lock.hold_at_least,
            least_token=start.record.token,
        )
        if isinstance(answer, Place) or answer.state is not None:
            break
    if isinstance(answer, Place):
        return Start(record=replace(start.record, token=answer.token)), answer
    reason = f"lock {lock.key!r}: {answer.reason}"
    if answer.state is not None:
        return _waits(reason, answer.since, now), None
    if waits:
        return _waits(reason, _last_tried(_record(document), request), now), None
    return Refuse(record=rules.refused(_record(document), request, Outcome.SKIPPED, reason, now)), None


def _last_tried(record: Record | None, request: Request) -> datetime | None:
    """Since when a run without a place among those who wait has come back."""
    return (record.claimed_at if record else None) or request.due


def _waits(reason: str, since: datetime | None, now: datetime) -> PutBack:
    least, most = ASKS_AGAIN
    return PutBack(until=now + min(most, max(least, (now - (since or now)) / 4)), reason=reason)


def _write(
    key: Key, document: Document | None, body: Mapping[str, Any], now: datetime, *, keep: timedelta = rules.KEEP
) -> Write:
    expects = document.version if document else None
    return Write(key=key, expects=expects, body=body, keep_until=(now + keep).timestamp())
