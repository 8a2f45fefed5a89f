"""Whether a run may start: its time, its deadline, and what the ledger says."""

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from rota import exclusion
from rota.clock import Clock
from rota.envelope import Envelope, instant_text, occurrence_run
from rota.leases import lease_of
from rota.ledger import Claim, Ledger
from rota.ledger.ledger import Answer, server_name
from rota.ledger.rules import Finished, LockWanted, PutBack, Refuse, Request, UniqueWanted
from rota.manifest import Job
from rota.run import Outcome
from rota.schedule import INSTANT
from rota.schedules import Every
from rota.targets import EveryServer
from rota.verdicts import Acknowledge, SendAgain, Verdict, dead, fitting
from rota.windows import spread

LATE = timedelta(minutes=2)
"""How late an occurrence may start under catch_up="none", and under "latest" though the next is due: EventBridge's own
precision is a minute.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"""


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """It may start. `claim` is None for a run that is not on record."""

    claim: Claim | None


class Admission:
    """Asks before each start. `ledger` is None where there is none: then nothing is on record."""

    def __init__(self, ledger: Ledger | None, clock: Clock, chance: random.Random) -> None:
        self._ledger, self._clock, self._chance = ledger, clock, chance
        self._server = server_name()

    def now(self) -> datetime:
        """The ledger's time where there is one, else this machine's."""
        return self._clock.now() if self._ledger is None else self._ledger.now()

    def ask(self, job: Job[Any], payload: Any, envelope: Envelope) -> Admitted | Verdict:
        """May this run start now? Raises `LedgerError` where the ledger does not answer."""
        on_record = self._ledger is not None and is_on_record(job, envelope)
        now = self.now() if on_record else self._clock.now()
        if envelope.not_before is not None and now < envelope.not_before:
            return self._again(envelope, envelope.not_before - now, "not due yet")
        if has_jitter(job) and (due := starts_at(job, envelope)) is not None and now < due:
            return self._again(envelope, due - now, "jitter")
        skip = outside(job, envelope) or late(job, envelope, now)
        if self._ledger is None or not on_record:
            first = envelope.attempt == 1 and not envelope.redrives
            return Verdict(Outcome.SKIPPED, skip, Acknowledge()) if skip and first else Admitted(claim=None)
        return self._told(envelope, self._ledger.claim(self._request(job, payload, envelope, skip)), now)

    def _told(self, envelope: Envelope, answer: Answer, now: datetime) -> Admitted | Verdict:
        """What the ledger's answer means for the message."""
        if isinstance(answer, Claim):
            return Admitted(claim=answer)
        if isinstance(answer, PutBack):
            # A little later than that: clocks differ, and what was put back together should not return together.
            wait = max(timedelta(), answer.until - now) + timedelta(seconds=self._chance.random())
            return replace(self._again(envelope, wait, answer.reason), found=answer.running)
        if isinstance(answer, Finished) and answer.record.outcome is Outcome.FAILED:
            # The dead letter may not have got there: it is sent after the outcome is on record.
            redrives = max(envelope.redrives, answer.record.redrives)
            verdict = dead(replace(envelope, redrives=redrives), answer.record.reason, Outcome.FAILED)
            return replace(verdict, found=answer.record)
        if isinstance(answer, Finished):
            reason = f"it is on record as {answer.record.outcome}"
            return Verdict(Outcome.SKIPPED, reason, Acknowledge(), found=answer.record)
        if isinstance(answer, Refuse) and answer.record.outcome is Outcome.SKIPPED:
            return Verdict(Outcome.SKIPPED, answer.record.reason, Acknowledge())
        reason = answer.record.reason if isinstance(answer, Refuse) else answer.reason
        return dead(envelope, reason, Outcome.FAILED)

    def refuse(self, job: Job[Any], envelope: Envelope, reason: str) -> None:
        """Put on record that the run cannot be attempted. Raises `LedgerError` where the ledger does not answer."""
        if self._ledger is not None and envelope.run and is_on_record(job, envelope):
            place = place_of(job, envelope)
            request = Request(envelope=envelope, target=place.name, server=self._server, lease=place.lease)
            self._ledger.refuse(request, Outcome.FAILED, reason)

    def _again(self, envelope: Envelope, wait: timedelta, reason: str) -> Verdict:
        return Verdict(None, reason, SendAgain(fitting(envelope), wait))

    def _request(self, job: Job[Any], payload: Any, envelope: Envelope, skip: str | None) -> Request:
        # A unique key is a matter of who enqueues: an occurrence is one by its instant.
        lock, unique = job.lock, job.unique if envelope.scheduled_at is None else None
        place = place_of(job, envelope)
        return Request(
            envelope=envelope,
            target=place.name,
            server=self._server,
            lease=place.lease,
            max_deliveries=place.max_deliveries,
            skip=skip,
            lock=LockWanted(
                # A key that the user has named is shared by all who name it; a job's own keeps no target from another.
                key=exclusion.fill(job.lock_key if lock.key else _apart(job, job.lock_key, place), payload),
                limit=lock.limit,
                overlap=lock.overlap,
                hold_at_least=lock.hold_at_least,
                provider=lock.provider,
            )
            if lock
            else None,
            unique=UniqueWanted(key=exclusion.fill(_apart(job, unique.key, place), payload), window=unique.window)
            if unique
            else None,
        )


