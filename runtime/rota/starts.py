"""When runs start, in whole minutes: half a million of them fit in memory, and are compared fast. Pure."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from rota.clock_changes import clock_changes
from rota.envelope import instant_text, occurrence_run
from rota.manifest import Job
from rota.schedules import Cron, Every, Schedule
from rota.windows import spread

_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = _ZERO.toordinal()
_MINUTE = timedelta(minutes=1)


class Moment(NamedTuple):
    """An instant, as clocks tell it and in UTC."""

    wall: datetime
    """What clocks show in the schedule's zone; without a zone."""
    at: datetime
    """The same in UTC; of a time that clocks never show, the instant at which they are changed."""


class Runs(NamedTuple):
    """When a schedule runs, in order. Minutes since 1970."""

    walls: "array[int]"
    """What clocks show in the schedule's zone."""
    instants: "array[int]"
    """The same in UTC."""

    def moment(self, place: int) -> Moment:
        """One of them."""
        return Moment(datetime_of(self.walls[place]).replace(tzinfo=None), datetime_of(self.instants[place]))


def datetime_of(minute: int) -> datetime:
    """The instant of a minute since 1970, in UTC."""
    return _ZERO + timedelta(minutes=minute)


def minute_of(moment: datetime) -> int:
    """What clocks show, or an instant in UTC, in minutes since 1970."""
    return (moment.toordinal() - _FIRST_DAY) * 1440 + moment.hour * 60 + moment.minute


def counts_from_deploy(job: Job[Any]) -> bool:
    """Whether only AWS knows its occurrences."""
    return isinstance(job.schedule, Every) and not job.schedule.aligned


def runs_of(schedule: Schedule, start: datetime, end: datetime) -> Runs:
    """The runs from `start` (included) to `end` (excluded). Raises `ScheduleError` where its `excluding` does."""
    walls, instants = array("i"), array("i")
    if not isinstance(schedule, Cron):
        walls.extend(minute_of(moment) for moment in schedule.between(start, end))
        return Runs(walls, walls)
    for wall, moment in _fired(schedule, start, end):
        walls.append(minute_of(wall))
        instants.append(minute_of(moment))
    return Runs(walls, instants)


def _fired(schedule: Cron, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """What runs, told in its zone too. To ask the zone for each instant anew would take as long again."""
    fired = ((wall, moment) for wall, moment in schedule.wall_times(start, end) if moment is not None)
    is_whole = schedule.start is None and schedule.end is None and schedule.excluding == frozenset()
    return fired if is_whole else ((wall, at) for wall, at in fired if schedule.refusal(at) is None)


def starts_of(job: Job[Any], runs: Runs) -> "array[int]":
    """The minutes since 1970, in UTC, at which these runs of a job start: the jitter of each follows from its id. What
    a flexible window does only AWS knows."""
    jitter = job.schedule.jitter if job.schedule else None
    if jitter is None:
        return runs.instants
    return array(
        "i",
        sorted(
            minute + spread(jitter, occurrence_run(job.name, _instant_text(minute))) // _MINUTE
            for minute in runs.instants
        ),
    )


@lru_cache(maxsize=1 << 17)  # 400 days of every five minutes: jobs that are due together ask for the same
def _instant_text(minute: int) -> str:
    return instant_text(datetime_of(minute))


def minutes_of_day(instants: "array[int]", zone: str) -> "array[int]":
    """What clocks show in `zone` at these minutes since 1970, which are in order: minutes since midnight."""
    if not instants:
        return instants
    first, last = datetime_of(instants[0]), datetime_of(instants[-1])
    changes = list(clock_changes(zone, first, last))
    offsets = [first.astimezone(ZoneInfo(zone)).utcoffset() or timedelta(), *(change.after for change in changes)]
    ends = [0, *(bisect_left(instants, minute_of(change.at)) for change in changes), len(instants)]
    found = array("i")
    for (low, high), offset in zip(pairwise(ends), offsets, strict=True):
        shift = offset // _MINUTE
        found.extend((minute + shift) % 1440 for minute in instants[low:high])
    return found
