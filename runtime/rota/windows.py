"""What narrows a schedule: from when and until when it counts, what it leaves out, and how exactly it is kept."""

import hashlib
from collections.abc import Callable, Container
from datetime import date, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from rota.errors import ScheduleError
from rota.validators import aware_problem, duration_problem

Excluding = Container[date] | Callable[[datetime], bool]
"""Dates on which nothing runs, or what tells it of an occurrence."""

LOOKS = 2 * 366 * 24 * 60
"""How many instants in a row are looked at for one that runs: what excludes them all would have no end."""

LOOKS_BACK = 10 * 7 * 24 * 60
"""The same backwards, where each look takes ten times as long."""

MAX_JITTER = timedelta(hours=4)
"""The trigger of endpoints tries for 6 hours to have a run started."""
MAX_FLEXIBLE_WINDOW = timedelta(minutes=1440)
"""https://docs.aws.amazon.com/scheduler/latest/APIReference/API_FlexibleTimeWindow.html"""

_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)


class Window(Protocol):
    """What a schedule says of it."""

    @property
    def time_zone(self) -> str: ...
    @property
    def start(self) -> datetime | None: ...
    @property
    def end(self) -> datetime | None: ...
    @property
    def excluding(self) -> Excluding: ...
    @property
    def jitter(self) -> timedelta | None: ...
    @property
    def flexible_window(self) -> timedelta | None: ...


def frozen(excluding: Any) -> Any:
    """The dates as a set that stays as it is; what is no plain collection as it was given."""
    if isinstance(excluding, list | tuple | set) and all(type(each) is date for each in excluding):
        return frozenset(excluding)
    return excluding


def problems(window: Window) -> list[str]:
    """What is wrong with it."""
    start, end = window.start, window.end
    found = [
        None if start is None else aware_problem("start", start),
        None if end is None else aware_problem("end", end),
        _excluding_problem(window.excluding),
        None if window.jitter is None else duration_problem("jitter", window.jitter, least=_SECOND, most=MAX_JITTER),
        _flexible_problem(window.flexible_window),
    ]
    if start is not None and end is not None and not any(found[:2]) and start >= end:
        found.append(f"start must be before end; got {start.isoformat()} and {end.isoformat()}")
    return [problem for problem in found if problem]


def _flexible_problem(value: timedelta | None) -> str | None:
    if value is None:
        return None
    problem = duration_problem("flexible_window", value, least=_MINUTE, most=MAX_FLEXIBLE_WINDOW)
    return problem or (f"flexible_window must be whole minutes; got {value}" if value % _MINUTE else None)


def _excluding_problem(value: object) -> str | None:
    if callable(value) or isinstance(value, frozenset):
        return None
    expected = "excluding must hold dates, such as [date(2027, 1, 1)], or be a callable; got"
    if isinstance(value, list | tuple | set):
        stranger = next(each for each in value if type(each) is not date)
        return f"{expected} {stranger!r}"
    return None if isinstance(value, Container) and not isinstance(value, str | bytes) else f"{expected} {value!r}"


def unapplied_problem(window: Window) -> str | None:
    """What servers of another language alone would not apply: neither they nor AWS know of it."""
    idle = [name for name in ("start", "end", "jitter") if getattr(window, name) is not None]
    idle += ["excluding"] if window.excluding != frozenset() else []
    if not idle:
        return None
    return (
        f"its schedule has {' and '.join(idle)}, which the servers that claim its runs apply, and those of its target "
        "are of another language: leave it out and have them look at `scheduled_at`, or give the job a handler"
    )


def refusal(window: Window, moment: datetime) -> str | None:
    """Why an occurrence at this instant does not run, or None if it does.

    Raises `ScheduleError` where the user's calendar does.
    """
    if window.start is not None and moment < window.start:
        return f"before its start: it begins at {window.start.isoformat()}"
    if window.end is not None and moment >= window.end:
        return f"after its end: it ended at {window.end.isoformat()}"
    if window.excluding == frozenset():
        return None
    local = moment.astimezone(ZoneInfo(window.time_zone))
    if _excludes(window.excluding, local):
        return f"excluded: {local:%Y-%m-%d %H:%M} {window.time_zone}"
    return None


def _excludes(excluding: Excluding, local: datetime) -> bool:
    try:
        return bool(excluding(local)) if callable(excluding) else local.date() in excluding
    except Exception as error:
        raise ScheduleError(f"excluding {excluding!r} raised {type(error).__name__}: {error}") from error


def spread(jitter: timedelta | None, run: str) -> timedelta:
    """How long after its instant the run of this id starts: the same whoever asks, spread evenly over the jitter."""
    if jitter is None:
        return timedelta()
    part = int.from_bytes(hashlib.sha256(run.encode()).digest()[:8]) / 2**64
    return jitter * part