@dataclass(frozen=True)
class Place:
    """Where a run is, and what the ledger has to know of that."""

    name: str
    lease: timedelta
    max_deliveries: int


def place_of(job: Job[Any], envelope: Envelope) -> Place:
    """The place of a run: its endpoint, or the queue of its job."""
    name = envelope.endpoint
    for endpoint in job.endpoints if name else ():
        if name is not None and endpoint.name == name.partition("/")[0]:
            return Place(name, endpoint.lease, endpoint.max_deliveries)
    return Place(job.queue.name, lease_of(job.queue.visibility_timeout), job.queue.max_deliveries)


def _apart(job: Job[Any], key: str, place: Place) -> str:
    """The key for one of several targets: each has a run of its own, and they are not each other's duplicates."""
    several = len(job.targets) > 1 or isinstance(job.target, EveryServer)
    return f"{key}@{place.name}" if several else key


def is_on_record(job: Job[Any], envelope: Envelope) -> bool:
    """Whether the ledger keeps this run: occurrences always, and what is posted to an endpoint, where a second request
    is to be told what became of the first; what is enqueued for workers, if its job asks for it."""
    if envelope.scheduled_at is not None or envelope.endpoint is not None:
        return True
    return job.lock is not None or job.unique is not None


def has_jitter(job: Job[Any]) -> bool:
    """Whether its occurrences are spread."""
    return job.schedule is not None and job.schedule.jitter is not None


def starts_at(job: Job[Any], envelope: Envelope) -> datetime | None:
    """When an occurrence may start: at its instant, later by its part of the jitter; None for what is enqueued."""
    if envelope.scheduled_at is None or job.schedule is None:
        return envelope.scheduled_at
    return envelope.scheduled_at + spread(job.schedule.jitter, envelope.run or "")


def outside(job: Job[Any], envelope: Envelope) -> str | None:
    """Why the schedule leaves this occurrence out, or None. Raises `ScheduleError` where `excluding` does."""
    if envelope.scheduled_at is None or job.schedule is None:
        return None
    return job.schedule.refusal(envelope.scheduled_at)


def late(job: Job[Any], envelope: Envelope, now: datetime) -> str | None:
    """Why it is too late to start this run, or None. A flexible window and jitter are not lateness."""
    due = starts_at(job, envelope) or envelope.enqueued_at
    if due is None:
        return None
    deadline = job.start_deadline
    if envelope.scheduled_at is None:
        return _past(deadline, now - due)
    flexible = (job.schedule.flexible_window if job.schedule else None) or timedelta()
    due += flexible
    if deadline is None and job.catch_up == "none":
        deadline = LATE
    if said := _past(deadline, now - due):
        return said
    if job.catch_up == "latest" and job.enabled and now - due > LATE:
        following = _superseded_by(job, envelope.scheduled_at, now - flexible)
        return f"catch up: the occurrence of {instant_text(following)} is due already" if following else None
    return None


def _past(deadline: timedelta | None, late: timedelta) -> str | None:
    is_past = deadline is not None and late > deadline
    return f"start deadline: {late} late, at most {deadline} are allowed" if is_past else None


def _superseded_by(job: Job[Any], scheduled_at: datetime, until: datetime) -> datetime | None:
    """The first of the occurrences after it that may have started by `until`."""
    schedule = job.schedule
    if schedule is None:
        return None
    if isinstance(schedule, Every) and not schedule.aligned:
        # It counts from the deploy: from one occurrence to the next, that does not matter.
        following = scheduled_at + schedule.interval
        while following <= until and schedule.refusal(following):
            following += schedule.interval
        return following if following <= until else None
    later = schedule.between(scheduled_at + INSTANT, until + INSTANT)
    return next((moment for moment in later if _start(job, moment) <= until), None)


def _start(job: Job[Any], scheduled_at: datetime) -> datetime:
    run = occurrence_run(job.name, instant_text(scheduled_at))
    return scheduled_at + spread(job.schedule.jitter if job.schedule else None, run)
