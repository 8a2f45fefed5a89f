# ruff: noqa: S101 - this is part of tests
"""Has machines claim, renew and complete, and holds each answer against the model."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from hypothesis import note

from rota.envelope import Envelope
from rota.errors import LeaseLostError, LedgerError
from rota.ledger.claim import Claim
from rota.ledger.ledger import Answer, Ledger
from rota.ledger.records import Record, State
from rota.ledger.rules import LockWanted, PutBack, Refuse, Request, UniqueWanted
from rota.locks.in_store import state_of
from rota.locks.rules import lock_key
from rota.run import Outcome
from rota.stores.base import Store
from rota.testing.clock import FakeClock
from rota.testing.ledger_conformance.faulty_store import Fault, FaultyStore, nothing
from rota.testing.ledger_conformance.machine import Held, Machine
from rota.testing.ledger_conformance.model import LOCKS, MARGIN, MAX_DELIVERIES, WINDOW, Model, RunModel


class Referee:
    """One game: a store, the machines at it, and what they hold."""

    def __init__(self, clock: FakeClock, database: Store, machines: int) -> None:
        self.model = Model(clock)
        self._database, self._reader = database, Ledger(database, clock=clock)
        self._store = FaultyStore(database)
        self._machines = [Machine(clock, self._store, number) for number in range(machines)]
        self.held: list[Held] = []
        self.deliveries = 0
        self._overtakers = 0
        """Writes that were done by another while this one was at it."""
        self._so_far: Callable[[], None] = nothing
        """Tells the model what has been written of a completion that is tried again."""

    @property
    def now(self) -> datetime:
        """The true time."""
        return self.model.now

    def machine(self, which: int) -> Machine:
        """One of them."""
        return self._machines[which % len(self._machines)]

    def found(self, run: RunModel) -> Record | None:
        """What is on record of a run."""
        return self._reader.find(run.job, run.id, target=run.target, scheduled_at=run.scheduled_at)

    @contextmanager
    def faulty(self, faults: Sequence[Fault], overtake: Callable[[], object]) -> Iterator[None]:
        """The store fails, or another does `overtake` just before a write."""

        def meanwhile() -> None:
            self._so_far()
            plan, self._store.plan = self._store.plan, []
            outer, before = self._overtakers, self._store.done
            self._overtakers = 0
            overtake()
            self._overtakers = outer + self._store.done - before
            self._store.plan = plan

        self._store.plan, self._store.meanwhile, self._overtakers = list(faults), meanwhile, 0
        try:
            yield
        finally:
            self._store.plan, self._overtakers = [], 0
            self._so_far = nothing

    def deliver(
        self, run: RunModel, worker: Machine, attempt: int, redrives: int, skip: str | None
    ) -> Answer | LedgerError:
        """A machine receives a message, and asks to run it."""
        envelope = Envelope(
            job=run.job,
            run=run.id,
            scheduled_at=run.scheduled_at,
            enqueued_at=run.enqueued_at,
            attempt=1 if redrives else attempt,
            redrives=redrives,
        )
        request, before = _request(run, worker, envelope, skip), self._store.done
        promised = self.model.expected(run, envelope, skip)
        answer: Answer | LedgerError
        try:
            answer = worker.ledger.claim(request)
        except LedgerError as error:
            answer = error
        # Another may have been at it meanwhile; this one was asked after it then.
        wrote = self._store.done > before + self._overtakers
        self.deliveries += 1
        expected = self.model.expected(run, envelope, skip)
        # A claim has seen all that it was promised for. Who is refused writes the run alone, who waits the lock alone:
        # what another did to the rest just before is not seen.
        if self._overtakers and wrote and promised in (Refuse, PutBack) and self._was(promised, run, request):
            expected = promised
        note(f"  {run.name}: {type(answer).__name__}, expected {expected.__name__}")
        if isinstance(answer, LedgerError):
            if not wrote:
                return answer
        else:
            assert type(answer) is expected, f"{run.name}: {answer}"
        if expected is Claim:
            self._claimed(run, envelope, worker, answer if isinstance(answer, Claim) else None)
        elif expected is Refuse:
            is_given_up = self.model.gives_up(run, envelope)
            self.model.refused(run, envelope, Outcome.FAILED if is_given_up else Outcome.SKIPPED)
            if not (self._overtakers and self._is_waiter(request)):  # a duplicate, just before
                self.model.leaves(run)
        elif expected is PutBack:
            until = run.lease_until + MARGIN if run.state == "running" else run.not_before
            if self.model.is_candidate(run, envelope):
                until = self.model.waits(run)
            assert not isinstance(answer, PutBack) or answer.until == until
        return answer

    def _claimed(self, run: RunModel, envelope: Envelope, worker: Machine, claim: Claim | None) -> None:
        record = self.found(run)
        assert record is not None
        mine = None
        if claim is not None:
            assert claim.token == record.token
            mine = Held(claim, run, worker, record.attempt, self.now + run.lease - MARGIN)
            self.held.append(mine)
        self.model.claimed(run, envelope, record.token, mine)

    def _was(self, answer: type[Answer], run: RunModel, request: Request) -> bool:
        """Whether that is on record now, and was not before."""
        record = self.found(run)
        is_refused = (
            record is not None
            and record.state is State.FINISHED
            and (run.state != "finished" or record.redrives > run.redrives)
        )
        return is_refused if answer is Refuse else not is_refused and self._is_waiter(request)

    def _is_waiter(self, request: Request) -> bool:
        document = self._database.get(lock_key(request.lock.key)) if request.lock else None
        waiter = state_of(document).waiter
        return waiter is not None and waiter.id == request.holder

    def refuse(self, run: RunModel, worker: Machine, outcome: Outcome) -> None:
        """A machine cannot read a message."""
        envelope = Envelope(job=run.job, run=run.id, scheduled_at=run.scheduled_at, enqueued_at=run.enqueued_at)
        before = self._store.done
        try:
            worker.ledger.refuse(_request(run, worker, envelope, None), outcome, "cannot be read")
        except LedgerError:
            if self._store.done == before:
                return
        if run.state in ("none", "waiting"):
            self.model.refused(run, envelope, outcome)

    def renew(self, mine: Held) -> None:
        """Whoever claimed a run renews it."""
        run, before = mine.run, self._store.done
        try:
            mine.claim.renew()
        except LeaseLostError:
            assert not mine.is_live(self.now), f"{mine.machine.name} was told that it had lost {run.name}"
            mine.lost = True
            return
        except LedgerError:
            # Its own view of the lease does not change, what is on record may.
            if self._store.done > before + self._overtakers:
                assert run.writer is mine
                self.model.renewed(run)
            return
        if mine.ended is not None:
            assert self._store.done == before, "a renewal after the end writes nothing"
            return
        assert mine.is_live(self.now), f"{mine.machine.name} was let renew {run.name} after its lease"
        assert run.writer is mine
        self.model.renewed(run)
        mine.held_until = self.now + run.lease - MARGIN
        if (place := self.model.place(run)) is not None:
            assert (mine.claim.asked_to_stop is not None) == place.asked_to_stop

    def complete(self, mine: Held, outcome: Outcome, retry_in: int | None) -> None:
        """Whoever claimed a run completes it; what its first completion said is what counts."""
        run, before = mine.run, self._store.done
        retry_at = None if retry_in is None else self.now + timedelta(seconds=retry_in)
        if mine.ended is None:
            mine.ended = lambda: self.model.completed(run, mine.attempt, outcome, retry_at)
        ended: Callable[[], None] = mine.ended
        was_written = False

        def so_far() -> None:
            nonlocal was_written
            if self._store.done > before + self._overtakers and run.writer is mine:
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
            assert self._store.done == before + self._overtakers, "a completion is written once"
            return
        assert recorded == (run.writer is mine), f"{mine.machine.name} completes {run.name}"
        if recorded:
            ended()
            mine.recorded = True
        else:
            # Unless it was on record, its answer lost, before another took the run over.
            assert was_written or self._store.done == before + self._overtakers, "a zombie changes nothing"
            mine.lost = True


def _request(run: RunModel, worker: Machine, envelope: Envelope, skip: str | None) -> Request:
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
        max_deliveries=MAX_DELIVERIES,
    )
