"""The ledger where its state machine does not go: requests counted, slow answers, locks of other providers, lists."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from math import ceil
from typing import Any

import pytest

from rota.envelope import Envelope
from rota.errors import LeaseLostError, LedgerError
from rota.ledger import Claim, Ledger, State
from rota.ledger.guards import REMEMBERED
from rota.ledger.rules import Finished, LockWanted, PutBack, Refuse, Request, UniqueWanted
from rota.locks.base import Place
from rota.locks.in_store import StoreLocks
from rota.queues.base import Outgoing
from rota.queues.memory import MemoryQueue
from rota.run import Outcome
from rota.stores.base import Document, Key, Write
from rota.stores.memory import MemoryStore
from rota.testing import FakeClock

LEASE = timedelta(seconds=50)
SECOND = timedelta(seconds=1)


class Counted(MemoryStore):
    """Counts requests; takes its time over them."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.asked: list[str] = []
        self.clock, self.write_takes = clock, 0.0

    def get(self, key: Key) -> Document | None:
        self.asked.append(f"get {key.partition}")
        return super().get(key)

    def write(self, writes: Sequence[Write]) -> None:
        self.asked.append("write " + " ".join(write.key.partition for write in writes))
        super().write(writes)
        self.clock.advance(self.write_takes)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> Counted:
    return Counted(clock)


@pytest.fixture
def provider(clock: FakeClock) -> StoreLocks:
    """Another service than the ledger's."""
    return StoreLocks(MemoryStore(clock))


@pytest.fixture
def ledger(store: Counted, clock: FakeClock, provider: StoreLocks) -> Ledger:
    return Ledger(store, clock=clock, locks={"zoo": provider})


def request(run: str, lock: LockWanted | None = None, unique: UniqueWanted | None = None, **fields: Any) -> Request:
    return Request(
        envelope=Envelope(**{"job": "a", "run": run} | fields),
        target="orders",
        server="web-1:1",
        lease=LEASE,
        lock=lock,
        unique=unique,
    )


def claimed(ledger: Ledger, asked: Request) -> Claim:
    answer = ledger.claim(asked)
    assert isinstance(answer, Claim), answer
    return answer


# What it costs


def test_a_run_without_a_lock_takes_two_writes_and_no_read(ledger: Ledger, store: Counted) -> None:
    claimed(ledger, request("a@1")).complete(Outcome.SUCCEEDED, "")
    assert store.asked == ["write run#a", "write run#a"]


def test_one_with_a_lock_takes_two_transactions_and_a_read_for_each(ledger: Ledger, store: Counted) -> None:
    claimed(ledger, request("a@1", LockWanted(key="one"))).complete(Outcome.SUCCEEDED, "")
    assert store.asked == ["get lock#one", "write run#a lock#one"] * 2


def test_one_that_waits_takes_two_reads_and_a_write_each_time_it_asks(ledger: Ledger, store: Counted) -> None:
    lock = LockWanted(key="one", overlap="wait")
    claimed(ledger, request("a@1", lock))
    store.asked.clear()
    assert isinstance(ledger.claim(request("a@2", lock)), PutBack)
    assert store.asked == ["get run#a", "get lock#one", "write lock#one"]


# Slow answers


def test_a_claim_whose_answer_comes_after_its_lease_is_not_handed_out(ledger: Ledger, store: Counted) -> None:
    store.write_takes = 45
    with pytest.raises(LedgerError, match="run a@1: its lease ended before the answer to its claim came"):
        ledger.claim(request("a@1"))


def test_a_lease_counts_from_before_it_was_asked_for(ledger: Ledger, store: Counted) -> None:
    store.write_takes = 40
    mine = claimed(ledger, request("a@1"))
    assert mine.held_until == 45
    assert mine.is_lost(45)


def test_a_thread_that_was_stopped_between_its_clocks_holds_no_longer_than_what_is_on_record(
    store: Counted, clock: FakeClock
) -> None:
    class Stopped(Counted):
        def now(self) -> float:
            told = super().now()
            clock.advance(30)  # here, after it has read the time
            return told

    stopped = Stopped(clock)
    mine = claimed(Ledger(stopped, clock=clock), request("a@1"))
    assert mine.record.lease_until is not None
    ends = (mine.record.lease_until - clock.now()).total_seconds() + clock.monotonic()
    assert mine.held_until == ends - 5


