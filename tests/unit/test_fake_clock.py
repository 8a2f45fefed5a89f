"""The clock of tests."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from rota.clock import Clock, SystemClock
from rota.testing import FakeClock


def test_it_stands_still_until_it_is_moved() -> None:
    clock: Clock = FakeClock(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    assert clock.now() == clock.now() == datetime(2026, 1, 1, tzinfo=UTC)
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() == 0


def test_both_of_its_clocks_move_together() -> None:
    clock = FakeClock()
    start = clock.now()
    clock.advance(1.5)
    clock.advance(timedelta(minutes=1))
    assert clock.monotonic() == 61.5
    assert clock.now() - start == timedelta(seconds=61.5)


def test_it_does_not_go_back_and_has_a_zone() -> None:
    with pytest.raises(ValueError, match="a clock does not go back; got -1"):
        FakeClock().advance(-1)
    with pytest.raises(ValueError, match="at needs a time zone"):
        FakeClock(datetime(2026, 1, 1))


def test_the_real_one() -> None:
    clock: Clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()
