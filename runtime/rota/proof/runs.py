"""The runs of a schedule in a stretch of time, as whole minutes: half a million of them fit, and are compared fast."""

from array import array
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from rota.proof.finding import Moment
from rota.schedules import Cron, Schedule

_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = _ZERO.toordinal()


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
