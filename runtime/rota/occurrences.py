"""What an occurrence of a job is: its instant, from what a schedule or a rule wrote, and its payload."""

from typing import Any

from rota import payloads
from rota.envelope import Envelope
from rota.errors import ScheduleError
from rota.manifest import Job


def identified(envelope: Envelope, job: Job[Any] | None) -> Envelope:
    """The message with the run id that follows from its occurrence, if it is one: from what a schedule wrote, or for a
    rule from the job's latest instant not after it fired. Only who knows the job can tell that."""
    if envelope.scheduled_at is not None:
        return envelope.for_occurrence(envelope.scheduled_at)
    if envelope.fired_at is None or job is None:
        return envelope
    # The schedule may have changed since the rule was deployed; the rule's own time is then the nearest there is.
    try:
        found = job.schedule.latest(envelope.fired_at) if job.schedule else None
    except ScheduleError:  # it counts from the deploy now
        found = None
    return envelope.for_occurrence(found or envelope.fired_at)


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