# Duplicates


def test_a_duplicate_of_a_finished_run_does_not_wait_nor_cancel(ledger: Ledger) -> None:
    lock = LockWanted(key="one", overlap="cancel_running")
    claimed(ledger, request("a@1", lock)).complete(Outcome.SUCCEEDED, "")
    second = claimed(ledger, request("a@2", lock))
    assert isinstance(ledger.claim(request("a@1", lock)), Finished)
    second.renew()
    assert second.asked_to_stop is None
    assert isinstance(ledger.claim(request("a@3", lock)), PutBack), "the waiter's place is free"


@pytest.mark.parametrize("kept_by", [None, "zoo"])
def test_who_waits_asks_again_after_a_quarter_of_the_time_since_it_first_asked(
    ledger: Ledger, clock: FakeClock, kept_by: str | None
) -> None:
    lock = LockWanted(key="one", overlap="wait", provider=kept_by)
    claimed(ledger, Request(**vars(request("a@1", lock)) | {"lease": timedelta(hours=1)}))
    pauses = []
    for passed in (0, 4, 6, 30, 80):
        clock.advance(passed)
        answer = ledger.claim(request("a@2", lock, enqueued_at=clock.now() - timedelta(days=1)))
        assert isinstance(answer, PutBack)
        pauses.append((answer.until - clock.now()).total_seconds())
    assert pauses == [2, 2, 2.5, 10, 30]


@pytest.mark.parametrize("kept_by", [None, "zoo"])
def test_a_run_that_is_older_than_the_one_that_runs_is_skipped_and_does_not_stop_it(
    ledger: Ledger, clock: FakeClock, kept_by: str | None
) -> None:
    lock = LockWanted(key="one", overlap="cancel_running", provider=kept_by)
    newer = claimed(ledger, request("a@2", lock, enqueued_at=clock.now()))
    answer = ledger.claim(request("a@1", lock, enqueued_at=clock.now() - SECOND))
    assert isinstance(answer, Refuse)
    assert answer.record.outcome is Outcome.SKIPPED
    assert answer.record.reason == "lock 'one': held by a@a@2, which is newer"
    newer.renew()
    assert newer.asked_to_stop is None


def test_a_waiter_that_will_not_start_makes_way(ledger: Ledger) -> None:
    lock = LockWanted(key="one", overlap="wait")
    first = claimed(ledger, request("a@1", lock))
    assert isinstance(ledger.claim(request("a@2", lock)), PutBack)
    late = Request(**vars(request("a@2", lock)) | {"skip": "start deadline"})
    assert isinstance(ledger.claim(late), Refuse)
    first.complete(Outcome.SUCCEEDED, "")
    claimed(ledger, request("a@3", lock))


# Runs that a full lock does not drop


KEPT_BY = pytest.mark.parametrize("kept_by", [None, "zoo"])


@KEPT_BY
def test_a_retry_that_finds_its_lock_full_waits_and_is_next(
    ledger: Ledger, clock: FakeClock, kept_by: str | None
) -> None:
    lock = LockWanted(key="one", provider=kept_by)
    claimed(ledger, request("a@1", lock)).complete(Outcome.FAILED, "", retry_at=clock.now() + 10 * SECOND)
    clock.advance(10)
    other = claimed(ledger, request("a@2", lock))
    for attempt in (2, 1):  # whatever number the message has
        back = ledger.claim(request("a@1", lock, attempt=attempt))
        assert isinstance(back, PutBack)
        assert back.reason == "lock 'one': waits for a@a@2"
    other.complete(Outcome.SUCCEEDED, "")
    new = ledger.claim(request("a@3", lock))
    assert isinstance(new, Refuse), "the one that waits is next"
    assert claimed(ledger, request("a@1", lock, attempt=2)).record.attempt == 2


