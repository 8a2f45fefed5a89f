"""What changes of clocks do to a schedule: times that are skipped, repeated, and gaps that are longer or shorter."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from rota.clock_changes import ClockChange, clock_changes
from rota.manifest import Job
from rota.proof.finding import MOST, Finding
from rota.proof.spelling import clock, span, times, told, utc
from rota.schedules import Cron
from rota.starts import Moment

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Crossing:
    """A schedule at one change of clocks."""

    change: ClockChange
    skipped: tuple[datetime, ...]
    """Times of the schedule that clocks do not show, naive."""
    repeated: tuple[Moment, ...]
    """Times of the schedule that clocks show twice; the first of each."""
    before: datetime | None
    after: datetime | None
    """The last run before the change, and the first one from it on, in UTC."""


def crossings(schedule: Cron, start: datetime, end: datetime) -> Iterator[Crossing]:
    """The schedule at each change of its zone's clocks, from `start` (excluded) to `end` (included). What does not run
    anyway, for its start, end or exclusions, is left out."""
    zone = ZoneInfo(schedule.time_zone)
    for change in clock_changes(schedule.time_zone, start, end):
        low, high = change.walls
        near = schedule.wall_times(change.at - abs(change.shift), change.at + abs(change.shift))
        found = [
            (wall, moment)
            for wall, moment in near
            if low <= wall < high and schedule.refusal(moment or wall.replace(tzinfo=zone)) is None
        ]
        yield Crossing(
            change,
            tuple(wall for wall, moment in found if moment is None),
            tuple(Moment(wall, moment) for wall, moment in found if moment is not None),
            schedule.latest(change.at - _INSTANT),
            schedule.next(change.at - _INSTANT),
        )


def clock_findings(job: Job[Any], start: datetime, end: datetime) -> Iterator[Finding]:
    """What the changes of clocks do to a job. Only where it has a cron, for no other schedule has a zone."""
    if not isinstance(job.schedule, Cron):
        return
    for crossing in crossings(job.schedule, start, end):
        for found in (_skipped(job, job.schedule, crossing), _repeated(job, job.schedule, crossing)):
            if found:
                yield found
        if not crossing.skipped and not crossing.repeated and (found := _shifted(job, job.schedule, crossing)):
            yield found


def _skipped(job: Job[Any], schedule: Cron, crossing: Crossing) -> Finding | None:
    if not crossing.skipped:
        return None
    low, high = crossing.change.walls
    zone, gap = schedule.time_zone, ""
    if crossing.before and crossing.after:
        length = crossing.after - crossing.before
        if length <= _HOUR and _every_hour(schedule, crossing.change):
            return None  # nobody waits for it longer than for any other
        gap = f"; {span(length)} from the run before to the next"
    return Finding(
        kind="skipped",
        jobs=(job.name,),
        zone=zone,
        moments=tuple(Moment(wall, crossing.change.at) for wall in crossing.skipped[:MOST]),
        count=len(crossing.skipped),
        what=f"{times(crossing.skipped)} {zone} skipped on {low:%a %Y-%m-%d}, for clocks go from {low:%H:%M} to "
        f"{high:%H:%M} at {utc(crossing.change.at)}{gap}",
        instead=_instead(schedule, crossing.change),
        change=crossing.change,
    )


def _repeated(job: Job[Any], schedule: Cron, crossing: Crossing) -> Finding | None:
    if not crossing.repeated:
        return None
    low, _ = crossing.change.walls
    zone, last = schedule.time_zone, crossing.repeated[-1]
    gap = f"; the next run is {span(crossing.after - last.at)} later" if crossing.after else ""
    many = len(crossing.repeated) > 1
    return Finding(
        kind="repeated",
        jobs=(job.name,),
        zone=zone,
        moments=crossing.repeated[:MOST],
        count=len(crossing.repeated),
        what=f"{times([moment.wall for moment in crossing.repeated])} {zone} shown twice on {low:%a %Y-%m-%d}: "
        f"{'each runs' if many else 'it runs'} once, at the first ({utc(crossing.repeated[0].at)}"
        f"{f' to {utc(last.at)}' if many else ''}){gap}",
        instead=_instead(schedule, crossing.change),
        change=crossing.change,
    )


def _shifted(job: Job[Any], schedule: Cron, crossing: Crossing) -> Finding | None:
    if not crossing.before or not crossing.after:
        return None
    zone = ZoneInfo(schedule.time_zone)
    first, second = (
        Moment(moment.astimezone(zone).replace(tzinfo=None), moment) for moment in (crossing.before, crossing.after)
    )
    real, shown = second.at - first.at, second.wall - first.wall
    if real == shown:
        return None
    return Finding(
        kind="shifted",
        jobs=(job.name,),
        zone=schedule.time_zone,
        moments=(first, second),
        count=1,
        what=f"{span(real)} from {clock(first.wall)} to {told(second, schedule.time_zone)}, "
        f"where clocks show {span(shown)}",
        instead='time_zone="UTC", if the time between runs matters more than what clocks show',
        change=crossing.change,
    )


def _every_hour(schedule: Cron, change: ClockChange) -> bool:
    """Whether it runs at least once an hour, all the day before the change."""
    start = change.at - _DAY
    day = [start, *schedule.between(start, change.at), change.at]
    return all(second - first <= _HOUR for first, second in pairwise(day))


def _instead(schedule: Cron, change: ClockChange) -> str:
    low, high = change.walls
    outside = "" if _every_hour(schedule, change) else f"a time outside {_inside(low, high)}, or "
    return f'{outside}time_zone="UTC"'


def _inside(low: datetime, high: datetime) -> str:
    return f"{low:%H:%M}-{high - timedelta(minutes=1):%H:%M}"


def skipped_gaps(schedule: Cron, start: datetime, end: datetime) -> frozenset[datetime]:
    """The runs, in UTC, after which a change of clocks skips one."""
    found = (crossing.before for crossing in crossings(schedule, start, end) if crossing.skipped)
    return frozenset(before.astimezone(UTC) for before in found if before)
