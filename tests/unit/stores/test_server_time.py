"""The server's time, learnt from headers that are honest, a second coarse, and as late as they like."""

from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.errors import LedgerError
from rota.leases import MARGIN
from rota.stores.dynamodb import CLOSE, ServerTime
from rota.testing import FakeClock

SERVER = datetime(2026, 11, 21, tzinfo=UTC).timestamp()


class Server:
    """Its clock, `ahead` of the monotonic one of the machine that asks."""

    def __init__(self, clock: FakeClock, ahead: float) -> None:
        self.clock, self.ahead = clock, SERVER + ahead

    def now(self) -> float:
        return self.ahead + self.clock.monotonic()

    def answer(self, time: ServerTime, there: float, back: float) -> None:
        """A request that takes `there` seconds to the header, and `back` from it."""
        asked_at = self.clock.monotonic()
        self.clock.advance(there)
        date = formatdate(int(self.now()), usegmt=True)
        self.clock.advance(back)
        time.learn(date, asked_at)


seconds = st.floats(0, 100, allow_nan=False).map(lambda value: round(value, 3))
quick = st.floats(0, 0.5, allow_nan=False).map(lambda value: round(value, 3))


@given(ahead=seconds, answers=st.lists(st.tuples(seconds, st.one_of(quick, seconds), st.one_of(quick, seconds))))
def test_however_long_answers_take_the_time_told_is_close_or_none_is_told(
    ahead: float, answers: list[tuple[float, float, float]]
) -> None:
    clock = FakeClock()
    server, time = Server(clock, ahead), ServerTime(clock)
    quickest = float("inf")
    for pause, there, back in answers:
        clock.advance(pause)
        server.answer(time, there, back)
        quickest = min(quickest, there + back)
        if time.known:
            # Half a second for the header's coarseness, half of the time that the answer took.
            assert abs(time.now() - server.now()) <= min(CLOSE / 2, (1 + quickest) / 2) + 0.001
        else:
            assert quickest > CLOSE - 1
            with pytest.raises(LedgerError, match="answers too slowly"):
                time.now()


@given(ahead=seconds, answers=st.lists(st.tuples(seconds, quick, quick), min_size=1))
def test_with_answers_within_a_second_it_is_never_more_than_a_second_off(
    ahead: float, answers: list[tuple[float, float, float]]
) -> None:
    clock = FakeClock()
    server, time = Server(clock, ahead), ServerTime(clock)
    for pause, there, back in answers:
        clock.advance(pause)
        server.answer(time, there, back)
        assert abs(time.now() - server.now()) <= 1.001


@given(jump=st.floats(-100_000, 100_000), back=quick)
def test_a_clock_that_jumps_is_followed_with_the_next_answer(jump: float, back: float) -> None:
    clock = FakeClock()
    server, time = Server(clock, 0), ServerTime(clock)
    for _ in range(20):
        clock.advance(0.93)
        server.answer(time, 0.01, 0.01)
    server.ahead += jump
    server.answer(time, 0, back)
    assert abs(time.now() - server.now()) <= 1 + back + 0.001


def test_answers_narrow_it_down_below_the_header_s_coarseness() -> None:
    clock = FakeClock()
    server, time = Server(clock, 0.4), ServerTime(clock)
    for _ in range(100):
        clock.advance(0.93)
        server.answer(time, 0.005, 0.005)
    assert abs(time.now() - server.now()) < 0.05


def test_two_servers_differ_by_less_than_the_margin_of_leases() -> None:
    assert MARGIN.total_seconds() > 2 * CLOSE / 2


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_a_header_that_is_none_teaches_nothing(date: str | None) -> None:
    time = ServerTime(FakeClock())
    time.learn(date, 0.0)
    assert not time.known
    with pytest.raises(LedgerError, match="have no Date header"):
        time.now()