@KEPT_BY
@pytest.mark.parametrize("overlap", ["skip", "wait"])
def test_a_run_whose_server_died_and_whose_place_another_waits_for_is_put_back_without_one(
    ledger: Ledger, clock: FakeClock, overlap: Any, kept_by: str | None
) -> None:
    lock = LockWanted(key="one", overlap=overlap, provider=kept_by)
    waiting = LockWanted(key="one", overlap="wait", provider=kept_by)
    claimed(ledger, request("a@1", lock))
    clock.advance(30)
    assert isinstance(ledger.claim(request("a@2", waiting)), PutBack)
    clock.advance(26)
    back = ledger.claim(request("a@1", lock))
    assert isinstance(back, PutBack), back
    assert back.reason == "lock 'one': already waiting: a@a@2"
    assert back.until - clock.now() == 14 * SECOND, "a quarter of the time since it was claimed"
    second = claimed(ledger, request("a@2", waiting))
    second.complete(Outcome.SUCCEEDED, "")
    assert claimed(ledger, request("a@1", lock)).record.abandoned == 1


@KEPT_BY
@pytest.mark.parametrize("overlap", ["skip", "wait", "cancel_running"])
def test_a_redriven_run_that_finds_its_lock_full_waits_even_for_a_newer_one(
    ledger: Ledger, clock: FakeClock, overlap: Any, kept_by: str | None
) -> None:
    lock, start = LockWanted(key="one", overlap=overlap, provider=kept_by), clock.now()
    claimed(ledger, request("a@1", lock, enqueued_at=start)).complete(Outcome.FAILED, "")
    other = claimed(ledger, request("a@2", lock, enqueued_at=start + SECOND))
    assert isinstance(ledger.claim(request("a@1", lock, enqueued_at=start, redrives=1)), PutBack)
    other.renew()
    assert other.asked_to_stop is None
    other.complete(Outcome.SUCCEEDED, "")
    again = claimed(ledger, request("a@1", lock, enqueued_at=start, redrives=1))
    again.complete(Outcome.FAILED, "", retry_at=clock.now())
    claimed(ledger, request("a@3", lock, enqueued_at=start + 2 * SECOND))
    late = ledger.claim(request("a@1", lock, enqueued_at=start))  # of its messages, one from before
    assert isinstance(late, PutBack), late


@KEPT_BY
def test_one_that_is_newer_still_stops_the_older(ledger: Ledger, clock: FakeClock, kept_by: str | None) -> None:
    lock, start = LockWanted(key="one", overlap="cancel_running", provider=kept_by), clock.now()
    claimed(ledger, request("a@2", lock, enqueued_at=start + SECOND)).complete(Outcome.FAILED, "")
    older = claimed(ledger, request("a@1", lock, enqueued_at=start))
    assert isinstance(ledger.claim(request("a@2", lock, enqueued_at=start + SECOND, redrives=1)), PutBack)
    older.renew()
    assert older.asked_to_stop == "a@a@2 takes over"


@KEPT_BY
def test_where_the_newest_counts_a_retry_is_skipped_for_a_newer_run(
    ledger: Ledger, clock: FakeClock, kept_by: str | None
) -> None:
    lock, start = LockWanted(key="one", overlap="cancel_running", provider=kept_by), clock.now()
    claimed(ledger, request("a@1", lock, enqueued_at=start)).complete(Outcome.FAILED, "", retry_at=start)
    claimed(ledger, request("a@2", lock, enqueued_at=start + SECOND))
    answer = ledger.claim(request("a@1", lock, enqueued_at=start, attempt=2))
    assert isinstance(answer, Refuse)
    assert answer.record.reason == "lock 'one': held by a@a@2, which is newer"


# Runs that kill their server


