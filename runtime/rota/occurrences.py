"""What an occurrence of a job is: its instant, from what a schedule or a rule wrote, and its payload."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from rota import payloads
from rota.envelope import Envelope
from rota.errors import ScheduleError
from rota.manifest import Job

PRECISION = timedelta(minutes=2)
"""How late a rule may say that it has fired. EventBridge's precision is a minute.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html"""


def identified(envelope: Envelope, job: Job[Any] | None) -> Envelope:
    """The message with the run id that follows from its occurrence, if it is one: from what a schedule wrote, or for a
    rule from the job's latest instant not after it fired. Only who knows the job can tell that: the trigger writes the
    minute in which the rule fired, and the id of that, for servers that do not know better."""
    fired_at = envelope.fired_at
    if fired_at is None or job is None:
        if envelope.scheduled_at is None:
            return envelope
        # Both instants stay: who knows the job comes later, perhaps.
        return replace(envelope.for_occurrence(envelope.scheduled_at), fired_at=fired_at)
    if envelope.scheduled_at is not None:
        guess = replace(envelope, run=None).for_occurrence(envelope.scheduled_at).run
        envelope = replace(envelope, scheduled_at=None, run=None if envelope.run == guess else envelope.run)
    try:
        found = job.schedule.fired_by(fired_at) if job.schedule else None
    except ScheduleError:  # it counts from the deploy now
        found = None
    if found is None or fired_at - found > PRECISION:
        # The rule knows another schedule than this server does. Its own minute is the occurrence then: that of an
        # instant long past would be taken for one that has run.
        found = fired_at.replace(second=0, microsecond=0)
    return envelope.for_occurrence(found)


def payload_of(job: Job[Any]) -> Any:
    """The payload of a job's occurrences, as a JSON value; None for none.

    Raises `PayloadError` for an input that does not fit.
    """
    if job.payload is None:
        return None
    if job.input is None:
        # The defaults are filled in by the worker: made here, a `default_factory` would freeze the time of the deploy.
        return {}
    return payloads.encode(job.payload, job.input)
