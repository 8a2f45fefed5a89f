"""Jobs whose occurrences cannot be told, or come to an end."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rota.manifest import Job
from rota.proof.finding import Finding
from rota.proof.spelling import span, told
from rota.schedules import Every, Once
from rota.starts import Moment

_MINUTE = timedelta(minutes=1)
_INSTANT = timedelta(microseconds=1)


def end_findings(job: Job[Any], start: datetime, end: datetime) -> Iterator[Finding]:
    """Whether the job's occurrences are unknown, are none from `start` to `end`, or end in that time. That a `Once` has
    one alone is no finding."""
    schedule = job.schedule
    if schedule is None:
        return
    if isinstance(schedule, Every) and not schedule.aligned:
        near = _nearest(schedule.interval)
        yield Finding(
            kind="unknown",
            jobs=(job.name,),
            zone="UTC",
            moments=(),
            count=1,
            what=f"{schedule}: it counts from the deploy, so only AWS knows its occurrences"
            + (", and whether they collide with others of its lock" if job.lock else ""),
            instead=f"Every(timedelta(minutes={near})), which divides the day, or a Cron",
        )
        return
    zone = ZoneInfo(schedule.time_zone)

    def moment(at: datetime) -> Moment:
        return Moment(at.astimezone(zone).replace(tzinfo=None), at)

    first = schedule.next(start - _INSTANT)
    if first is None or first >= end:
        later = "it never runs again" if first is None else f"its next run is {told(moment(first), schedule.time_zone)}"
        yield Finding(
            kind="never",
            jobs=(job.name,),
            zone=schedule.time_zone,
            moments=() if first is None else (moment(first),),
            count=1,
            what=f"{schedule}: no run in {span(end - start)}; {later}",
            instead="another schedule, or leave the job out" if first is None else "nothing, if it is that rare",
        )
    elif not isinstance(schedule, Once) and schedule.next(end - _INSTANT) is None:
        last = moment(schedule.latest(end) or first)
        why = f", for its end is {schedule.end.isoformat()}" if schedule.end else ""
        yield Finding(
            kind="ends",
            jobs=(job.name,),
            zone=schedule.time_zone,
            moments=(last,),
            count=1,
            what=f"{schedule}: the last run is {told(last, schedule.time_zone)}{why}",
            instead="a later end, or none",
        )


def _nearest(interval: timedelta) -> int:
    """The minutes nearest to this interval that divide the day."""
    dividing = [minutes for minutes in range(1, 24 * 60 + 1) if not 24 * 60 % minutes]
    return min(dividing, key=lambda minutes: abs(minutes * _MINUTE - interval))