def test_a_run_that_kills_its_server_each_time_ends_though_put_backs_keep_sqs_from_counting(
    ledger: Ledger, clock: FakeClock
) -> None:
    dead = MemoryQueue(clock=clock)
    queue = MemoryQueue(visibility_timeout=10, clock=clock, dead_letters=dead, max_deliveries=4)
    queue.send([Outgoing("a@1")])
    asked = replace(request("a@1"), lease=timedelta(seconds=15), max_deliveries=4)
    starts, put_backs, answer, ends = 0, 0, None, clock.monotonic() + 3600
    while not isinstance(answer, Refuse):
        assert clock.monotonic() < ends
        if not (messages := queue.receive(1, 0)):
            clock.advance(1)
            continue
        answer = ledger.claim(asked)
        if isinstance(answer, Claim):
            starts += 1
            clock.advance(3)
        elif isinstance(answer, PutBack):
            put_backs += 1
            queue.send([Outgoing("a@1", ceil((answer.until - clock.now()).total_seconds()))])
            queue.delete([messages[0].receipt])
    assert starts == 4
    assert put_backs > 0
    assert (answer.record.outcome, answer.record.reason) == (
        Outcome.FAILED,
        "deliveries exhausted: 4 of its servers died",
    )
    assert len(dead) == 0


def test_what_is_given_up_waits_for_its_lock_no_more(ledger: Ledger, clock: FakeClock) -> None:
    lock = LockWanted(key="one", overlap="wait")
    claimed(ledger, request("a@1", lock))
    clock.advance(55)
    other = claimed(ledger, request("a@2", lock))
    assert isinstance(ledger.claim(request("a@1", lock)), PutBack)
    assert isinstance(ledger.claim(replace(request("a@1", lock), max_deliveries=1)), Refuse)
    other.complete(Outcome.SUCCEEDED, "")
    claimed(ledger, request("a@3", lock))


# Unique keys


def test_a_key_is_unique_in_its_window_in_whatever_order_messages_come(ledger: Ledger, clock: FakeClock) -> None:
    unique = UniqueWanted(key="order:7", window=timedelta(seconds=60))
    start = clock.now()

    def ask(second: int) -> object:
        return ledger.claim(request(f"a@{second}", None, unique, enqueued_at=start + second * SECOND))

    answers = {second: ask(second) for second in (100, 0, 110, 59, 40, 41, 160, 159, 161, -60)}
    assert [second for second, answer in answers.items() if isinstance(answer, Claim)] == [100, 0, 160, -60]
    (refused,) = [answer for second, answer in answers.items() if second == 110]
    assert isinstance(refused, Refuse)
    assert refused.record.reason == "unique: run a@a@100 has key 'order:7'"


def test_another_job_has_keys_of_its_own(ledger: Ledger) -> None:
    unique = UniqueWanted(key="order:7", window=timedelta(seconds=60))
    claimed(ledger, request("1", None, unique))
    claimed(ledger, request("1", None, unique, job="b"))
    assert isinstance(ledger.claim(request("2", None, unique)), Refuse)


def test_a_retry_is_not_asked_for_its_key_again(ledger: Ledger, clock: FakeClock) -> None:
    unique, start = UniqueWanted(key="order:7", window=timedelta(seconds=60)), clock.now()
    first = claimed(ledger, request("a@1", None, unique, enqueued_at=start))
    first.complete(Outcome.FAILED, "", retry_at=start + 61 * SECOND)
    clock.advance(61)
    claimed(ledger, request("a@2", None, unique, enqueued_at=clock.now()))
    claimed(ledger, request("a@1", None, unique, enqueued_at=start, attempt=2))
    assert isinstance(ledger.claim(request("a@3", None, unique, enqueued_at=clock.now())), Refuse)


def test_a_key_s_record_does_not_grow_without_end(ledger: Ledger, store: Counted, clock: FakeClock) -> None:
    unique = UniqueWanted(key="order:7", window=SECOND)
    for number in range(REMEMBERED + 5):
        claimed(ledger, request(f"a@{number}", None, unique, enqueued_at=clock.now()))
        clock.advance(1)
    document = store.get(Key("unique#a#order:7"))
    assert document is not None
    assert set(document.body["runs"]) == {f"a@a@{number}" for number in range(5, REMEMBERED + 5)}


# Locks that another provider keeps


