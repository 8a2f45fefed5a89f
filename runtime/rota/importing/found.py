"""What a source was found to hold: jobs, and remarks on what is not carried over. Frozen data."""

from dataclasses import dataclass, replace
from datetime import timedelta

from rota.argv import argv_problem
from rota.errors import RotaError, ScheduleError
from rota.exclusion import Overlap
from rota.manifest import MAX_START_DEADLINE
from rota.schedules import Cron, Every
from rota.targets import MAX_VISIBILITY
from rota.validators import count_problem, duration_problem

_SECOND = timedelta(seconds=1)
_MAX_DESCRIPTION = 512
"""https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html"""


@dataclass(frozen=True, kw_only=True)
class CronText:
    """A cron expression as it is to be declared, and its zone."""

    expression: str
    time_zone: str = "UTC"
    only_days: tuple[int, ...] = ()
    """The days of the month that alone are meant, where the expression cannot say so beside its days of the week."""


When = CronText | timedelta
"""A timedelta is an interval."""


@dataclass(frozen=True)
class Remark:
    """Something that is not carried over, or not as one might think."""

    place: str
    """Where it stands: "line 3", "nightly.yaml: CronJob 'backup'"."""
    text: str
    left_out: bool = False
    """Whether a job may be missing for it."""


@dataclass(frozen=True, kw_only=True)
class FoundJob:
    """One job of a source. What is None or empty is not declared."""

    place: str
    source: str
    """What stands there, for a comment above the declaration."""
    name: str
    """What it could be called; the writer makes a valid name of it that no other has."""
    when: When | None
    """None where that cannot be said; there is a problem then."""
    command: tuple[str, ...] = ()
    handler: str = ""
    queue: str | None = None
    attempts: int | None = None
    timeout: timedelta | None = None
    start_deadline: timedelta | None = None
    overlap: Overlap | None = None
    only_latest: bool = False
    """Whether of the occurrences missed in an outage the last one alone is to run."""
    enabled: bool = True
    description: str = ""
    remarks: tuple[str, ...] = ()
    problem: str | None = None
    """Why it cannot be declared; it is then left as a comment."""


class UnreadableError(RotaError):
    """The source cannot be read."""


Found = tuple[FoundJob | Remark, ...]
"""All that a source holds, in its order; the remarks are those of no job in particular."""


def within_limits(job: FoundJob) -> FoundJob:
    """The job with what rota would refuse taken off, and a remark for it; with the reason where that is its schedule
    or its command."""
    attempts = count_problem("attempts", job.attempts, least=1, most=100) if job.attempts is not None else None
    timeout = _duration_problem("timeout", job.timeout, MAX_VISIBILITY)
    start_deadline = _duration_problem("start_deadline", job.start_deadline, MAX_START_DEADLINE)
    problems = (job.problem, _schedule_problem(job.when), argv_problem(job.command) if job.command else None)
    return replace(
        job,
        attempts=None if attempts else job.attempts,
        timeout=None if timeout else job.timeout,
        start_deadline=None if start_deadline else job.start_deadline,
        description=job.description if _fits(job.description) else job.description[: _MAX_DESCRIPTION - 1] + "…",
        remarks=(
            *job.remarks,
            *([] if _fits(job.description) else [f"its description is cut to {_MAX_DESCRIPTION} characters"]),
            *(f"{problem}; it is not declared" for problem in (attempts, timeout, start_deadline) if problem),
        ),
        problem="; ".join(problem for problem in problems if problem) or None,
    )


def counted_anew(when: When | None, before: str) -> list[str]:
    """What is to be said of an interval; `before` is who counted from where."""
    if not isinstance(when, timedelta):
        return []
    return [
        f"it was counted by {before}; an Every that divides the day counts from midnight UTC, any other from its deploy"
    ]


def _fits(description: str) -> bool:
    return len(description) <= _MAX_DESCRIPTION


def _duration_problem(field: str, value: timedelta | None, most: timedelta) -> str | None:
    return None if value is None else duration_problem(field, value, least=_SECOND, most=most)


def _schedule_problem(when: When | None) -> str | None:
    try:
        if isinstance(when, timedelta):
            Every(when)
        elif when is not None:
            Cron(when.expression, time_zone=when.time_zone)
    except ScheduleError as error:
        return str(error)
    return None
