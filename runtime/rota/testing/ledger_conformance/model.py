# ruff: noqa: S101 - this is part of tests
"""What docs/ledger.md says of runs, locks and unique keys. It knows that page, and not `rota.ledger.rules` nor
`rota.locks.rules`, whose answers are held against it: of the former it has the names of the answers alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from rota.clock import Clock
from rota.envelope import Envelope
from rota.exclusion import Overlap
from rota.ledger.claim import Claim
from rota.ledger.ledger import Answer
from rota.ledger.rules import Finished, PutBack, Refuse, TooOld
from rota.run import Outcome

MARGIN = timedelta(seconds=5)
WAITER_KEEPS = timedelta(minutes=5)
MAX_DELIVERIES = 3
"""How many of a run's servers may die, few so that it happens."""
WINDOW = timedelta(minutes=1)
NEVER_BEFORE = datetime(2000, 1, 1, tzinfo=UTC)

LOCKS = {
    "one": (1, timedelta()),
    "two": (2, timedelta()),
    "kept": (1, timedelta(seconds=40)),
}
"""The locks that there are: how many may hold each, and for how long at least."""


@dataclass
class RunModel:
    """What docs/ledger.md says of a run's record, and what messages of it there are."""

    job: str
    id: str
    target: str
    scheduled_at: datetime | None
    enqueued_at: datetime | None
    lock: str | None
    overlap: Overlap
    unique: bool
    lease: timedelta
    state: Literal["none", "running", "waiting", "finished"] = "none"
    attempt: int = 1
    attempts_sent: int = 1
    redrives_sent: int = 0
    redrives: int = 0
    died: int = 0
    """How many of its servers have, since an attempt last ended."""
    claimed_at: datetime | None = None
    token: int = 0
    lease_until: datetime = NEVER_BEFORE
    not_before: datetime = NEVER_BEFORE
    outcome: Outcome | None = None
    history: list[tuple[int, int, Outcome]] = field(default_factory=list)
    writer: object = None
    """Whose write stands on record; None for a claim of which the claimer does not know, and for a refusal."""

    @property
    def name(self) -> str:
        """Of which record it is: unlike the id, it is never another's."""
        return f"{self.job} {self.id} {self.target}"

    @property
    def due(self) -> datetime:
        """The instant that it is for."""
        due = self.scheduled_at or self.enqueued_at
        assert due is not None
        return due


@dataclass
class PlaceModel:
    """A place in a lock."""

    run: RunModel
    lease_until: datetime
    hold_until: datetime
    asked_to_stop: bool = False


@dataclass
class WaiterModel:
    """The one who waits for a lock."""

    run: RunModel
    since: datetime
    until: datetime


@dataclass
class LockModel:
    """What is declared of a lock; who has it, and who is next."""

    limit: int
    hold: timedelta
    places: dict[str, PlaceModel] = field(default_factory=dict)
    waiter: WaiterModel | None = None
    token: int = 0


