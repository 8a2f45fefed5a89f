"""A job's schedule as EventBridge takes it: a rule or a schedule, its expressions, and the body of the message it
sends.

Both deliver the same run: a schedule writes the occurrence itself, a rule the time at which it fired, from which the
worker finds the occurrence in the manifest.
"""

import json
from collections.abc import Sequence
from typing import Any

from rota.digests import payload_digest
from rota.envelope import VERSION, Envelope
from rota.manifest import Job
from rota.occurrences import payload_of

FIRED_AT = {"fired_at": "$.time"}
"""The input paths of a rule's transformer."""


def rule_template(jobs: Sequence[Job[Any]]) -> str:
    """The `InputTemplate` of a rule that makes these jobs due.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    return _with(jobs, '"fired_at":<fired_at>')


def schedule_input(jobs: Sequence[Job[Any]]) -> str:
    """The `Input` of a schedule that makes these jobs due.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    """
    return _with(jobs, '"scheduled_at":"<aws.scheduler.scheduled-time>"')


def _with(jobs: Sequence[Job[Any]], instant: str) -> str:
    body = _body(jobs[0]) if len(jobs) == 1 else _together([json.loads(_body(job)) for job in jobs])
    # In JSON these two stand in strings alone. Neither service can escape them itself, and each would take what stands
    # between them for a placeholder.
    escaped = body.replace("<", "\\u003c").replace(">", "\\u003e")
    return f"{escaped[:-1]},{instant}}}"


def _body(job: Job[Any]) -> str:
    envelope = Envelope(job=job.name, payload=payload_of(job), digest=payload_digest(job.payload), post=job.post)
    return envelope.encode()


def _together(bodies: Sequence[dict[str, Any]]) -> str:
    """One message of several: what the first one says of posting stands for all that say the same. The trigger makes a
    message of each again."""
    shared = bodies[0]["post"]
    jobs: list[str | dict[str, Any]] = []
    for body in bodies:
        own = {name: value for name, value in body.items() if name != "rota" and (name, value) != ("post", shared)}
        jobs.append(body["job"] if set(own) == {"job"} else own)
    return json.dumps({"rota": VERSION, "jobs": jobs, "post": shared}, separators=(",", ":"))
