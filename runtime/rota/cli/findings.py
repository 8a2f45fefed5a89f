"""What is wrong with a manifest beyond what its declarations refuse by themselves: problems, and warnings apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rota.argv import argv_text
from rota.cli.loading import users_code
from rota.cli.times import counts_from_deploy, spell_duration, spell_schedule
from rota.commands.programs import missing
from rota.errors import HandlerError
from rota.handlers import Handler, resolve
from rota.manifest import Job, Manifest
from rota.schedules import Cron
from rota.targets import Endpoint, EveryServer, Queue

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
        findings.warnings += [Finding(f"job {job.name!r}", warning) for warning in _endpoint_warnings(job)]
    for queue in manifest.queues:
        if warning := _queue_warning(queue):
            findings.warnings.append(Finding(f"queue {queue.name!r}", warning))
    return findings


def inspect_jobs(jobs: Iterable[Job[Any]]) -> Findings:
    """Import the handlers of `jobs` and fit each to its job, or look for the program of its command. Not of those that
    servers of other languages run."""
    findings = Findings()
    for job in jobs:
        if not job.handler and job.command is None:
            continue
        subject = f"job {job.name!r}"
        try:
            with users_code():
                handler = resolve(job)
        except HandlerError as error:
            findings.problems.append(Finding(subject, str(error).removeprefix(f"{subject}: ")))
            continue
        found = _handler_warnings(job, handler) if job.command is None else _command_warnings(job.command)
        findings.warnings += [Finding(subject, warning) for warning in found]
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


def _command_warnings(command: Sequence[str]) -> list[str]:
    # No problem: where this is asked, such as in CI, there may be less than on the servers.
    why = missing(command)
    return [f"command {argv_text(command)!r} could not be started here: {why}"] if why else []


def _schedule_warning(job: Job[Any], at: datetime) -> str | None:
    schedule = job.schedule
    if schedule is None or not job.enabled or counts_from_deploy(schedule) or schedule.next(at):
        return None
    return f"its schedule never fires again: {spell_schedule(schedule)}"


def _endpoint_warnings(job: Job[Any]) -> list[str]:
    warnings = [warning for endpoint in job.endpoints if (warning := _answer_warning(job, endpoint))]
    if strangers := [endpoint.name for endpoint in job.endpoints if not endpoint.ledger]:
        of = f"endpoint {', '.join(map(repr, strangers))}"
        if not job.idempotent:
            warnings.append(
                f"when nobody knows whether it ran, its run for {of} goes to the dead letters, for no ledger can tell; "
                "declare it idempotent=True if it does no harm to run it again"
            )
        elif job.timeout is None:
            warnings.append(
                f"it has no timeout, so when nobody knows whether it ran, its run for {of} is posted again while the "
                "first one may be running; give it a timeout that its servers keep"
            )
        if isinstance(job.schedule, Cron) and job.schedule.may_fire_twice and not job.idempotent:
            warnings.append(
                "two rules fire where both day fields of its schedule match, and without a ledger that is two runs at "
                f"{of}; declare it idempotent=True if that does no harm, or two jobs"
            )
        if job.lock or job.unique:
            warnings.append(
                f"its {'lock' if job.lock else 'unique key'} counts for nothing at {of}: no ledger holds it"
            )
    several = len(job.targets) > 1 or isinstance(job.target, EveryServer)
    lock = job.lock if several else None
    if lock is not None and lock.key is not None and lock.overlap != "wait" and lock.limit == 1:
        warnings.append(
            f"its lock {lock.key!r} is one for all its targets, so of the runs of an occurrence one starts and "
            f'lock.overlap={lock.overlap!r} befalls the others; overlap="wait" has them run one after another, and a '
            "lock without a key keeps each target's runs apart for itself"
        )
    return warnings


def _answer_warning(job: Job[Any], endpoint: Endpoint) -> str | None:
    """Whether its answers come only after the load balancer has given up."""
    from rota.endpoint.core import MARGIN

    longest = endpoint.idle_timeout - MARGIN
    if job.timeout is not None and job.timeout <= longest:
        return None
    has = "it has no timeout" if job.timeout is None else f"its timeout is {spell_duration(job.timeout)}"
    within = f"endpoint {endpoint.name!r} is to answer within {spell_duration(longest)}"
    if endpoint.ledger:
        return f"{has}, and {within}: it is answered 202 when it begins, and its outcome is asked for later"
    if (job.handler or job.command) and not job.idempotent:
        return (
            f"{has}, and {within}: no ledger could tell whether it runs, so the middleware does not start it and "
            "answers 503; give it a shorter timeout, the endpoint its ledger, or declare it idempotent=True"
        )
    return f"{has}, and {within}: unless its servers answer 202, what takes longer is an outcome that nobody knows"


def _queue_warning(queue: Queue) -> str | None:
    if queue.visibility_timeout <= LONG_WAIT:
        return None
    return (
        f"after a crash its runs wait {spell_duration(queue.visibility_timeout)} for another server. Workers extend "
        "visibility_timeout while a handler runs, so it need not cover the longest job"
    )
