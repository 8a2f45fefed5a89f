"""What happens when a handler raises, as a user declares it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from rota.errors import ManifestError
from rota.failures import Failure, exception_name_problem
from rota.validators import count_problem, duration_problem

_ZERO, _DAY = timedelta(), timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How many attempts a run has, how long it waits between them, and for which exceptions.

    The wait before attempt n+1 is `backoff` doubled n-1 times, at most `max_backoff`, less a random share of up to
    `jitter`. A handler that knows better raises `GiveUp` or `RetryAfter`.

    Exceptions are given as classes, or as "module:Class" where the manifest must not import them; subclasses count.

    Raises `ManifestError` for a value outside its limits.
    """

    attempts: int = 3
    """Calls of the handler in all, from 1 (no retry) to 100."""
    backoff: timedelta = timedelta(seconds=10)
    """The first wait, from 0 to a day."""
    max_backoff: timedelta = timedelta(minutes=15)
    """The longest wait, up to a day."""
    jitter: float = 0.5
    """The share of a wait that chance may take off, from 0 (none) to 1, so that what failed together does not return
    together."""
    on: Sequence[type[BaseException] | str] = ()
    """Only these are tried again; every exception unless given."""
    give_up_on: Sequence[type[BaseException] | str] = ()
    """These are not tried again, whatever `on` says."""

    def __post_init__(self) -> None:
        problems = [
            count_problem("attempts", self.attempts, least=1, most=100),
            duration_problem("backoff", self.backoff, least=_ZERO, most=_DAY, whole_seconds=False),
            duration_problem("max_backoff", self.max_backoff, least=_ZERO, most=_DAY, whole_seconds=False),
            None
            if isinstance(self.jitter, int | float) and 0 <= self.jitter <= 1
            else f"jitter must be a number from 0 to 1; got {self.jitter!r}",
        ]
        for field in ("on", "give_up_on"):
            given = getattr(self, field)
            if isinstance(given, str) or not isinstance(given, Sequence):
                problems.append(f"{field} must be a list of exceptions; got {given!r}")
                continue
            object.__setattr__(self, field, tuple(given))
            problems += [f"{field}: {problem}" for entry in given if (problem := exception_name_problem(entry))]
        if found := [problem for problem in problems if problem]:
            raise ManifestError.of("Retry", found)

    def applies_to(self, failure: Failure) -> bool:
        """Whether an attempt that failed so is tried again, as far as the exception goes."""
        return not failure.matches(self.give_up_on) and (not self.on or failure.matches(self.on))

    def wait_after(self, attempt: int, *, chance: random.Random) -> timedelta:
        """How long to wait after `attempt` (counted from 1) has failed."""
        # In seconds: a timedelta overflows before the last of 100 attempts.
        wait = min(self.backoff.total_seconds() * 2.0 ** (attempt - 1), self.max_backoff.total_seconds())
        return timedelta(seconds=wait * (1 - self.jitter * chance.random()))
