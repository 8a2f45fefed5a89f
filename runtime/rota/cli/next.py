"""`rota next`: when jobs are due."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from rota.cli.loading import find_job, load_manifest
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestOption
from rota.cli.output import out, print_json, print_table
from rota.cli.times import FROM_DEPLOY, counts_from_deploy, iso, now, spell_duration, spell_instant, spell_schedule
from rota.manifest import Job

Occurrence = tuple[datetime, str, str]
"""When, the job's name, the schedule's zone."""


def _zone(name: str | None) -> str | None:
    try:
        return ZoneInfo(name).key if name else None
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        raise typer.BadParameter(f"{name!r} is not an IANA name such as Europe/Berlin") from None


def next_occurrences(
    job: Annotated[str | None, typer.Argument(metavar="JOB", help="One job; all unless given.")] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=1000, help="How many occurrences.")] = 5,
    zone: Annotated[
        str | None,
        typer.Option(callback=_zone, metavar="ZONE", help="Tell the times in this zone, not the schedule's."),
    ] = None,
    manifest: ManifestOption = DEFAULT_MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """Show the next occurrences, of one job or of all."""
    found, at = load_manifest(manifest), now()
    jobs = [find_job(found, job)] if job else [each for each in found.jobs if each.schedule]
    notes = {each.name: note for each in jobs if (note := _note(each, at))}
    due = list(islice(heapq.merge(*(_occurrences(each, at) for each in jobs)), count))
    if as_json:
        print_json(
            {
                "occurrences": [
                    {"job": name, "at": iso(moment), "local": _local(moment, zone or own), "zone": zone or own}
                    for moment, name, own in due
                ],
                "notes": [{"job": name, "note": note} for name, note in notes.items()],
            }
        )
        return
    if due:
        print_table(("job", "at", "zone", "in"), _rows(due, zone, at))
    for name, note in notes.items():
        out().print(f"{name}: {note}", style="dim")
    if not jobs:
        out().print("no job has a schedule")


def _rows(due: Sequence[Occurrence], zone: str | None, at: datetime) -> list[list[str]]:
    return [
        [name, spell_instant(moment, zone or own), zone or own, spell_duration(moment - at)]
        for moment, name, own in due
    ]


def _local(moment: datetime, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).isoformat()


def _occurrences(job: Job[Any], at: datetime) -> Iterator[Occurrence]:
    schedule = job.schedule
    if schedule is None or not job.enabled or counts_from_deploy(schedule):
        return
    moment = schedule.next(at)
    while moment is not None:
        yield moment, job.name, schedule.time_zone
        moment = schedule.next(moment)


def _note(job: Job[Any], at: datetime) -> str | None:
    """Why a job's occurrences are not listed, or None where they are."""
    schedule = job.schedule
    if schedule is None:
        return "has no schedule; it runs when it is enqueued"
    if not job.enabled:
        return f"{spell_schedule(schedule)}, not enabled"
    if counts_from_deploy(schedule):
        return f"{spell_schedule(schedule)}, {FROM_DEPLOY}: only AWS knows its occurrences"
    return None if schedule.next(at) else f"{spell_schedule(schedule)}, never again"
