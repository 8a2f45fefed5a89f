"""The manifest of `make scale`: a report for each of many tenants, each at a time of its own.

Generated, where a team would write it by hand; `SCALE_EDITED` stands for the pull request that adds one job, removes
one and changes one.
"""

import os

from rota import Cron, Job, Manifest, Queue

JOBS = int(os.environ.get("SCALE_JOBS", "2000"))
SHARDS = int(os.environ.get("SCALE_SHARDS", "32"))
EDITED = "SCALE_EDITED" in os.environ

ADDED, REMOVED, CHANGED = "report-new-tenant", "report-0007", "report-0042"

reports = Queue(name="reports")


def report(name: str, minute: int, hour: int) -> Job[None]:
    """A report, each morning of Berlin."""
    return Job(
        name=name,
        command=["./bin/report", name],
        target=reports,
        schedule=Cron(f"{minute} {hour} * * *", time_zone="Europe/Berlin"),
    )


def jobs(count: int, *, edited: bool) -> list[Job[None]]:
    """So many; once edited, as many others are as before."""
    found = {f"report-{number:04}": (number % 60, number // 60 % 6) for number in range(count)}
    if edited:
        del found[REMOVED]
        found |= {ADDED: (30, 5), CHANGED: (0, 7)}
    return [report(name, minute, hour) for name, (minute, hour) in found.items()]


manifest = Manifest(name="scale", jobs=jobs(JOBS, edited=EDITED))