class Model:
    """What is on record, if the ledger does what docs/ledger.md says."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.locks = {key: LockModel(limit, hold) for key, (limit, hold) in LOCKS.items()}
        self._unique: dict[str, dict[str, datetime]] = {}

    @property
    def now(self) -> datetime:
        """The true time."""
        return self._clock.now()

    # What a delivery gets

    def expected(self, run: RunModel, envelope: Envelope, skip: str | None) -> type[Answer]:
        """What is promised to a delivery."""
        if run.state == "none" and not envelope.redrives:
            if run.scheduled_at is not None and self.now - run.scheduled_at > timedelta(days=45):
                return TooOld
            if skip is not None and envelope.attempt == 1:
                return Refuse
        if not self.is_candidate(run, envelope):
            return Finished if run.state == "finished" else PutBack
        if self.gives_up(run, envelope):
            return Refuse
        if run.unique and not run.token:
            for name, due in self._unique.get(run.job, {}).items():
                if name != run.name and abs(due - run.due) < WINDOW:
                    return Refuse
        return Claim if run.lock is None else self._of_lock(run, envelope, self.locks[run.lock])

    def is_candidate(self, run: RunModel, envelope: Envelope) -> bool:
        """Whether its own record lets it start."""
        redriven = envelope.redrives > run.redrives
        if run.state == "finished":
            return redriven and run.outcome is not Outcome.SUCCEEDED
        if run.state == "running":
            return self.now >= run.lease_until + MARGIN
        return run.state == "none" or redriven or self.now >= run.not_before

    def gives_up(self, run: RunModel, envelope: Envelope) -> bool:
        """Whether it would be taken over, but too many of its servers have died."""
        is_new = envelope.redrives > run.redrives
        return run.state == "running" and run.died + 1 >= MAX_DELIVERIES and not is_new

    def _of_lock(self, run: RunModel, envelope: Envelope, lock: LockModel) -> type[Answer]:
        """What the table of the locks says to a run that may start for all else."""
        others, is_next = self._others(run, lock), self._waiter_before(run, lock) is None
        has_its_own = run.name in lock.places and not self._is_free(lock.places[run.name])
        if len(others) + (0 if is_next or has_its_own else 1) < lock.limit:
            return Claim
        if self.is_kept(run, envelope):
            return PutBack
        if run.overlap == "skip" or not is_next:
            return Refuse
        return Refuse if run.overlap == "cancel_running" and self._is_oldest(run, others) else PutBack

    def is_kept(self, run: RunModel, envelope: Envelope) -> bool:
        """Whether its lock does not drop it: a person has sent it again, or it has started and no newer run counts
        more."""
        was_redriven = max(run.redrives, envelope.redrives) > 0
        return was_redriven or (run.token > 0 and run.overlap != "cancel_running")

    def _is_oldest(self, run: RunModel, others: Sequence[PlaceModel]) -> bool:
        return all(run.due < one.run.due for one in others)

    def _is_free(self, place: PlaceModel) -> bool:
        return self.now >= place.lease_until + MARGIN and self.now >= place.hold_until

    def _others(self, run: RunModel, lock: LockModel) -> list[PlaceModel]:
        """The places that are not free for it."""
        return [one for name, one in lock.places.items() if name != run.name and not self._is_free(one)]

    def _waiter_before(self, run: RunModel, lock: LockModel) -> RunModel | None:
        """Who is next, unless that is the run itself, or makes way for it."""
        waiter = lock.waiter
        if waiter is None or waiter.run is run or waiter.until <= self.now:
            return None
        return None if run.overlap == "cancel_running" and run.due > waiter.run.due else waiter.run

    # What becomes of it then

    def claimed(self, run: RunModel, envelope: Envelope, token: int, writer: object) -> None:
        """It runs. `writer` is None where the claimer does not know."""
        self._before_start(run, envelope)
        run.claimed_at = self.now
        assert token > run.token, "a token only grows"
        assert token >= self.now.timestamp() * 1000, "tokens grow over runs"
        run.state, run.outcome = "running", None
        run.token, run.lease_until, run.writer = token, self.now + run.lease, writer
        if run.unique:
            self._unique.setdefault(run.job, {})[run.name] = run.due
        if run.lock is not None:
            lock = self.locks[run.lock]
            assert token > lock.token, "a token grows over the runs that hold a lock"
            lock.token = token
            if self._waiter_before(run, lock) is None:
                lock.waiter = None
            hold_until = self.now + lock.hold if lock.hold else NEVER_BEFORE
            lock.places.pop(run.name, None)  # of two that are for one instant, who came first is asked to stop
            lock.places[run.name] = PlaceModel(run, run.lease_until, hold_until)

    def waits(self, run: RunModel) -> datetime:
        """It waits for its lock, as the one who does, or without a place where another does. Gives when it asks
        again."""
        assert run.lock is not None
        lock = self.locks[run.lock]
        if self._waiter_before(run, lock) is not None:
            return self._asks_again(run.claimed_at or run.due)
        since = lock.waiter.since if lock.waiter is not None and lock.waiter.run is run else self.now
        lock.waiter = WaiterModel(run, since, self.now + WAITER_KEEPS)
        others = self._others(run, lock)
        may_stop = run.overlap == "cancel_running" and not self._is_oldest(run, others)
        if may_stop and not any(one.asked_to_stop for one in others):
            min(others, key=lambda one: one.run.due).asked_to_stop = True
        return self._asks_again(since)

    def _asks_again(self, since: datetime) -> datetime:
        quarter = (self.now - since) / 4
        return self.now + min(timedelta(seconds=30), max(timedelta(seconds=2), quarter))

    def refused(self, run: RunModel, envelope: Envelope, outcome: Outcome) -> None:
        """It gets its outcome without an attempt."""
        self._before_start(run, envelope)
        run.state, run.outcome, run.writer = "finished", outcome, None

    def leaves(self, run: RunModel) -> None:
        """It waits no more for its lock, for it does not start."""
        lock = self.locks[run.lock] if run.lock is not None else None
        if lock is not None and lock.waiter is not None and lock.waiter.run is run:
            lock.waiter = None

    def _before_start(self, run: RunModel, envelope: Envelope) -> None:
        """What a new claim, or a refusal, finds."""
        if run.state == "running":
            run.history.append((run.attempt, run.token, Outcome.ABANDONED))
            run.died += 1
        if run.state in ("none", "finished") or envelope.redrives > run.redrives:
            run.attempt, run.died = envelope.attempt, 0
        run.redrives = max(run.redrives, envelope.redrives)

    # What becomes of what runs

    def place(self, run: RunModel) -> PlaceModel | None:
        """Its place in its lock."""
        return None if run.lock is None else self.locks[run.lock].places[run.name]

    def renewed(self, run: RunModel) -> None:
        """Its lease, and that of its place, lasts from now."""
        run.lease_until = self.now + run.lease
        if (place := self.place(run)) is not None:
            place.lease_until = run.lease_until

    def completed(self, run: RunModel, attempt: int, outcome: Outcome, retry_at: datetime | None) -> None:
        """An attempt is over. Told twice, it is over once."""
        entry = (attempt, run.token, outcome)
        if run.state == "running":
            run.history.append(entry)
            if (place := self.place(run)) is not None:
                place.lease_until = NEVER_BEFORE
        assert run.history[-1] == entry
        run.died = 0
        if retry_at is None:
            run.state, run.outcome = "finished", outcome
        else:
            run.state, run.not_before, run.attempt = "waiting", retry_at, attempt + 1
            run.attempts_sent = max(run.attempts_sent, run.attempt)
