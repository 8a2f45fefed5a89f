# ruff: noqa: S101 - these are tests
"""What the ledger promises over every `Store`, as a state machine of hypothesis: docs/ledger.md, played at random.

    class OnMyStore(LedgerConformance):
        def make_store(self, clock: Clock) -> Store:
            ...                             # empty at first; its `now()` is clock.now().timestamp()

    OnMyStore.TestCase.settings = settings(max_examples=50, stateful_step_count=50, deadline=None)
    TestOnMyStore = OnMyStore.TestCase

Several machines, whose clocks are wrong, claim, renew and complete a few runs, in any order: late, twice, after a
pause, while another is at it, and with a store that fails before or after it has written. The model below knows from
docs/ledger.md, not from `rota.ledger.rules`, what each may get. It needs the package hypothesis.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Literal
from unittest import mock

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rota.clock import Clock
from rota.envelope import Envelope, instant_text
from rota.errors import LeaseLostError, LedgerError
from rota.exclusion import Overlap
from rota.ledger.claim import PAUSE, Claim
from rota.ledger.ledger import Answer, Ledger
from rota.ledger.records import Record
from rota.ledger.rules import Finished, LockWanted, PutBack, Refuse, Request, TooOld, UniqueWanted
from rota.run import Outcome
from rota.stores.base import Document, Key, Page, Store, Write
from rota.testing.clock import FakeClock

MARGIN = timedelta(seconds=5)
WAITER_KEEPS = timedelta(minutes=1)
WINDOW = timedelta(minutes=1)
NEVER_BEFORE = datetime(2000, 1, 1, tzinfo=UTC)

Fault = Literal["fails", "loses the answer", "sends again", "is deaf", "is overtaken", "stays away"]


@dataclass(frozen=True)
class LockModel:
    """What is declared of a lock; and who has it."""

    key: str
    limit: int
    hold: timedelta
    places: dict[str, "PlaceModel"] = field(default_factory=dict)


LOCKS = {
    "one": (1, timedelta()),
    "two": (2, timedelta()),
    "kept": (1, timedelta(seconds=40)),
}


@dataclass
class PlaceModel:
    """A place in a lock."""

    lease_until: datetime
    hold_until: datetime
    asked_to_stop: bool = False


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
    token: int = 0
    lease_until: datetime = NEVER_BEFORE
    not_before: datetime = NEVER_BEFORE
    outcome: Outcome | None = None
    history: list[tuple[int, int, Outcome]] = field(default_factory=list)
    writer: "ClaimModel | None" = None
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


@dataclass(frozen=True)
class Declared:
    """A run to be: an occurrence for a target, or enqueued where that is None. Ids are anybody's."""

    job: str
    number: int
    target: str | None
    age: int
    lock: str | None
    overlap: Overlap
    unique: bool
    lease: int

    def run(self, now: datetime) -> RunModel:
        """It."""
        due = now - timedelta(seconds=self.age + self.number)
        return RunModel(
            job=self.job,
            id=f"{self.job}@{instant_text(due)}" if self.target else f"foreign-{self.number}",
            target=self.target or "orders",
            scheduled_at=due if self.target else None,
            enqueued_at=None if self.target else due,
            lock=self.lock,
            overlap=self.overlap,
            unique=self.unique,
            lease=timedelta(seconds=self.lease),
        )


@dataclass(frozen=True)
class Message:
    """Which of the messages of a run, whether somebody has just sent it again from the dead letters, and whether it
    comes too late."""

    attempt: int
    redrives: int
    is_sent_again: bool
    skip: str | None


@dataclass(eq=False)
class ClaimModel:
    """A claim in the hands of a machine, perhaps a paused one."""

    claim: Claim
    run: RunModel
    machine: "Machine"
    attempt: int
    held_until: datetime
    ended: Callable[[], None] | None = None
    """What its first completion asked for."""
    recorded: bool = False
    lost: bool = False
    """Whether it has been told that another has the run."""

    def is_live(self, now: datetime) -> bool:
        """Whether its holder may still work."""
        return self.ended is None and not self.lost and now < self.held_until


