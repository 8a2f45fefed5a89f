"""`StoreLocks`: places that are renewed and released by those who have them."""

from datetime import UTC, datetime, timedelta

import pytest

from rota.locks.base import Place
from rota.locks.in_store import StoreLocks
from rota.locks.rules import Full
from rota.stores.memory import MemoryStore
from rota.testing import FakeClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=30)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def locks(clock: FakeClock) -> StoreLocks:
    return StoreLocks(MemoryStore(clock))


def taken(locks: StoreLocks, holder: str = "a") -> Place:
    place = locks.take("one", holder, due=NOW, lease=LEASE)
    assert isinstance(place, Place), place
    return place


def test_a_place_that_its_holder_has_taken_anew_is_renewed_with_its_new_token(
    locks: StoreLocks, clock: FakeClock
) -> None:
    first = taken(locks)
    second = taken(locks)
    assert second.token > first.token, "it may be a new attempt: its writes count, those of the one before do not"
    clock.advance(20)
    assert locks.renew(first, lease=LEASE) == second
    clock.advance(20)
    assert isinstance(locks.take("one", "b", due=NOW, lease=LEASE), Full)


def test_it_is_released_with_its_new_token_alone(locks: StoreLocks) -> None:
    """Or the late release of an attempt would free the place of the next."""
    first = taken(locks)
    second = taken(locks)
    locks.release(first)
    assert isinstance(locks.take("one", "b", due=NOW, lease=LEASE), Full)
    locks.release(second)
    taken(locks, "b")


def test_one_that_another_has_is_not_renewed(locks: StoreLocks, clock: FakeClock) -> None:
    first = taken(locks)
    clock.advance(35)
    taken(locks, "b")
    assert locks.renew(first, lease=LEASE) is None
