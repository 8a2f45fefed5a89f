"""What will surprise, told before the deploy: a pure look at every occurrence of the next 400 days."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from rota.manifest import Job
from rota.proof.clocks import clock_findings
from rota.proof.ends import end_findings, unknown
from rota.proof.finding import KINDS, Finding, Kind, unaccepted
from rota.proof.gaps import gap_findings, unusual_gaps
from rota.proof.locks import collisions
from rota.schedules import Schedule
from rota.starts import Moment, Runs, counts_from_deploy, runs_of

__all__ = ["DAYS", "KINDS", "Finding", "Kind", "Moment", "prove", "unaccepted", "unproven", "unusual_gaps"]

DAYS = 400
"""How far the proof looks ahead unless told: a year, and what follows it."""


def unproven(job: Job[Any]) -> str | None:
    """Why the proof does not look at a job, or None where it does."""
    if job.schedule is None:
        return "no schedule"
    return None if job.enabled else "not enabled"


def prove(jobs: Sequence[Job[Any]], *, start: datetime, days: int = DAYS) -> list[Finding]:
    """All that may surprise of the schedules of these jobs, from `start` (aware) on for so many days; by kind, in the
    order of `KINDS`, and by job. What each kind is says `Finding`, which gaps are unusual says `unusual_gaps`.

    Jobs without a schedule, or with `enabled=False`, are not looked at; jobs without a lock collide with nothing.

    Raises `ScheduleError` where a schedule's `excluding` does, `ValueError` for a naive `start` and for fewer days than
    one.
    """
    if start.tzinfo is None:
        raise ValueError(f"start must be aware, such as datetime(2027, 1, 1, tzinfo=UTC); got {start!r}")
    if days < 1:
        raise ValueError(f"days must be 1 or more, such as {DAYS}; got {days!r}")
    end = start + timedelta(days=days)
    due = [job for job in jobs if unproven(job) is None]
    known = [job for job in due if not counts_from_deploy(job)]
    found = [unknown(job) for job in due if counts_from_deploy(job)]
    runs: dict[Schedule, Runs] = {}
    alike: dict[Schedule, list[Finding]] = {}
    for job in known:
        schedule = job.schedule
        if schedule is None:
            continue  # it is not due
        if schedule not in runs:
            runs[schedule] = own = runs_of(schedule, start, end)
            alike[schedule] = [
                *clock_findings(job, start, end),
                *gap_findings(job, start, end, own),
                *end_findings(job, start, end, own),
            ]
        found += [replace(finding, jobs=(job.name,)) for finding in alike[schedule]]
    found += collisions(known, runs)
    return sorted(found, key=lambda finding: KINDS.index(finding.kind))
