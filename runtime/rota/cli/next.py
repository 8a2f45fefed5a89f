"""`rota next`: when jobs are due."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

import typer

from rota.cli.loading import find_job, load_manifest
from rota.cli.moments import read_day, read_zone
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestOption
from rota.cli.output import out, print_json, print_table
from rota.cli.times import FROM_DEPLOY, counts_from_deploy, iso, now, spell_duration, spell_instant, spell_schedule
from rota.envelope import Envelope
from rota.manifest import Job
from rota.schedules import Schedule
from rota.windows import spread

COUNT, MOST = 5, 1000
_INSTANT = timedelta(microseconds=1)


class Occurrence(NamedTuple):
    """One of them; the first is sorted first."""

    at: datetime
    job: str
    zone: str
    """The schedule's."""
    note: str
    """How its start differs from its instant, if it does."""


def next_occurrences(
    job: Annotated[str | None, typer.Argument(metavar="JOB", help="One job; all unless given.")] = None,
    *,
    count: Annotated[
        int | None,
        typer.Option("-n", "--count", min=1, max=MOST, help=f"How many; {COUNT} unless given, {MOST} with --until."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="From this day or instant on, not from now.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Until this day or instant, excluded.")] = None,
    zone: Annotated[
        str | None,
        typer.Option(callback=read_zone, metavar="ZONE", help="Tell the times in this zone, not the schedule's."),
    ] = None,
    manifest: ManifestOption = DEFAULT_MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """Show the next occurrences, of one job or of all; without those that a schedule excludes.

    Days begin in --zone, or in UTC.
    """
    found, present = load_manifest(manifest), now()
    first, last = read_day("--from", start, zone or "UTC"), read_day("--until", until, zone or "UTC")
    if last and last <= (first or present):
        raise typer.BadParameter(f"--until {until} is not after {iso(first or present)}, where it begins")
    after = first - _INSTANT if first else present
    jobs = [find_job(found, job)] if job else [each for each in found.jobs if each.schedule]
    notes = {each.name: note for each in jobs if (note := _note(each, after))}
    coming: Iterator[Occurrence] = heapq.merge(*(_occurrences(each, after) for each in jobs))
    if last:
        coming = takewhile(lambda one: one.at < last, coming)
    due = list(islice(coming, count or (MOST if last else COUNT)))
    if as_json:
        print_json(
            {
                "occurrences": [_record(one, zone or one.zone) for one in due],
                "notes": [{"job": name, "note": note} for name, note in notes.items()],
            }
        )
        return
    if due:
        print_table(("job", "at", "zone", "in", "note"), _rows(due, zone, present))
    for name, note in notes.items():
        out().print(f"{name}: {note}", style="dim")
    if not jobs:
        out().print("no job has a schedule")
    elif not due and not notes:
        out().print("nothing is due in that time")


def _rows(due: Sequence[Occurrence], zone: str | None, present: datetime) -> list[list[str]]:
    return [
        [one.job, spell_instant(one.at, zone or one.zone), zone or one.zone, _wait(one.at - present), one.note]
        for one in due
    ]


def _wait(duration: timedelta) -> str:
    return spell_duration(duration) if duration >= timedelta() else f"{spell_duration(-duration)} ago"


def _record(one: Occurrence, zone: str) -> dict[str, str]:
    local = one.at.astimezone(ZoneInfo(zone)).isoformat()
    told = {"job": one.job, "at": iso(one.at), "local": local, "zone": zone}
    return told | ({"note": one.note} if one.note else {})


def _occurrences(job: Job[Any], after: datetime) -> Iterator[Occurrence]:
    schedule = job.schedule
    if schedule is None or not job.enabled or counts_from_deploy(schedule):
        return
    moment = schedule.next(after)
    while moment is not None:
        yield Occurrence(moment, job.name, schedule.time_zone, _spread(job, schedule, moment))
        moment = schedule.next(moment)


def _spread(job: Job[Any], schedule: Schedule, moment: datetime) -> str:
    """How much later it starts: its jitter follows from the run's id; what a flexible window does only AWS knows."""
    told = []
    if schedule.jitter is not None:
        run = Envelope(job=job.name).for_occurrence(moment).run or ""
        told.append(f"starts {spell_duration(spread(schedule.jitter, run))} later, by its jitter")
    if schedule.flexible_window is not None:
        told.append(f"delivered up to {spell_duration(schedule.flexible_window)} later, by its flexible window")
    return "; ".join(told)


def _note(job: Job[Any], after: datetime) -> str | None:
    """Why a job's occurrences are not listed, or None where they are."""
    schedule = job.schedule
    if schedule is None:
        return "has no schedule; it runs when it is enqueued"
    if not job.enabled:
        return f"{spell_schedule(schedule)}, not enabled"
    if counts_from_deploy(schedule):
        return f"{spell_schedule(schedule)}, {FROM_DEPLOY}: only AWS knows its occurrences"
    return None if schedule.next(after) else f"{spell_schedule(schedule)}, never again"
