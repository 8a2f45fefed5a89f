"""Threads that take turns: one at a time, all of them to their end."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from rota.run import Stop
from rota.testing.simulation.timeline import Timeline


@pytest.fixture
def restless() -> Iterator[None]:
    """The interpreter changes threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_whoever_ends_it_all_others_end_too() -> None:
    for _ in range(500):
        play_with_threads()


def play_with_threads() -> None:
    turns: list[int] = []

    def turn() -> bool:
        turns.append(threading.get_ident())
        if len(turns) < 8:
            timeline.park(float(len(turns)), Stop())
        elif timeline.parked:
            timeline.release(timeline.parked[0])
        return len(turns) < 30

    timeline = Timeline(turn)
    timeline.play()
    assert len(turns) >= 30
    assert len(set(turns)) == 8
    assert timeline.parked == []


def test_what_a_turn_raises_in_another_thread_is_raised_by_play() -> None:
    turns = iter(range(10))

    def turn() -> bool:
        if next(turns) == 0:
            timeline.park(1, Stop())
            return True
        raise KeyError("in the second thread")

    timeline = Timeline(turn)
    with pytest.raises(KeyError, match="in the second thread"):
        timeline.play()


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Whoever started the tests, in the background say, may have had Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_it_while_another_thread_plays() -> None:
    turns: list[int] = []

    def turn() -> bool:
        turns.append(threading.get_ident())
        if len(turns) == 1:
            with suppress(KeyboardInterrupt):  # as a runner does: whatever a handler raises fails its run alone
                timeline.park(1, Stop())
        elif len(turns) == 2:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        else:
            time.sleep(0.001)
        return len(turns) < 10_000

    timeline = Timeline(turn)
    with pytest.raises(KeyboardInterrupt):
        timeline.play()
    for thread in threading.enumerate():
        if thread.name == "rota-simulation":
            thread.join(5)
            assert not thread.is_alive()
