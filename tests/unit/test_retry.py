"""What is declared of retries: limits, waits, exceptions by class or name."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota import GiveUp, ManifestError, Retry, RetryAfter

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
EXPECTED = "an exception class, 'module:Class' or the name of a builtin exception is expected"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"attempts": 0}, "attempts must be a whole number from 1 to 100; got 0"),
        ({"attempts": 101}, "attempts must be a whole number from 1 to 100; got 101"),
        ({"backoff": -SECOND}, "backoff must be from 0:00:00 to 1 day, 0:00:00"),
        ({"backoff": 25 * HOUR}, "backoff must be from 0:00:00 to 1 day, 0:00:00; got 1 day, 1:00:00"),
        ({"max_backoff": 25 * HOUR}, "max_backoff must be from 0:00:00 to 1 day, 0:00:00; got 1 day, 1:00:00"),
        ({"jitter": 1.5}, "jitter must be a number from 0 to 1; got 1.5"),
        ({"jitter": float("nan")}, "jitter must be a number from 0 to 1; got nan"),
        ({"jitter": "half"}, "jitter must be a number from 0 to 1; got 'half'"),
        ({"on": "ValueError"}, "on must be a list of exceptions; got 'ValueError'"),
        ({"on": ValueError}, "on must be a list of exceptions; got <class 'ValueError'>"),
        ({"on": [int]}, f"on: {EXPECTED}; got <class 'int'>"),
        ({"on": ["int"]}, f"on: {EXPECTED}; got 'int'"),
        ({"give_up_on": ["shop.errors.NotFound"]}, f"give_up_on: {EXPECTED}; got 'shop.errors.NotFound'"),
        ({"give_up_on": ["shop.errors:"]}, f"give_up_on: {EXPECTED}; got 'shop.errors:'"),
        ({"give_up_on": [ValueError("x")]}, f"give_up_on: {EXPECTED}; got ValueError('x')"),
    ],
)
def test_limits_of_retries(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ManifestError) as caught:
        Retry(**arguments)
    assert str(caught.value).startswith(f"Retry: {said}")


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ManifestError) as caught:
        Retry(attempts=0, jitter=2, on=["x"], give_up_on=["y", "z"])
    assert len(caught.value.problems) == 5


@given(
    attempt=st.integers(1, 100),
    backoff=st.timedeltas(timedelta(), 24 * HOUR),
    most=st.timedeltas(timedelta(), 24 * HOUR),
    jitter=st.floats(0, 1),
    seed=st.integers(),
)
def test_waits_between_attempts(attempt: int, backoff: timedelta, most: timedelta, jitter: float, seed: int) -> None:
    retry = Retry(backoff=backoff, max_backoff=most, jitter=jitter)
    wait = retry.wait_after(attempt, chance=Random(seed))
    full = timedelta(seconds=min(backoff.total_seconds() * 2.0 ** (attempt - 1), most.total_seconds()))
    slack = timedelta(microseconds=2)
    assert full * (1 - jitter) - slack <= wait <= full + slack
    assert timedelta() <= wait <= 24 * HOUR


def test_waits_double_up_to_the_longest() -> None:
    retry = Retry(backoff=10 * SECOND, max_backoff=MINUTE, jitter=0)
    waits = [retry.wait_after(attempt, chance=Random(0)).total_seconds() for attempt in range(1, 6)]
    assert waits == [10, 20, 40, 60, 60]


def test_exceptions_are_given_as_classes_or_names_and_kept_as_a_tuple() -> None:
    retry = Retry(on=[OSError, "ValueError", "shop.errors:Orders.NotFound"], give_up_on=[KeyboardInterrupt])
    assert retry.on == (OSError, "ValueError", "shop.errors:Orders.NotFound")
    assert retry.give_up_on == (KeyboardInterrupt,)
    assert hash(retry) == hash(Retry(on=retry.on, give_up_on=retry.give_up_on))


@pytest.mark.parametrize(("wait", "kept"), [(0, 0), (1.5, 1.5), (MINUTE, 60), (7 * 24 * HOUR, 7 * 24 * 3600)])
def test_a_handler_says_how_long_to_wait(wait: Any, kept: float) -> None:
    assert RetryAfter(wait).wait.total_seconds() == kept


@pytest.mark.parametrize("wait", [-1, -SECOND, 7 * 24 * HOUR + SECOND, float("inf"), float("nan")])
def test_waits_that_no_queue_keeps_are_refused(wait: Any) -> None:
    with pytest.raises((ValueError, OverflowError)):
        RetryAfter(wait)


def test_words_to_rota_have_a_message_without_one_given() -> None:
    assert str(GiveUp()) == "The run is given up."
    assert str(GiveUp("no such order")) == "no such order"
    assert str(RetryAfter(5, "busy")) == "busy"


def test_what_failed_together_does_not_return_together() -> None:
    retry = Retry(backoff=100 * SECOND, jitter=0.5)
    waits = {retry.wait_after(1, chance=Random(seed)) for seed in range(50)}
    assert len(waits) == 50
    assert min(waits) < 60 * SECOND
    assert max(waits) > 90 * SECOND
