"""What may become of a delivery, by what is on record of its run: pure rules. docs/ledger.md says them in words."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from rota.envelope import Envelope
from rota.exclusion import Overlap
from rota.leases import MARGIN
from rota.ledger.records import Record, State, holder_of, key_of_envelope, shortened
from rota.run import Outcome
from rota.stores.base import Key

KEEP = timedelta(days=45)
"""How long a record stays after its last write: longer than any queue keeps a message."""


@dataclass(frozen=True, kw_only=True)
class LockWanted:
    """The lock that a run needs, its key filled in."""

    key: str
    limit: int = 1
    overlap: Overlap = "skip"
    hold_at_least: timedelta = timedelta()
    provider: str | None = None


@dataclass(frozen=True, kw_only=True)
class UniqueWanted:
    """The unique key of a run, filled in."""

    key: str
    window: timedelta


@dataclass(frozen=True, kw_only=True)
class Request:
    """A delivery that asks to run."""

    envelope: Envelope
    """Its `run` is known."""
    target: str
    server: str
    lease: timedelta
    lock: LockWanted | None = None
    unique: UniqueWanted | None = None
    skip: str | None = None
    """Why the run should not start any more, if it has not; None where it may."""
    max_deliveries: int = 20
    """How many of its servers may die before the run is given up: SQS does not count what is put back meanwhile."""

    @property
    def due(self) -> datetime | None:
        """The instant that the run is for."""
        return self.envelope.scheduled_at or self.envelope.enqueued_at

    @property
    def key(self) -> Key:
        """Where the run is on record."""
        return key_of_envelope(self.envelope, target=self.target)

    @property
    def holder(self) -> str:
        """As whom the run holds its lock and its unique key."""
        return holder_of(self.key)


@dataclass(frozen=True, kw_only=True)
class Start:
    """It may run: what to put on record."""

    record: Record


@dataclass(frozen=True, kw_only=True)
class Refuse:
    """It does not run: what to put on record as its outcome."""

    record: Record


@dataclass(frozen=True, kw_only=True)
class PutBack:
    """Not now: ask again at `until`."""

    until: datetime
    reason: str
    running: Record | None = field(default=None, compare=False)
    """What is on record of it where another server has it; None where it is something else that it waits for."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """It has its outcome already."""

    record: Record


@dataclass(frozen=True, kw_only=True)
class TooOld:
    """Nothing is on record, and nothing would be by now had it run."""

    reason: str


def decide(record: Record | None, request: Request, now: datetime) -> Start | Refuse | PutBack | Finished | TooOld:
    """What a delivery may do. The lock and the unique key are asked after this."""
    if record is None:
        return _first(request, now)
    # What a person has sent again counts more than what is on record, except that it has been done, or runs.
    redriven = _is_redriven(record, request)
    if record.state is State.FINISHED and not (redriven and record.outcome is not Outcome.SUCCEEDED):
        return Finished(record=record)
    if record.state is State.WAITING and record.not_before is not None and now < record.not_before and not redriven:
        return PutBack(until=record.not_before, reason=f"attempt {record.attempt} is not due")
    if record.state is State.RUNNING:
        free_at = (record.lease_until or now) + MARGIN
        if now < free_at:
            return PutBack(until=free_at, reason=f"runs on {record.server}", running=record)
        if (died := record.abandoned + 1) >= request.max_deliveries and not redriven:
            reason = f"deliveries exhausted: {died} of its servers died"
            return Refuse(record=refused(record, request, Outcome.FAILED, reason, now))
    return Start(record=_claimed(record, request, now))


def token_at(now: datetime) -> int:
    """The least token of a claim at `now`: so tokens grow over runs too, not only over the claims of one."""
    return int(now.timestamp() * 1000)


def _first(request: Request, now: datetime) -> Start | Refuse | TooOld:
    envelope = request.envelope
    if not envelope.redrives:
        if envelope.scheduled_at is not None and now - envelope.scheduled_at > KEEP:
            return TooOld(reason="too old to prove that it did not run")
        if request.skip is not None and envelope.attempt == 1:
            return Refuse(record=refused(None, request, Outcome.SKIPPED, request.skip, now))
    return Start(record=_claimed(None, request, now))


def _before(record: Record | None, request: Request, now: datetime) -> Record:
    """The run as it stands before what is done to it at `now`: what its last holder left is in its history."""
    if record is not None and record.state is State.RUNNING:
        left = record.ended(Outcome.ABANDONED, "its lease ended", now=now)
        record = replace(left, abandoned=record.abandoned + 1)
    if record is None or record.state is State.FINISHED or _is_redriven(record, request):
        return _fresh(request, record)
    return record


def _is_redriven(record: Record, request: Request) -> bool:
    """Whether a person has sent the run again since the record was written: then it has all its attempts anew."""
    return request.envelope.redrives > record.redrives


def waits_for_lock(record: Record | None, request: Request) -> bool:
    """Whether a run that finds its lock full waits, whatever its overlap: one that has started is not dropped for
    having failed or lost its server, nor one that a person has sent again. But the newest counts where a newer run may
    stop it."""
    if request.envelope.redrives or (record is not None and record.redrives):
        return True
    started = record is not None and record.token > 0
    return started and request.lock is not None and request.lock.overlap != "cancel_running"


def overlaps(lock: LockWanted, *, waits: bool) -> Sequence[Overlap]:
    """As what to ask for a place, one after the other until it is taken or waited for. A run that waits in any case
    still stops an older one where it may."""
    if not waits:
        return [lock.overlap]
    return ["cancel_running", "wait"] if lock.overlap == "cancel_running" else ["wait"]


def _fresh(request: Request, before: Record | None) -> Record:
    """A run from its message; after a redrive, with the history that it has."""
    envelope = request.envelope
    return Record(
        job=envelope.job,
        run=envelope.run or "",
        target=request.target,
        state=State.RUNNING,
        attempt=envelope.attempt,
        token=before.token if before else 0,
        scheduled_at=envelope.scheduled_at,
        enqueued_at=envelope.enqueued_at,
        redrives=envelope.redrives,
        redriven_by=envelope.redriven_by,
        history=before.history if before else (),
    )


def _claimed(record: Record | None, request: Request, now: datetime) -> Record:
    before = _before(record, request, now)
    return replace(
        before,
        state=State.RUNNING,
        token=max(before.token + 1, token_at(now)),
        server=request.server,
        claimed_at=now,
        lease_until=now + request.lease,
        not_before=None,
        lock=request.lock.key if request.lock else None,
    )


def refused(record: Record | None, request: Request, outcome: Outcome, reason: str, now: datetime) -> Record:
    """The run without an attempt, and why."""
    return replace(
        _before(record, request, now),
        state=State.FINISHED,
        outcome=outcome,
        reason=shortened(reason),
        server=request.server,
        finished_at=now,
        lease_until=None,
        not_before=None,
    )


def completed(record: Record, outcome: Outcome, reason: str, now: datetime) -> Record:
    """The run with its one outcome."""
    return replace(
        record.ended(outcome, reason, now=now),
        state=State.FINISHED,
        outcome=outcome,
        reason=shortened(reason),
        finished_at=now,
        lease_until=None,
        abandoned=0,
    )


def retried(record: Record, reason: str, now: datetime, *, not_before: datetime) -> Record:
    """The run with a failed attempt, waiting for the next."""
    return replace(
        record.ended(Outcome.FAILED, reason, now=now),
        state=State.WAITING,
        attempt=record.attempt + 1,
        not_before=not_before,
        lease_until=None,
        abandoned=0,
    )
