"""Jobs whose occurrences cannot be told, or come to an end."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rota.manifest import Job
from rota.proof.finding import Finding
from rota.proof.spelling import span, told
from rota.schedules import Every, Once, Schedule
from rota.starts import Moment, Runs

_MINUTE = timedelta(minutes=1)
_INSTANT = timedelta(microseconds=1)


def unknown(job: Job[Any]) -> Finding:
    """That of a job whose occurrences only AWS knows: an interval that counts from the deploy."""
    schedule = job.schedule
    instead = "a Cron"
    if isinstance(schedule, Every):
        instead = f"Every(timedelta(minutes={_nearest(schedule.interval)})), which divides the day, or a Cron"
    return Finding(
        kind="unknown",
        jobs=(job.name,),
        zone="UTC",
        moments=(),
        count=1,
        what=f"{schedule}: it counts from the deploy, so only AWS knows its occurrences"
        + (", and whether they collide with others of its lock" if job.lock else ""),
        instead=instead,
    )


def end_findings(job: Job[Any], start: datetime, end: datetime, runs: Runs) -> Iterator[Finding]:
    """Whether the job's runs from `start` to `end` are none, or the last ones. That a `Once` has one alone is no
    finding."""
    schedule = job.schedule
    if schedule is None:
        return
    if not runs.instants:
        yield _never(job, schedule, start, end)
    elif not isinstance(schedule, Once) and schedule.next(end - _INSTANT) is None:
        last = runs.moment(-1)
        why = f", for its end is {schedule.end.isoformat()}" if schedule.end else ""
        yield Finding(
            kind="ends",
            jobs=(job.name,),
            zone=schedule.time_zone,
            moments=(last,),
            count=1,
            what=f"{schedule}: the last run is {told(last, schedule.time_zone)}{why}",
            instead="a later end, or none" if schedule.end else "years to come, or *",
        )


def _never(job: Job[Any], schedule: Schedule, start: datetime, end: datetime) -> Finding:
    moments: tuple[Moment, ...] = ()
    then, instead = "it never runs again", "another schedule, or leave the job out"
    if (first := schedule.next(start - _INSTANT)) is not None:
        moments = (Moment(first.astimezone(ZoneInfo(schedule.time_zone)).replace(tzinfo=None), first),)
        then, instead = f"its next run is {told(moments[0], schedule.time_zone)}", "nothing, if it is that rare"
    return Finding(
        kind="never",
        jobs=(job.name,),
        zone=schedule.time_zone,
        moments=moments,
        count=1,
        what=f"{schedule}: no run in {span(end - start)}; {then}",
        instead=instead,
    )


def _nearest(interval: timedelta) -> int:
    """The minutes nearest to this interval that divide the day."""
    dividing = [minutes for minutes in range(1, 24 * 60 + 1) if not 24 * 60 % minutes]
    return min(dividing, key=lambda minutes: abs(minutes * _MINUTE - interval))
