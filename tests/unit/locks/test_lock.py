"""`with lock("report") as lease:`, over a store in memory."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from rota import Manifest, backends
from rota.errors import LeaseLostError, LedgerError, LockNotAcquiredError
from rota.locks import Lease, Locks, lock
from rota.locks.base import Place
from rota.locks.in_store import StoreLocks
from rota.locks.rules import Full, lock_key
from rota.stores.memory import MemoryStore
from rota.testing import FakeClock


class Provider(StoreLocks):
    """Counts renewals, and fails them when told to."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.renewals = 0
        self.fails = 0

    def renew(self, place: Place, *, lease: timedelta) -> Place | None:
        if self.fails:
            self.fails -= 1
            raise LedgerError("no answer")
        place_or_none = super().renew(place, lease=lease)
        self.renewals += 1
        return place_or_none


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def provider(store: MemoryStore) -> Provider:
    return Provider(store)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> timedelta:
    """A lease that tests can wait for."""
    monkeypatch.setattr(lock, "SHORTEST", timedelta())
    monkeypatch.setattr(lock, "MARGIN", timedelta(seconds=0.5))
    return timedelta(seconds=1.5)


def eventually(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def holders(store: MemoryStore) -> int:
    document = store.get(lock_key("report"))
    return len(document.body["holders"]) if document else 0


def test_it_is_held_for_as_long_as_the_block_runs(provider: Provider, store: MemoryStore) -> None:
    locks = Locks(provider)
    with locks("report") as lease:
        assert (lease.key, lease.is_lost) == ("report", False)
        lease.check()
        assert timedelta(seconds=20) < lease.expires_at - datetime.now(UTC) <= timedelta(seconds=25)
        with pytest.raises(LockNotAcquiredError, match=r"^lock 'report': held by lock-"), locks("report"):
            pass
    assert holders(store) == 0
    with locks("report") as later:
        assert later.token > lease.token


def test_it_is_released_when_the_block_raises(provider: Provider, store: MemoryStore) -> None:
    with pytest.raises(ZeroDivisionError), Locks(provider)("report"):
        raise ZeroDivisionError
    assert holders(store) == 0


def test_three_may_hold_it_where_the_limit_is_three(provider: Provider) -> None:
    locks = Locks(provider)
    with locks("report", limit=3) as a, locks("report", limit=3) as b, locks("report", limit=3) as c:
        assert a.token < b.token < c.token
        with pytest.raises(LockNotAcquiredError), locks("report", limit=3):
            pass
        with locks("another"):
            pass


def test_it_is_waited_for(provider: Provider) -> None:
    locks, order = Locks(provider), []

    def second() -> None:
        with locks("report", wait=timedelta(seconds=30)):
            order.append("second")

    with locks("report"):
        waiter = threading.Thread(target=second)
        waiter.start()
        time.sleep(0.05)
        order.append("first")
    waiter.join()
    assert order == ["first", "second"]


def test_a_wait_has_an_end(provider: Provider) -> None:
    locks = Locks(provider)
    with (
        locks("report"),
        pytest.raises(LockNotAcquiredError, match="held by"),
        locks("report", wait=timedelta(seconds=0.3)),
    ):
        pass


def test_a_place_is_kept_after_a_block_that_was_short(provider: Provider, store: MemoryStore) -> None:
    locks = Locks(provider)
    with locks("report", hold_at_least=timedelta(minutes=1)):
        pass
    with pytest.raises(LockNotAcquiredError), locks("report"):
        pass


def test_it_renews_itself(provider: Provider, quick: timedelta) -> None:
    with Locks(provider)("report", lease=quick) as lease:
        first = lease.expires_at
        eventually(lambda: provider.renewals >= 3)
        assert not lease.is_lost
        assert lease.expires_at > first


def test_a_renewal_that_fails_is_tried_again_at_once(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, quick: timedelta
) -> None:
    """Not after another third: that would be too late for the shortest lease."""
    waits: list[float] = []

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if threading.current_thread().name.startswith("rota-lock-"):
                waits.append(timeout or 0)
                timeout = 0.01 if len(waits) < 5 else None
            return super().wait(timeout)

    monkeypatch.setattr(lock.threading, "Event", Watched)
    provider.fails = 2
    with Locks(provider)("report", lease=timedelta(seconds=15)) as lease:
        eventually(lambda: len(waits) >= 5)
        assert not lease.is_lost
    assert waits[:5] == [5, 1, 1, 5, 5]


def test_a_run_that_was_due_before_the_block_began_waits_for_it(provider: Provider) -> None:
    """It is not skipped as older: the block does not do its work."""
    with Locks(provider)("report"):
        due = datetime.now(UTC) - timedelta(hours=1)
        answer = provider.take("report", "run", due=due, lease=timedelta(seconds=30), overlap="cancel_running")
        assert isinstance(answer, Full)
        assert answer.reason.startswith("waits for lock-")


def test_it_is_lost_when_it_cannot_be_renewed_in_time(provider: Provider, quick: timedelta) -> None:
    provider.fails = 10**6
    with Locks(provider)("report", lease=quick) as lease:
        eventually(lambda: lease.is_lost)
        with pytest.raises(LeaseLostError, match="lock 'report': its lease could not be renewed in time"):
            lease.check()


def test_it_is_lost_when_another_has_it_and_that_one_keeps_it(
    provider: Provider, store: MemoryStore, quick: timedelta
) -> None:
    with Locks(provider)("report", lease=quick) as lease:
        document = store.get(lock_key("report"))
        assert document is not None
        holder = document.body["holders"][0]["id"]
        provider.release(Place(key="report", holder=holder, token=lease.token))
        provider.take("report", "somebody", due=datetime.now(UTC), lease=timedelta(hours=1))
        eventually(lambda: lease.is_lost)
        with pytest.raises(LeaseLostError, match="another holds it"):
            lease.check()
    assert holders(store) == 1, "it is not released: it is another's"


def test_an_error_of_the_provider_s_own_ends_no_renewals(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, quick: timedelta
) -> None:
    errors, renew = [ConnectionResetError("gone")], provider.renew

    def fails_once(place: Place, *, lease: timedelta) -> Place | None:
        if errors:
            raise errors.pop()
        return renew(place, lease=lease)

    monkeypatch.setattr(lock, "SHORTEST", timedelta())
    monkeypatch.setattr(provider, "renew", fails_once)
    with Locks(provider)("report", lease=2 * quick) as lease:
        eventually(lambda: provider.renewals)
        assert not lease.is_lost


def test_a_block_is_told_that_a_run_waits_which_cancels_it(provider: Provider, quick: timedelta) -> None:
    with Locks(provider)("report", lease=quick) as lease:
        assert (lease.stop_requested, lease.stop_reason) == (False, None)
        provider.take("report", "work@1", due=datetime.now(UTC), lease=quick, overlap="cancel_running")
        eventually(lambda: lease.stop_requested)
        assert lease.stop_reason == "work@1 takes over"
        assert not lease.is_lost


def test_locks_of_a_deployment_ask_for_nothing_until_they_are_used_and_anew_in_a_forked_process(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def locks(manifest: str) -> Provider:
        asked.append(manifest)
        return provider

    monkeypatch.setattr(backends, "locks", locks)
    deployed = Locks.of(Manifest(name="shop", jobs=[]))
    assert asked == []
    for _ in range(2):
        with deployed("report"):
            pass
    assert asked == ["shop"]
    monkeypatch.setattr(lock.os, "getpid", lambda: -1)
    with deployed("report"):
        pass
    assert asked == ["shop", "shop"]


def test_an_honest_clock_tells_that_it_is_lost_even_if_no_thread_does(provider: Provider) -> None:
    clock = FakeClock()
    with Locks(provider, clock=clock)("report") as lease:
        clock.advance(24.9)
        assert not lease.is_lost
        clock.advance(0.1)
        assert lease.is_lost


def test_a_release_that_fails_is_left_to_the_lease(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(place: Place) -> None:
        raise LedgerError("no answer")

    monkeypatch.setattr(provider, "release", fails)
    with Locks(provider)("report") as lease:
        assert isinstance(lease, Lease)


def test_a_lease_too_short_and_a_limit_below_one_are_refused(provider: Provider) -> None:
    locks = Locks(provider)
    with pytest.raises(ValueError, match="lease must be at least 0:00:15; got 0:00:14"):
        locks("report", lease=timedelta(seconds=14)).__enter__()
    with pytest.raises(ValueError, match="limit must be at least 1; got 0"):
        locks("report", limit=0).__enter__()


def test_of_many_threads_never_more_than_the_limit_are_in(provider: Provider) -> None:
    inside, most, guard = 0, 0, threading.Lock()
    tokens: list[int] = []

    def work() -> None:
        nonlocal inside, most
        for _ in range(3):
            with Locks(provider)("report", limit=2, wait=timedelta(seconds=60)) as lease:
                with guard:
                    inside += 1
                    most = max(most, inside)
                    tokens.append(lease.token)
                time.sleep(0.001)
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 2
    assert len(set(tokens)) == 12