def test_a_run_is_claimed_with_a_place_of_another_provider(ledger: Ledger, provider: StoreLocks) -> None:
    lock = LockWanted(key="one", provider="zoo")
    first = claimed(ledger, request("a@1", lock))
    assert isinstance(ledger.claim(request("a@2", lock)), Refuse)
    first.renew()
    assert first.complete(Outcome.SUCCEEDED, "") is True
    third = claimed(ledger, request("a@3", lock))
    assert third.token > first.token
    found = ledger.find("a", "a@3", target="orders", scheduled_at=None)
    assert found is not None
    assert found.token == third.token, "the token of the run is that of its place"


@pytest.mark.parametrize("overlap", ["skip", "wait", "cancel_running"])
def test_duplicates_do_not_take_the_place_of_the_one_that_runs(
    ledger: Ledger, provider: StoreLocks, overlap: Any
) -> None:
    lock = LockWanted(key="one", provider="zoo", overlap=overlap)
    first = claimed(ledger, request("a@1", lock))
    assert isinstance(ledger.claim(request("a@1", lock)), PutBack)
    assert not isinstance(ledger.claim(request("a@2", lock)), Claim)
    first.renew()
    first.complete(Outcome.SUCCEEDED, "")
    assert isinstance(ledger.claim(request("a@1", lock)), Finished)


def test_a_token_of_another_provider_is_the_run_s(ledger: Ledger, provider: StoreLocks, clock: FakeClock) -> None:
    due = clock.now()
    taken = provider.take("one", "somebody", due=due, lease=LEASE, least_token=10**15)
    assert isinstance(taken, Place)
    provider.release(taken)
    assert claimed(ledger, request("a@1", LockWanted(key="one", provider="zoo"))).token == 10**15 + 1


def test_a_run_whose_place_another_has_is_lost(ledger: Ledger, provider: StoreLocks, clock: FakeClock) -> None:
    mine = claimed(ledger, request("a@1", LockWanted(key="one", provider="zoo")))
    provider.release(Place(key="one", holder="a@a@1", token=mine.token))
    assert isinstance(provider.take("one", "somebody", due=clock.now(), lease=LEASE), Place)
    with pytest.raises(LeaseLostError, match="its place in lock 'one' is another's"):
        mine.renew()


def test_a_provider_s_waiter_is_put_back_and_told_to_stop_reaches_the_holder(ledger: Ledger) -> None:
    lock = LockWanted(key="one", provider="zoo", overlap="cancel_running")
    first = claimed(ledger, request("a@1", lock))
    assert isinstance(ledger.claim(request("a@2", lock)), PutBack)
    first.renew()
    assert first.asked_to_stop == "a@a@2 takes over"


# Refusals, lists


def test_what_runs_or_is_over_is_not_refused(ledger: Ledger) -> None:
    mine = claimed(ledger, request("a@1"))
    ledger.refuse(request("a@1"), Outcome.FAILED, "cannot be read")
    assert mine.complete(Outcome.SUCCEEDED, "") is True
    ledger.refuse(request("a@1"), Outcome.FAILED, "cannot be read")
    found = ledger.find("a", "a@1", target="orders", scheduled_at=None)
    assert found is not None
    assert (found.state, found.outcome) == (State.FINISHED, Outcome.SUCCEEDED)


def test_the_runs_of_a_job_are_listed_newest_first_in_pages(ledger: Ledger, clock: FakeClock) -> None:
    for _ in range(5):
        clock.advance(60)
        claimed(ledger, request("any", scheduled_at=clock.now()))
    claimed(ledger, request("1", job="b"))
    seen, after = [], None
    while True:
        page, after = ledger.list("a", limit=2, after=after)
        seen += [record.scheduled_at for record in page]
        if after is None:
            break
    assert seen == [clock.now() - timedelta(minutes=number) for number in range(5)]
    assert ledger.find("a", "none", target="orders", scheduled_at=None) is None


def test_a_foreign_id_that_is_too_long_for_a_key_is_claimed_like_any_other(ledger: Ledger) -> None:
    claimed(ledger, request("x" * 5000, LockWanted(key="one"))).complete(Outcome.SUCCEEDED, "")
    assert isinstance(ledger.claim(request("x" * 5000)), Finished)
