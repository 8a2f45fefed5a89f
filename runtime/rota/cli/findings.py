"""What is wrong with a manifest beyond what its declarations refuse by themselves: problems, and warnings apart."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rota.cli.loading import users_code
from rota.cli.times import counts_from_deploy, spell_duration, spell_schedule
from rota.errors import HandlerError
from rota.handlers import Handler, resolve
from rota.manifest import Job, Manifest, Queue

LONG_WAIT = timedelta(minutes=15)
"""From when on the time that a crash costs is worth a warning."""


@dataclass(frozen=True)
class Finding:
    """One thing found, and where."""

    subject: str
    message: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.message}"


@dataclass
class Findings:
    """All that was found. Problems keep the manifest from working; warnings do not."""

    problems: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)


def inspect_manifest(manifest: Manifest, at: datetime) -> Findings:
    """Look at everything."""
    findings = inspect_jobs(manifest.jobs)
    if not manifest.jobs:
        findings.warnings.append(Finding(f"manifest {manifest.name!r}", "it declares no job"))
    for job in manifest.jobs:
        if warning := _schedule_warning(job, at):
            findings.warnings.append(Finding(f"job {job.name!r}", warning))
    for queue in manifest.queues:
        if warning := _queue_warning(queue):
            findings.warnings.append(Finding(f"queue {queue.name!r}", warning))
    return findings


def inspect_jobs(jobs: Iterable[Job[Any]]) -> Findings:
    """Import the handlers of `jobs`, and fit each to its job."""
    findings = Findings()
    for job in jobs:
        subject = f"job {job.name!r}"
        try:
            with users_code():
                handler = resolve(job)
        except HandlerError as error:
            findings.problems.append(Finding(subject, str(error).removeprefix(f"{subject}: ")))
            continue
        findings.warnings += [Finding(subject, warning) for warning in _handler_warnings(job, handler)]
    return findings


def _handler_warnings(job: Job[Any], handler: Handler) -> list[str]:
    warnings = []
    if job.payload and not handler.payload_parameter:
        warnings.append(f"handler {job.handler!r} takes no payload, and the job declares {job.payload.__name__}")
    if job.timeout and not handler.is_async and not handler.run_parameter:
        warnings.append(
            f"its timeout of {spell_duration(job.timeout)} stops nothing: a thread cannot be killed. Let handler "
            f"{job.handler!r} take `run` and return when run.stop_requested, or make it async"
        )
    return warnings


def _schedule_warning(job: Job[Any], at: datetime) -> str | None:
    schedule = job.schedule
    if schedule is None or not job.enabled or counts_from_deploy(schedule) or schedule.next(at):
        return None
    return f"its schedule never fires again: {spell_schedule(schedule)}"


def _queue_warning(queue: Queue) -> str | None:
    if queue.visibility_timeout <= LONG_WAIT:
        return None
    return (
        f"after a crash its runs wait {spell_duration(queue.visibility_timeout)} for another server. Workers extend "
        "visibility_timeout while a handler runs, so it need not cover the longest job"
    )