class Machine:
    """A server: its wall clock is off, its monotonic one began at some time."""

    def __init__(self, clock: FakeClock, store: Store, number: int) -> None:
        self._clock, self._off, self._began = clock, timedelta(seconds=30 * (number % 3 - 1)), 1000.0 * number
        self.name = f"server-{number}"
        self.ledger = Ledger(store, clock=self)

    def now(self) -> datetime:
        return self._clock.now() + self._off

    def monotonic(self) -> float:
        return self._clock.monotonic() + self._began


def _nothing() -> None:
    """What there is to do where there is nothing."""


class FaultyStore:
    """A store whose next requests fail as `plan` says. Counts the writes that were done."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.plan: list[Fault] = []
        self.done = 0
        self.meanwhile = _nothing

    def now(self) -> float:
        return self._store.now()

    def get(self, key: Key) -> Document | None:
        if self.plan and self.plan[0] == "is deaf":
            self.plan.pop(0)
            raise LedgerError("the store does not answer")
        return self._store.get(key)

    def write(self, writes: Sequence[Write]) -> None:
        fault = self.plan.pop(0) if self.plan else None
        if fault == "stays away":
            self.plan = ["stays away"]  # for as long as it is asked
        if fault in ("fails", "stays away"):
            raise LedgerError("the store does not answer")
        if fault == "is overtaken":
            self.meanwhile()
        self._write(writes)
        if fault == "sends again":
            self._store.write(writes)
        if fault == "loses the answer":
            raise LedgerError("the store's answer was lost")

    def _write(self, writes: Sequence[Write]) -> None:
        self._store.write(writes)
        self.done += 1

    def list(self, partition: str, *, limit: int, after: str | None = None) -> Page:
        return self._store.list(partition, limit=limit, after=after)


FAULTS: st.SearchStrategy[Sequence[Fault]] = st.sampled_from(
    [
        *[()] * 8,
        ("fails",),
        ("loses the answer",),
        ("sends again",),
        ("is deaf",),
        ("is overtaken",),
        ("loses the answer", "fails"),
        ("is overtaken", "loses the answer"),
        ("loses the answer", "fails", "is overtaken", "loses the answer"),
        ("loses the answer", "stays away"),
    ]
)
WHICH = st.integers(0, 1000)
USUAL = "the usual lock"
DECLARED = st.builds(
    Declared,
    job=st.sampled_from("ab"),
    number=st.integers(0, 3),
    target=st.sampled_from(["orders", "billing", None]),
    age=st.sampled_from([0] * 6 + [30, 60, 60, 46 * 86_400]),
    lock=st.sampled_from([USUAL, USUAL, USUAL, None, *LOCKS]),
    overlap=st.sampled_from(["skip", "wait", "cancel_running"]),
    unique=st.booleans(),
    lease=st.sampled_from([15, 50]),
)
MESSAGES = st.builds(
    Message,
    attempt=WHICH,
    redrives=WHICH,
    is_sent_again=st.sampled_from([False] * 7 + [True]),
    skip=st.sampled_from([None] * 7 + ["too late"]),
)


class LedgerConformance(RuleBasedStateMachine):
    """Inherit, and override `make_store`."""

    machines_count = 3
    runs_at_most = 10

    def make_store(self, clock: Clock) -> Store:
        """An empty store whose time is that of `clock`."""
        raise NotImplementedError("override make_store")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(datetime(2026, 11, 21, tzinfo=UTC))
        self.database = self.make_store(self.clock)
        self.store = FaultyStore(self.database)
        self.machines = [Machine(self.clock, self.store, number) for number in range(self.machines_count)]
        self.runs: list[RunModel] = []
        self.claims: list[ClaimModel] = []
        self.locks = {key: LockModel(key, limit, hold) for key, (limit, hold) in LOCKS.items()}
        self.lock_tokens = dict.fromkeys(LOCKS, 0)
        self.waiters: dict[str, tuple[RunModel, datetime]] = {}
        self.unique: dict[str, dict[str, datetime]] = {}
        self.steps = 0
        self._so_far = _nothing
        """Tells the model what has been written of a completion that is tried again."""
        patched = SimpleNamespace(sleep=self._sleep)
        self._patches = [mock.patch(f"rota.{module}.time", patched) for module in ("ledger.claim", "stores.base")]
        for patch in self._patches:
            patch.start()

    def teardown(self) -> None:
        for patch in self._patches:
            patch.stop()

    def _sleep(self, seconds: float) -> None:
        """The ledger waits for the store to answer again; between other tries, no time passes here."""
        if seconds == PAUSE:
            self.clock.advance(seconds)

    @property
    def now(self) -> datetime:
        """The true time."""
        return self.clock.now()

    # What happens

    @initialize(usual_lock=st.sampled_from([None, *LOCKS]), some=st.lists(DECLARED, min_size=2, max_size=4))
    def begin(self, usual_lock: str | None, some: Sequence[Declared]) -> None:
        """There are always runs, and a lock that most have in common."""
        self.usual_lock = usual_lock
        for declared in some:
            self.add(declared)

    @rule(declared=DECLARED)
    def add(self, declared: Declared) -> None:
        """A run that there was not yet."""
        run = declared.run(self.now)
        if run.lock == USUAL:
            run.lock = self.usual_lock
        if len(self.runs) < self.runs_at_most and run.name not in {known.name for known in self.runs}:
            self.runs.append(run)

    @rule(seconds=st.sampled_from([1, 1, 1, 4, 5, 5, 5, 6, 10, 10, 15, 20, 35, 60]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(which=WHICH, machine=WHICH, message=MESSAGES, faults=FAULTS, other=WHICH)
    def deliver(self, which: int, machine: int, message: Message, faults: Sequence[Fault], other: int) -> None:
        """A machine receives any of the messages that there ever were of a run."""
        run = self._run(which)
        run.redrives_sent += message.is_sent_again
        with self._faulty(faults, machine, other):
            redrives = message.redrives % (run.redrives_sent + 1)
            self._deliver(run, machine, message.attempt % run.attempts_sent + 1, redrives, message.skip)

    @rule(which=WHICH, faults=FAULTS, other=WHICH)
    def renew(self, which: int, faults: Sequence[Fault], other: int) -> None:
        """Whoever claimed a run renews it, perhaps after a pause."""
        if (mine := self._claim(which)) is None:
            return
        with self._faulty(faults, which, other):
            self._renew(mine)

    @rule(
        which=WHICH,
        outcome=st.sampled_from([Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED]),
        retry_in=st.sampled_from([None, 0, 10, 300]),
        faults=FAULTS,
        other=WHICH,
    )
    def complete(self, which: int, outcome: Outcome, retry_in: int | None, faults: Sequence[Fault], other: int) -> None:
        """Whoever claimed a run completes it, perhaps after a pause, perhaps not for the first time."""
        if (mine := self._claim(which)) is None:
            return
        with self._faulty(faults, which, other):
            self._complete(mine, outcome, retry_in if outcome is Outcome.FAILED else None)

    @rule(which=WHICH, machine=WHICH, outcome=st.sampled_from([Outcome.SKIPPED, Outcome.FAILED]), faults=FAULTS)
    def refuse(self, which: int, machine: int, outcome: Outcome, faults: Sequence[Fault]) -> None:
        """A machine cannot read a message. Seldom: it is the end of that run."""
        if which % 4:
            return
        run = self._run(which)
        with self._faulty([fault for fault in faults if fault != "is overtaken"], 0, 0):
            self._refuse(run, self._machine(machine), outcome)

    @precondition(lambda self: self.steps > 15)
    @rule(machine=WHICH)
    def nothing_is_stuck(self, machine: int) -> None:
        """When all that were at work are gone, each run can be claimed by anyone, one after another."""
        self.steps = 0
        for run in self.runs:
            if run.state in ("running", "waiting"):
                self.clock.advance(301)
                assert isinstance(self._deliver(run, machine, run.attempts_sent, 0, None), Claim)
                self._complete(self.claims[-1], Outcome.SUCCEEDED, None)
                assert run.outcome is Outcome.SUCCEEDED

    # What must hold then

    @invariant()
    def a_run_has_at_most_one_live_lease(self) -> None:
        for run in self.runs:
            live = [one for one in self.claims if one.run is run and self._works(one)]
            assert len(live) <= 1, f"{run.name} is held by {[one.machine.name for one in live]}"

    @invariant()
    def a_lock_has_at_most_so_many_live_holders(self) -> None:
        for key, lock in self.locks.items():
            live = {one.run.name for one in self.claims if one.run.lock == key and self._works(one)}
            assert len(live) <= lock.limit, f"lock {key} is held by {live}"

    @invariant()
    def holders_know_whether_they_hold(self) -> None:
        for one in self.claims:
            known = one.claim.is_lost(one.machine.monotonic())
            assert known == (one.lost or self.now >= one.held_until), f"{one.run.name} of {one.machine.name}"

    @invariant()
    def on_record_is_what_happened(self) -> None:
        for run in self.runs:
            record = self._found(run)
            if record is None:
                assert run.state == "none", run.name
                continue
            assert (record.state, record.outcome) == (run.state, run.outcome), run.name
            assert (record.attempt, record.token, record.redrives) == (run.attempt, run.token, run.redrives), run.name
            assert [(one.number, one.token, one.outcome) for one in record.history] == run.history[-20:], run.name

    def _works(self, one: ClaimModel) -> bool:
        """By the holder's own view, on its own clock."""
        return one.ended is None and not one.claim.is_lost(one.machine.monotonic())

    # The model

    def _deliver(
        self, run: RunModel, machine: int, attempt: int, redrives: int, skip: str | None
    ) -> Answer | LedgerError:
        worker = self._machine(machine)
        envelope = Envelope(
            job=run.job,
            run=run.id,
            scheduled_at=run.scheduled_at,
            enqueued_at=run.enqueued_at,
            attempt=1 if redrives else attempt,
            redrives=redrives,
        )
        request = self._request(run, worker, envelope, skip)
        before = self.store.done
        answer: Answer | LedgerError
        try:
            answer = worker.ledger.claim(request)
        except LedgerError as error:
            answer = error
        # Another may have been at it meanwhile; this one was asked after it then.
        wrote = self.store.done > before + self._overtakers
        self.steps += 1
        expected = self._expected(run, envelope, skip)
        note(f"  {run.name}: {type(answer).__name__}, expected {expected.__name__}")
        if isinstance(answer, LedgerError):
            if not wrote:
                return answer
        else:
            assert type(answer) is expected, f"{run.name}: {answer}"
        if expected is Claim:
            self._claimed(run, envelope, worker, answer if isinstance(answer, Claim) else None)
        elif expected is Refuse:
            self._finish_unstarted(run, envelope, Outcome.SKIPPED)
            self._leave_waiting(run)
        elif expected is PutBack and self._is_candidate(run, envelope):
            self._waits(run)
            if isinstance(answer, PutBack):
                assert timedelta(seconds=2) <= answer.until - self.now <= timedelta(seconds=30)
        elif isinstance(answer, PutBack):
            assert answer.until == (run.lease_until + MARGIN if run.state == "running" else run.not_before)
        return answer

    def _expected(self, run: RunModel, envelope: Envelope, skip: str | None) -> type[Answer]:
        """What docs/ledger.md promises to a delivery."""
        if run.state == "none" and not envelope.redrives:
            if run.scheduled_at is not None and self.now - run.scheduled_at > timedelta(days=45):
                return TooOld
            if skip is not None and envelope.attempt == 1:
                return Refuse
        if not self._is_candidate(run, envelope):
            return Finished if run.state == "finished" else PutBack
        if run.unique and not run.token:
            for name, due in self.unique.get(run.job, {}).items():
                if name != run.name and abs(due - run.due) < WINDOW:
                    return Refuse
        if run.lock is None or self._has_room(run):
            return Claim
        return Refuse if run.overlap == "skip" or self._waiter_before(run) is not None else PutBack

    def _is_candidate(self, run: RunModel, envelope: Envelope) -> bool:
        """Whether its own record lets it start."""
        if run.state == "finished":
            return envelope.redrives > run.redrives and run.outcome is not Outcome.SUCCEEDED
        if run.state == "running":
            return self.now >= run.lease_until + MARGIN
        return run.state == "none" or self.now >= run.not_before

    def _taken(self, lock: str) -> set[str]:
        """Whose places in a lock are not free."""
        places = self.locks[lock].places.items()
        return {name for name, one in places if self.now < max(one.lease_until + MARGIN, one.hold_until)}

    def _waiter_before(self, run: RunModel) -> RunModel | None:
        """Who is next, unless that is the run itself, or makes way for it."""
        waiter, until = self.waiters.get(run.lock or "", (None, NEVER_BEFORE))
        if waiter is None or waiter is run or until <= self.now:
            return None
        return None if run.overlap == "cancel_running" and run.due > waiter.due else waiter

    def _has_room(self, run: RunModel) -> bool:
        assert run.lock is not None
        taken = self._taken(run.lock)
        others = len(taken - {run.name})
        waits = self._waiter_before(run) is not None and run.name not in taken
        return others + waits < self.locks[run.lock].limit

    def _claimed(self, run: RunModel, envelope: Envelope, worker: Machine, claim: Claim | None) -> None:
        """It runs; `claim` is None where the claimer does not know."""
        self._before_start(run, envelope)
        record = self._found(run)
        assert record is not None
        assert record.token > run.token, "a token only grows"
        assert record.token >= self.now.timestamp() * 1000, "tokens grow over runs"
        run.state, run.outcome = "running", None
        run.token, run.lease_until = record.token, self.now + run.lease
        run.writer = None
        if claim is not None:
            assert claim.token == record.token
            mine = ClaimModel(claim, run, worker, run.attempt, self.now + run.lease - MARGIN)
            run.writer = mine
            self.claims.append(mine)
        if run.unique:
            self.unique.setdefault(run.job, {})[run.name] = run.due
        if run.lock is not None:
            assert run.token > self.lock_tokens[run.lock], "a token grows over the runs that hold a lock"
            self.lock_tokens[run.lock] = run.token
            lock = self.locks[run.lock]
            hold_until = self.now + lock.hold if lock.hold else NEVER_BEFORE
            if self._waiter_before(run) is None:
                self.waiters.pop(run.lock, None)
            lock.places[run.name] = PlaceModel(run.lease_until, hold_until)

    def _waits(self, run: RunModel) -> None:
        """It is the one who waits for its lock."""
        assert run.lock is not None
        taken, places = self._taken(run.lock), self.locks[run.lock].places
        self.waiters[run.lock] = (run, self.now + WAITER_KEEPS)
        if run.overlap == "cancel_running":
            for name in taken - {run.name}:
                places[name].asked_to_stop = True

    def _leave_waiting(self, run: RunModel) -> None:
        """It waits no more, for it does not start."""
        if run.lock is not None and run.lock in self.waiters and self.waiters[run.lock][0] is run:
            del self.waiters[run.lock]

    def _before_start(self, run: RunModel, envelope: Envelope) -> None:
        """What a new claim, or a refusal, finds."""
        if run.state == "running":
            run.history.append((run.attempt, run.token, Outcome.ABANDONED))
        if run.state in ("none", "finished"):
            run.attempt = envelope.attempt
        run.redrives = max(run.redrives, envelope.redrives)

    def _finish_unstarted(self, run: RunModel, envelope: Envelope, outcome: Outcome) -> None:
        self._before_start(run, envelope)
        run.state, run.outcome, run.writer = "finished", outcome, None

    def _refuse(self, run: RunModel, worker: Machine, outcome: Outcome) -> None:
        envelope = Envelope(job=run.job, run=run.id, scheduled_at=run.scheduled_at, enqueued_at=run.enqueued_at)
        before = self.store.done
        try:
            worker.ledger.refuse(self._request(run, worker, envelope, None), outcome, "cannot be read")
        except LedgerError:
            if self.store.done == before:
                return
        if run.state in ("none", "waiting"):
            self._finish_unstarted(run, envelope, outcome)

    def _renew(self, mine: ClaimModel) -> None:
        run, before = mine.run, self.store.done
        try:
            mine.claim.renew()
        except LeaseLostError:
            assert not mine.is_live(self.now), f"{mine.machine.name} was told that it had lost {run.name}"
            mine.lost = True
            return
        except LedgerError:
            # Its own view of the lease does not change, what is on record may.
            if self.store.done > before + self._overtakers:
                self._lengthen(mine)
            return
        if mine.ended is not None:
            assert self.store.done == before, "a renewal after the end writes nothing"
            return
        assert mine.is_live(self.now), f"{mine.machine.name} was let renew {run.name} after its lease"
        self._lengthen(mine)
        mine.held_until = self.now + run.lease - MARGIN
        if run.lock is not None:
            asked = self.locks[run.lock].places[run.name].asked_to_stop
            assert (mine.claim.asked_to_stop is not None) == asked

    def _lengthen(self, mine: ClaimModel) -> None:
        assert mine.run.writer is mine
        mine.run.lease_until = self.now + mine.run.lease
        if mine.run.lock is not None:
            self.locks[mine.run.lock].places[mine.run.name].lease_until = mine.run.lease_until

    def _complete(self, mine: ClaimModel, outcome: Outcome, retry_in: int | None) -> None:
        run, before = mine.run, self.store.done
        retry_at = None if retry_in is None else self.now + timedelta(seconds=retry_in)
        if mine.ended is None:
            mine.ended = lambda: self._end(mine, outcome, retry_at)
        ended: Callable[[], None] = mine.ended
        was_written = False

        def so_far() -> None:
            nonlocal was_written
            if self.store.done > before + self._overtakers and run.writer is mine:
                ended()
                was_written = True

        self._so_far = so_far
        try:
            recorded = mine.claim.complete(outcome, "said so", retry_at=retry_at)
        except LedgerError:
            so_far()
            return
        if mine.recorded:
            assert recorded
            assert self.store.done == before + self._overtakers, "a completion is written once"
            return
        assert recorded == (run.writer is mine), f"{mine.machine.name} completes {run.name}"
        if recorded:
            ended()
            mine.recorded = True
        else:
            # Unless it was on record, its answer lost, before another took the run over.
            assert was_written or self.store.done == before + self._overtakers, "a zombie changes nothing"
            mine.lost = True

    def _end(self, mine: ClaimModel, outcome: Outcome, retry_at: datetime | None) -> None:
        run = mine.run
        entry = (mine.attempt, run.token, outcome)
        if run.state == "running":
            run.history.append(entry)
            if run.lock is not None:
                place = self.locks[run.lock].places[run.name]
                place.lease_until = NEVER_BEFORE
        assert run.history[-1] == entry
        if retry_at is None:
            run.state, run.outcome = "finished", outcome
        else:
            run.state, run.not_before, run.attempt = "waiting", retry_at, mine.attempt + 1
            run.attempts_sent = max(run.attempts_sent, run.attempt)

    # How it is played

    _overtakers = 0
    """Writes that were done by another while this one was at it."""

    @contextmanager
    def _faulty(self, faults: Sequence[Fault], machine: int, other: int) -> Iterator[None]:
        """The store fails, or another machine claims a run just before a write."""

        def overtake() -> None:
            self._so_far()
            plan, self.store.plan = self.store.plan, []
            outer, before = self._overtakers, self.store.done
            self._overtakers = 0
            run = self._run(other)
            self._deliver(run, machine + 1, run.attempts_sent, run.redrives_sent, None)
            self._overtakers = outer + self.store.done - before
            self.store.plan = plan

        self.store.plan, self.store.meanwhile, self._overtakers = list(faults), overtake, 0
        try:
            yield
        finally:
            self.store.plan, self._overtakers = [], 0
            self._so_far = _nothing

    def _run(self, which: int) -> RunModel:
        """Mostly one that is not over."""
        runs = [run for run in self.runs if which % 4 == 0 or run.state != "finished"] or self.runs
        return runs[which % len(runs)]

    def _claim(self, which: int) -> ClaimModel | None:
        """Mostly one of the newest: of the others, little can be said but that they are over."""
        newest = self.claims[-3:] if which % 4 else self.claims
        return newest[which % len(newest)] if newest else None

    def _machine(self, which: int) -> Machine:
        return self.machines[which % len(self.machines)]

    def _found(self, run: RunModel) -> Record | None:
        reader = Ledger(self.database, clock=self.clock)
        return reader.find(run.job, run.id, target=run.target, scheduled_at=run.scheduled_at)

    def _request(self, run: RunModel, worker: Machine, envelope: Envelope, skip: str | None) -> Request:
        lock = None
        if run.lock is not None:
            limit, hold = LOCKS[run.lock]
            lock = LockWanted(key=run.lock, limit=limit, overlap=run.overlap, hold_at_least=hold)
        return Request(
            envelope=envelope,
            target=run.target,
            server=worker.name,
            lease=run.lease,
            lock=lock,
            unique=UniqueWanted(key="order:7", window=WINDOW) if run.unique else None,
            skip=skip,
        )
