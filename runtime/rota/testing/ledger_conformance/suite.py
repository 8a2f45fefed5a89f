# ruff: noqa: S101 - these are tests
"""The state machine: what may happen, in any order, and what must hold after each step."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import SimpleNamespace
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rota.clock import Clock
from rota.ledger.claim import PAUSE, Claim
from rota.run import Outcome
from rota.stores.base import Store
from rota.testing.clock import FakeClock
from rota.testing.ledger_conformance.drawn import DECLARED, FAULTS, MESSAGES, USUAL, WHICH, Declared, Message
from rota.testing.ledger_conformance.faulty_store import Fault
from rota.testing.ledger_conformance.machine import Held
from rota.testing.ledger_conformance.model import LOCKS, MAX_DELIVERIES, RunModel
from rota.testing.ledger_conformance.referee import Referee


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
        self.referee = Referee(self.clock, self.make_store(self.clock), self.machines_count)
        self.runs: list[RunModel] = []
        self.usual_lock: str | None = None
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
        run = declared.run(self.clock.now())
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
            attempt, redrives = message.attempt % run.attempts_sent + 1, message.redrives % (run.redrives_sent + 1)
            self.referee.deliver(run, self.referee.machine(machine), attempt, redrives, message.skip)

    @rule(which=WHICH, faults=FAULTS, other=WHICH)
    def renew(self, which: int, faults: Sequence[Fault], other: int) -> None:
        """Whoever claimed a run renews it, perhaps after a pause."""
        if (mine := self._held(which)) is None:
            return
        with self._faulty(faults, which, other):
            self.referee.renew(mine)

    @rule(
        which=WHICH,
        outcome=st.sampled_from([Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED]),
        retry_in=st.sampled_from([None, 0, 10, 300]),
        faults=FAULTS,
        other=WHICH,
    )
    def complete(self, which: int, outcome: Outcome, retry_in: int | None, faults: Sequence[Fault], other: int) -> None:
        """Whoever claimed a run completes it, perhaps after a pause, perhaps not for the first time."""
        if (mine := self._held(which)) is None:
            return
        with self._faulty(faults, which, other):
            self.referee.complete(mine, outcome, retry_in if outcome is Outcome.FAILED else None)

    @rule(which=WHICH, machine=WHICH, outcome=st.sampled_from([Outcome.SKIPPED, Outcome.FAILED]), faults=FAULTS)
    def refuse(self, which: int, machine: int, outcome: Outcome, faults: Sequence[Fault]) -> None:
        """A machine cannot read a message. Seldom: it is the end of that run."""
        if which % 4:
            return
        run = self._run(which)
        with self._faulty([fault for fault in faults if fault != "is overtaken"], 0, 0):
            self.referee.refuse(run, self.referee.machine(machine), outcome)

    @precondition(lambda self: self.referee.deliveries > 15)
    @rule(machine=WHICH)
    def nothing_is_stuck(self, machine: int) -> None:
        """When all that were at work are gone, each run can be claimed by anyone, one after another, or is given up."""
        self.referee.deliveries = 0
        for run in self.runs:
            if run.state in ("running", "waiting"):
                self.clock.advance(301)
                answer = self.referee.deliver(run, self.referee.machine(machine), run.attempts_sent, 0, None)
                if run.outcome is Outcome.FAILED:
                    assert run.died == MAX_DELIVERIES
                    continue
                assert isinstance(answer, Claim)
                self.referee.complete(self.referee.held[-1], Outcome.SUCCEEDED, None)
                assert run.outcome is Outcome.SUCCEEDED

    # What must hold then

    @invariant()
    def a_run_has_at_most_one_live_lease(self) -> None:
        for run in self.runs:
            live = [one for one in self.referee.held if one.run is run and one.works]
            assert len(live) <= 1, f"{run.name} is held by {[one.machine.name for one in live]}"

    @invariant()
    def a_lock_has_at_most_so_many_live_holders(self) -> None:
        for key, (limit, _) in LOCKS.items():
            live = {one.run.name for one in self.referee.held if one.run.lock == key and one.works}
            assert len(live) <= limit, f"lock {key} is held by {live}"

    @invariant()
    def holders_know_whether_they_hold(self) -> None:
        for one in self.referee.held:
            known = one.claim.is_lost(one.machine.monotonic())
            assert known == (one.lost or self.clock.now() >= one.held_until), f"{one.run.name} of {one.machine.name}"

    @invariant()
    def on_record_is_what_happened(self) -> None:
        for run in self.runs:
            record = self.referee.found(run)
            if record is None:
                assert run.state == "none", run.name
                continue
            assert (record.state, record.outcome) == (run.state, run.outcome), run.name
            assert (record.attempt, record.token, record.redrives) == (run.attempt, run.token, run.redrives), run.name
            assert record.abandoned == run.died, run.name
            assert [(one.number, one.token, one.outcome) for one in record.history] == run.history[-20:], run.name

    # Of whom

    def _run(self, which: int) -> RunModel:
        """Mostly one that is not over."""
        runs = [run for run in self.runs if which % 4 == 0 or run.state != "finished"] or self.runs
        return runs[which % len(runs)]

    def _held(self, which: int) -> Held | None:
        """Mostly one of the newest: of the others, little can be said but that they are over."""
        newest = self.referee.held[-3:] if which % 4 else self.referee.held
        return newest[which % len(newest)] if newest else None

    def _faulty(self, faults: Sequence[Fault], machine: int, other: int) -> AbstractContextManager[None]:
        """The store fails, or the next machine claims another run just before a write."""

        def overtake() -> None:
            run, overtaker = self._run(other), self.referee.machine(machine + 1)
            self.referee.deliver(run, overtaker, run.attempts_sent, run.redrives_sent, None)

        return self.referee.faulty(faults, overtake)
