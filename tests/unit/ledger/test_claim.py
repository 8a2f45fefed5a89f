"""A claim in hand: renewed, completed, lost; with answers that are lost, and threads that race."""

import gc
import threading
import weakref
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from rota.envelope import Envelope
from rota.errors import LeaseLostError, LedgerError
from rota.ledger import Claim, Ledger, Record, State, claim
from rota.ledger.rules import LockWanted, Request
from rota.locks.base import Place
from rota.locks.in_store import StoreLocks
from rota.run import Outcome
from rota.stores.base import Write
from rota.stores.memory import MemoryStore
from rota.testing import FakeClock

LEASE = timedelta(seconds=50)


class Store(MemoryStore):
    """One whose answers to writes can be lost, before or after they are done."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.faults: list[str] = []
        self.writes: list[Sequence[Write]] = []

    def write(self, writes: Sequence[Write]) -> None:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "fails":
            raise LedgerError("no answer")
        super().write(writes)
        self.writes.append(writes)
        if fault == "loses":
            raise LedgerError("the answer was lost")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Waits between tries of a completion move it."""
    clock = FakeClock()
    monkeypatch.setattr(claim, "time", SimpleNamespace(sleep=clock.advance))
    return clock


@pytest.fixture
def store(clock: FakeClock) -> Store:
    return Store(clock)


@pytest.fixture
def ledger(store: Store, clock: FakeClock) -> Ledger:
    return Ledger(store, clock=clock)


def request(run: str = "a@1", **fields: Any) -> Request:
    fields = {"target": "orders", "server": "web-1:1", "lease": LEASE} | fields
    return Request(envelope=Envelope(job="a", run=run), **fields)


def claimed(ledger: Ledger, run: str = "a@1", **fields: Any) -> Claim:
    answer = ledger.claim(request(run, **fields))
    assert isinstance(answer, Claim), answer
    return answer


def on_record(ledger: Ledger, run: str = "a@1") -> Record:
    record = ledger.find("a", run, target="orders", scheduled_at=None)
    assert record is not None
    return record


def test_it_is_lost_five_seconds_before_its_lease_ends(ledger: Ledger, clock: FakeClock) -> None:
    mine = claimed(ledger)
    assert mine.renew_at == pytest.approx(50 / 3)
    assert not mine.is_lost(44.9)
    assert mine.is_lost(45)
    clock.advance(20)
    mine.renew()
    assert not mine.is_lost(64.9)
    assert mine.is_lost(65)
    assert on_record(ledger).lease_until == clock.now() + LEASE


def test_one_that_is_lost_is_not_renewed_though_nobody_has_taken_it(ledger: Ledger, clock: FakeClock) -> None:
    mine = claimed(ledger)
    clock.advance(45)
    with pytest.raises(LeaseLostError, match="its lease ended before it could be renewed"):
        mine.renew()
    assert on_record(ledger).lease_until == clock.now() + timedelta(seconds=5)


def test_a_zombie_s_completion_changes_nothing(ledger: Ledger, clock: FakeClock) -> None:
    zombie = claimed(ledger)
    clock.advance(55)
    taker = claimed(ledger)
    assert taker.token > zombie.token
    before = on_record(ledger)
    assert zombie.complete(Outcome.SUCCEEDED, "") is False
    assert on_record(ledger) == before
    assert taker.complete(Outcome.FAILED, "ValueError") is True
    assert zombie.complete(Outcome.SUCCEEDED, "") is False
    assert on_record(ledger).outcome is Outcome.FAILED


def test_a_completion_is_written_once(ledger: Ledger, store: Store) -> None:
    mine = claimed(ledger)
    assert mine.complete(Outcome.SUCCEEDED, "") is True
    count = len(store.writes)
    assert mine.complete(Outcome.FAILED, "another") is True
    mine.renew()
    assert len(store.writes) == count
    assert on_record(ledger).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("faults", [["fails"], ["loses"], ["loses", "fails", "loses"], ["fails"] * 50])
@pytest.mark.parametrize("lock", [None, LockWanted(key="one")])
def test_a_completion_is_tried_until_the_store_answers(
    ledger: Ledger, store: Store, faults: list[str], lock: LockWanted | None
) -> None:
    mine = claimed(ledger, lock=lock)
    store.faults = faults
    assert mine.complete(Outcome.SUCCEEDED, "") is True
    record = on_record(ledger)
    assert record.outcome is Outcome.SUCCEEDED
    assert [one.outcome for one in record.history] == [Outcome.SUCCEEDED]
    if lock:
        assert claimed(ledger, "a@2", lock=lock).token > mine.token


def test_it_is_not_known_whether_a_completion_is_on_record_when_the_lease_ends_first(
    ledger: Ledger, store: Store, clock: FakeClock
) -> None:
    mine = claimed(ledger)
    store.faults = ["fails"] * 1000
    with pytest.raises(LedgerError, match="no answer"):
        mine.complete(Outcome.SUCCEEDED, "")
    assert mine.is_lost(clock.monotonic() + claim.PAUSE)
    assert on_record(ledger).state is State.RUNNING


def test_a_renewal_does_not_undo_a_completion_whose_answer_was_lost(ledger: Ledger, store: Store) -> None:
    mine = claimed(ledger)
    store.faults = ["loses"] + ["fails"] * 1000
    with pytest.raises(LedgerError):
        mine.complete(Outcome.SUCCEEDED, "")
    store.faults = []
    mine.renew()
    assert on_record(ledger).outcome is Outcome.SUCCEEDED


