"""What a process without a ledger remembers: so many runs, and never too few to tell a repetition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rota import LedgerError, Outcome
from rota.endpoint.replay import REMEMBERS, BoundedStore
from rota.envelope import Envelope
from rota.ledger import Claim, Ledger
from rota.ledger.rules import Finished, LockWanted, PutBack, Request
from rota.testing import FakeClock

MOST = 20
FULL = "this process remembers 20 runs and may not forget any"


class Memory:
    """A ledger of so few runs."""

    def __init__(self) -> None:
        self.clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.store = BoundedStore(self.clock, most=MOST)
        self.ledger = Ledger(self.store, clock=self.clock)

    def ask(self, run: str, *, locked: bool = False) -> Claim | object:
        return self.ledger.claim(
            Request(
                envelope=Envelope(job="work", run=run, endpoint="web"),
                target="web",
                server="a:1",
                lease=timedelta(seconds=30),
                lock=LockWanted(key=run) if locked else None,
            )
        )

    def claim(self, run: str) -> Claim:
        claim = self.ask(run)
        assert isinstance(claim, Claim), claim
        return claim

    def finish(self, run: str) -> None:
        assert self.claim(run).complete(Outcome.SUCCEEDED, "handler returned")

    def fill(self) -> list[str]:
        runs = [f"r{number}" for number in range(MOST - len(self.store))]
        for run in runs:
            self.finish(run)
        assert len(self.store) == MOST
        return runs


@pytest.fixture
def memory() -> Memory:
    return Memory()


def test_full_of_young_runs_it_refuses_new_ones_and_knows_the_old(memory: Memory) -> None:
    runs = memory.fill()
    memory.clock.advance(REMEMBERS)
    with pytest.raises(LedgerError, match=FULL):
        memory.ask("one-more")
    assert all(isinstance(memory.ask(run), Finished) for run in runs)
    assert len(memory.store) == MOST


def test_the_oldest_that_have_ended_are_forgotten_first(memory: Memory) -> None:
    memory.finish("old")
    memory.clock.advance(1)
    memory.finish("older than most")
    memory.clock.advance(1)
    runs = memory.fill()
    memory.clock.advance(REMEMBERS - timedelta(seconds=0.5))
    memory.finish("one-more")
    assert len(memory.store) == MOST - 1, "a tenth of them goes at once"
    assert all(isinstance(memory.ask(run), Finished) for run in runs)
    memory.claim("old")


def test_nothing_is_forgotten_before_there_is_need(memory: Memory) -> None:
    memory.finish("r1")
    memory.clock.advance(timedelta(days=7))
    assert isinstance(memory.ask("r1"), Finished)


def test_what_runs_is_not_forgotten(memory: Memory) -> None:
    claims = [memory.claim(f"r{number}") for number in range(MOST)]
    for _ in range(200):
        memory.clock.advance(10)
        for claim in claims:
            claim.renew()
    with pytest.raises(LedgerError, match=FULL):
        memory.ask("one-more")
    assert isinstance(memory.ask("r1"), PutBack)
    assert all(claim.complete(Outcome.SUCCEEDED, "done") for claim in claims)


def test_what_was_abandoned_or_waits_for_nobody_does_not_fill_it_for_ever(memory: Memory) -> None:
    for number in range(MOST // 2):
        memory.claim(f"abandoned-{number}")
        failed = memory.claim(f"failed-{number}")
        assert failed.complete(Outcome.FAILED, "no", retry_at=memory.clock.now() + timedelta(hours=1))
    memory.clock.advance(timedelta(hours=1))
    memory.finish("in place of an abandoned one")
    assert isinstance(memory.ask("failed-0"), Claim)
    memory.clock.advance(REMEMBERS + timedelta(minutes=1))
    for number in range(MOST):
        memory.finish(f"r{number}")
    assert len(memory.store) <= MOST


def test_locks_are_never_forgotten(memory: Memory) -> None:
    for number in range(MOST // 2):
        claim = memory.ask(f"r{number}", locked=True)
        assert isinstance(claim, Claim)
        assert claim.complete(Outcome.SUCCEEDED, "done")
    assert len(memory.store) == MOST
    memory.clock.advance(timedelta(days=1))
    for number in range(MOST // 2):
        memory.finish(f"new-{number}")
    with pytest.raises(LedgerError, match=FULL):
        memory.ask("one-more")
    assert len([key for key in memory.store._documents if key.partition.startswith("lock#")]) == MOST // 2
    assert len(memory.store) == MOST
