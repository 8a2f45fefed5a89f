"""A job's schedule as EventBridge takes it: a rule or a schedule, its expressions, and the body of the message it
sends.

Both deliver the same run: a schedule writes the occurrence itself, a rule the time at which it fired, from which the
worker finds the occurrence in the manifest.
"""

from typing import Any

from rota.digests import payload_digest
from rota.envelope import Envelope
from rota.manifest import Job
from rota.occurrences import payload_of
from rota.schedules import Schedule

FIRED_AT = {"fired_at": "$.time"}
"""The input paths of a rule's transformer."""


def needs_scheduler(schedule: Schedule) -> bool:
    """Whether only EventBridge Scheduler can express it: a zone other than UTC, a single instant, or a `rate(...)`.

    A rule could take a rate, but its times would depend on when it was last touched, and a duplicate could not be told
    from the next occurrence.
    """
    crons = all(expression.startswith("cron(") for expression in schedule.aws_expressions())
    return schedule.time_zone != "UTC" or not crons


def rule_template(job: Job[Any]) -> str:
    """The `InputTemplate` of a rule.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    return _with(job, '"fired_at":<fired_at>')


def schedule_input(job: Job[Any]) -> str:
    """The `Input` of a schedule.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    """
    return _with(job, '"scheduled_at":"<aws.scheduler.scheduled-time>"')


def _with(job: Job[Any], instant: str) -> str:
    envelope = Envelope(job=job.name, payload=payload_of(job), digest=payload_digest(job.payload), post=job.post)
    body = envelope.encode()
    # In JSON these two stand in strings alone. Neither service can escape them itself, and each would take what stands
    # between them for a placeholder.
    escaped = body.replace("<", "\\u003c").replace(">", "\\u003e")
    return f"{escaped[:-1]},{instant}}}"