def test_nor_does_another_completion(ledger: Ledger, store: Store) -> None:
    mine = claimed(ledger)
    store.faults = ["loses"] + ["fails"] * 1000
    with pytest.raises(LedgerError):
        mine.complete(Outcome.SUCCEEDED, "")
    store.faults = []
    assert mine.complete(Outcome.FAILED, "later") is True
    assert on_record(ledger).outcome is Outcome.SUCCEEDED


def test_renewals_whose_answers_were_lost_are_no_other_holder_s(ledger: Ledger, store: Store, clock: FakeClock) -> None:
    mine = claimed(ledger, lock=LockWanted(key="one"))
    for fault in ("fails", "loses", "fails"):
        clock.advance(9)
        store.faults = [fault]
        with pytest.raises(LedgerError):
            mine.renew()
    assert mine.held_until == 45, "its own view of the lease has not changed"
    mine.renew()
    assert mine.held_until == 27 + 45
    store.faults = ["loses"]
    with pytest.raises(LedgerError):
        mine.renew()
    assert mine.complete(Outcome.SUCCEEDED, "") is True


def test_a_holder_learns_at_its_renewal_that_it_should_stop(ledger: Ledger) -> None:
    lock = LockWanted(key="one", overlap="cancel_running")
    mine = claimed(ledger, "a@1", lock=lock)
    assert not isinstance(ledger.claim(request("a@2", lock=lock)), Claim)
    assert mine.asked_to_stop is None
    mine.renew()
    assert mine.asked_to_stop == "a@a@2 takes over"


def test_one_that_the_lock_has_given_away_is_lost(ledger: Ledger, store: Store, clock: FakeClock) -> None:
    """As after a repair by hand: lease and place end together otherwise."""
    lock = LockWanted(key="one")
    mine = claimed(ledger, lock=lock)
    from rota.locks.in_store import lock_write
    from rota.locks.rules import LockState, lock_key

    store.write([lock_write("one", store.get(lock_key("one")), LockState(token=mine.token), clock.now())])
    with pytest.raises(LeaseLostError, match="the place of run a@1 in lock 'one' is another's"):
        mine.renew()
    assert mine.is_lost(clock.monotonic())
    assert mine.complete(Outcome.CANCELLED, "") is True, "the run itself is still its own"


def test_a_place_that_another_delivery_took_anew_is_still_the_run_s(store: Store, clock: FakeClock) -> None:
    """Two deliveries take it at once; the one that took it first gets the run."""
    locks, lock = StoreLocks(MemoryStore(clock)), LockWanted(key="one", provider="zoo")
    ledger = Ledger(store, locks={"zoo": locks}, clock=clock)
    mine = claimed(ledger, lock=lock)
    assert isinstance(locks.take("one", "a@a@1", due=clock.now(), lease=LEASE), Place)
    clock.advance(20)
    mine.renew()
    assert not mine.is_lost(clock.monotonic())
    assert mine.complete(Outcome.SUCCEEDED, "") is True
    assert isinstance(ledger.claim(request("a@2", lock=lock)), Claim), "its place is free"


@pytest.mark.parametrize("retry", [False, True])
def test_a_completed_one_leaves_memory_at_once(ledger: Ledger, clock: FakeClock, retry: bool) -> None:
    mine = claimed(ledger)
    assert mine.complete(Outcome.FAILED, "ValueError", retry_at=clock.now() if retry else None) is True
    gone = weakref.ref(mine)
    gc.disable()
    try:
        del mine
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("lock", [None, LockWanted(key="one")])
def test_renewals_and_completions_of_many_threads_end_in_one_completion(
    ledger: Ledger, store: Store, lock: LockWanted | None
) -> None:
    for number in range(20):
        run = f"a@{number}"
        mine = claimed(ledger, run, lock=lock)
        start = threading.Barrier(6)
        answers: list[bool] = []

        def renew(mine: Claim = mine, start: threading.Barrier = start) -> None:
            start.wait()
            for _ in range(5):
                mine.renew()

        def complete(
            outcome: Outcome, mine: Claim = mine, start: threading.Barrier = start, answers: list[bool] = answers
        ) -> None:
            start.wait()
            answers.append(mine.complete(outcome, ""))

        threads = [threading.Thread(target=renew) for _ in range(4)]
        threads += [threading.Thread(target=complete, args=[one]) for one in (Outcome.SUCCEEDED, Outcome.FAILED)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [True, True]
        record = on_record(ledger, run)
        assert record.state is State.FINISHED
        assert len(record.history) == 1
        assert sum(one.body.get("outcome") is not None for batch in store.writes for one in batch) == number + 1


def test_of_threads_that_claim_at_once_one_gets_the_run(store: Store, clock: FakeClock) -> None:
    for number in range(10):
        start = threading.Barrier(6)
        answers: list[Any] = []

        def take(number: int = number, start: threading.Barrier = start, answers: list[Any] = answers) -> None:
            ledger = Ledger(store, clock=clock)
            start.wait()
            answers.append(ledger.claim(request(f"a@{number}", lock=LockWanted(key=f"{number}"))))

        threads = [threading.Thread(target=take) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 6
        assert sum(isinstance(answer, Claim) for answer in answers) == 1
