"""What an occurrence of a job is: its instant, from what a schedule or a rule wrote, and its payload."""

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
    rule from the job's latest instant not after it fired. Only who knows the job can tell that."""
    if envelope.scheduled_at is not None:
        return envelope.for_occurrence(envelope.scheduled_at)
    if envelope.fired_at is None or job is None:
        return envelope
    try:
        found = job.schedule.latest(envelope.fired_at) if job.schedule else None
    except ScheduleError:  # it counts from the deploy now
        found = None
    if found is None or envelope.fired_at - found > PRECISION:
        # The rule knows another schedule than this server does. Its own minute is the occurrence then: that of an
        # instant long past would be taken for one that has run.
        found = envelope.fired_at.replace(second=0, microsecond=0)
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
