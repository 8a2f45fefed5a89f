"""How long leases last."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.leases import LONGEST, MARGIN, SHORTEST, lease_of


@pytest.mark.parametrize(("visibility", "lease"), [(1, 15), (25, 15), (26, 16), (30, 20), (60, 50), (43_200, 50)])
def test_a_lease_is_ten_seconds_shorter_than_the_visibility_within_its_limits(visibility: int, lease: int) -> None:
    assert lease_of(timedelta(seconds=visibility)) == timedelta(seconds=lease)


@given(st.integers(20, 43_200).map(lambda seconds: timedelta(seconds=seconds)))
def test_what_a_crash_leaves_can_be_taken_over_when_its_message_returns(visibility: timedelta) -> None:
    assert lease_of(visibility) + MARGIN <= visibility


def test_the_shortest_lease_is_renewed_before_its_holder_must_stop() -> None:
    """Renewed after a third, and stopped `MARGIN` before its end."""
    assert SHORTEST / 3 < SHORTEST - MARGIN
    assert SHORTEST < LONGEST
