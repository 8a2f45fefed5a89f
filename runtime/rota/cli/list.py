"""`rota list`: what the manifest declares."""

from datetime import datetime
from typing import Any

from rota.argv import argv_text
from rota.cli.loading import load_manifest
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestArgument
from rota.cli.output import out, print_json, print_table
from rota.cli.times import counts_from_deploy, iso, now, spell_next, spell_schedule
from rota.manifest import Job

COLUMNS = ("job", "target", "schedule", "zone", "next", "enabled", "handler", "description")


def list_jobs(manifest: ManifestArgument = DEFAULT_MANIFEST, as_json: JsonOption = False) -> None:
    """List the jobs, with their targets, schedules and next occurrences."""
    found, at = load_manifest(manifest), now()
    if as_json:
        print_json({"manifest": found.name, "jobs": [_record(job, at) for job in found.jobs]})
    elif found.jobs:
        print_table(COLUMNS, [_row(job, at) for job in found.jobs])
    else:
        out().print(f"manifest {found.name!r} declares no job")


def _row(job: Job[Any], at: datetime) -> list[str]:
    schedule = job.schedule
    return [
        job.name,
        ", ".join(target.name for target in job.targets),
        spell_schedule(schedule) if schedule else "",
        schedule.time_zone if schedule else "",
        spell_next(schedule, at) if schedule and job.enabled else "",
        "yes" if job.enabled else "no",
        job.handler or " ".join(argv_text(job.command or ()).split()),  # a script may have lines
        job.description,
    ]


def _record(job: Job[Any], at: datetime) -> dict[str, Any]:
    schedule = job.schedule
    known = schedule and job.enabled and not counts_from_deploy(schedule)
    moment = schedule.next(at) if schedule and known else None
    return {
        "job": job.name,
        "targets": [target.name for target in job.targets],
        "schedule": spell_schedule(schedule) if schedule else None,
        "zone": schedule.time_zone if schedule else None,
        "next": iso(moment) if moment else None,
        "handler": job.handler or None,
        "command": list(job.command) if job.command else None,
        "enabled": job.enabled,
        "description": job.description,
    }
