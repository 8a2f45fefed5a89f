"""Providers of users, whatever they raise."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rota.errors import LedgerError
from rota.locks.base import Foreign, Place
from rota.locks.in_store import StoreLocks
from rota.stores.memory import MemoryStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=30)
PLACE = Place(key="one", holder="a", token=1)


class Broken:
    """One whose service is gone."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def take(self, *_: Any, **__: Any) -> Place:
        raise self.error

    def renew(self, *_: Any, **__: Any) -> Place | None:
        raise self.error

    def release(self, *_: Any) -> None:
        raise self.error


ASKED: dict[str, Callable[[Foreign], object]] = {
    "take": lambda locks: locks.take("one", "a", due=NOW, lease=LEASE),
    "renew": lambda locks: locks.renew(PLACE, lease=LEASE),
    "release": lambda locks: locks.release(PLACE),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
def test_whatever_a_provider_raises_counts_as_no_answer(ask: Callable[[Foreign], object]) -> None:
    gone = ConnectionResetError("redis is gone")
    with pytest.raises(LedgerError, match=r"^lock 'one': its provider raised ConnectionResetError: redis") as refused:
        ask(Foreign(Broken(gone)))
    assert refused.value.__cause__ is gone
    known = LedgerError("no answer")
    with pytest.raises(LedgerError) as passed:
        ask(Foreign(Broken(known)))
    assert passed.value is known


def test_what_a_provider_answers_is_passed_on() -> None:
    real = StoreLocks(MemoryStore())
    locks = Foreign(real)
    place = locks.take("one", "a", due=NOW, lease=LEASE, limit=2, overlap="wait")
    assert isinstance(place, Place)
    assert locks.renew(place, lease=LEASE) == place
    locks.release(place)
    assert locks.renew(place, lease=LEASE) is None
