"""What `Simulation` is given, looked at before anything runs."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from rota.manifest import Manifest
from rota.testing.simulation.handlers import Duration, duration_problem

Interval = tuple[datetime, datetime]


def span(start: datetime, end: datetime | None, days: float | None) -> Interval:
    """From when until when. Raises `ValueError` for what is no time, or none that passes."""
    if (end is None) == (days is None):
        raise ValueError(f"give either end or days; got end={end!r} and days={days!r}")
    begins = aware("start", start)
    if days is not None:
        if not 0 < days < math.inf:
            raise ValueError(f"days must be more than 0, for example days=31; got {days!r}")
        return begins, begins + timedelta(days=days)
    ends = aware("end", end)
    if ends <= begins:
        raise ValueError(f"end must be after start; got {ends.isoformat()} and {begins.isoformat()}")
    return begins, ends


def intervals(outages: Iterable[Interval]) -> list[Interval]:
    """The outages in UTC. Raises `ValueError` for one that ends before it begins."""
    found = [(aware("outages", down), aware("outages", up)) for down, up in outages]
    for down, up in found:
        if up <= down:
            raise ValueError(
                f"outages must be pairs, the earlier instant first; got ({down.isoformat()}, {up.isoformat()})"
            )
    return found


def aware(name: str, moment: object) -> datetime:
    """The instant in UTC. Raises `ValueError` for one without a time zone."""
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise ValueError(f"{name} needs a time zone, for example datetime(2026, 1, 1, tzinfo=UTC); got {moment!r}")
    return moment.astimezone(UTC)


def check_counts(**counts: int) -> None:
    """Raises `ValueError` for a number of servers, or of their runs, that is none."""
    for name, value in counts.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be at least 1; got {value!r}")


def check_jobs(
    manifest: Manifest, handlers: Mapping[str, Callable[..., Any]], durations: Mapping[str, Duration]
) -> None:
    """Raises `ValueError` for a name that is no job's, and for what is no handler or no duration."""
    for name, handler in handlers.items():
        check_name(manifest, name)
        if not callable(handler):
            raise ValueError(f"handlers[{name!r}] must be a function; got {handler!r}")  # noqa: TRY004 - as all here
    for name, takes in durations.items():
        check_name(manifest, name)
        if not callable(takes) and (problem := duration_problem(takes)):
            raise ValueError(f"durations[{name!r}] {problem}, or a function of the run that returns one")


def check_name(manifest: Manifest, name: str) -> None:
    """Raises `ValueError` for a name that is no job's."""
    if manifest.find(name) is None:
        names = [job.name for job in manifest.jobs]
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(repr, names)) or 'none'}"
        raise ValueError(f"manifest {manifest.name!r} has no job {name!r}; {hint}")
