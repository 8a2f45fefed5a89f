"""Runs on record as people and programs read them."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from rota.cli.times import iso, spell_duration
from rota.failures import printable
from rota.manifest import Job

if TYPE_CHECKING:
    from rota.ledger import Attempt, Record

STYLES = {
    "succeeded": "green",
    "failed": "bold red",
    "abandoned": "red",
    "cancelled": "yellow",
    "skipped": "yellow",
    "running": "cyan",
    "waiting": "cyan",
}
"""How a terminal shows states and outcomes."""


def on_record(job: Job[Any]) -> bool:
    """Whether runs that are enqueued are on record."""
    if job.endpoints:
        return is_known(job)
    return job.lock is not None or job.unique is not None


def is_known(job: Job[Any]) -> bool:
    """Whether its occurrences are on record: in any case, but for those of servers that do not claim them."""
    return not job.endpoints or any(endpoint.ledger for endpoint in job.endpoints)


def spell_place(job: Job[Any]) -> str:
    """Which queue its messages are in, and for whom if for endpoints."""
    return f"queue {job.queue.name}" + (f" for {', '.join(job.post.endpoints)}" if job.post else "")


def state_of(record: "Record") -> str:
    """Its outcome, or where it is."""
    return str(record.outcome or record.state)


def took(record: "Record", now: datetime) -> timedelta | None:
    """How long the attempt took, or has been running; None where none has started."""
    if record.state == "running" and record.claimed_at is not None:
        return now - record.claimed_at
    return record.history[-1].ended_at - record.history[-1].started_at if record.history else None


def started(record: "Record") -> datetime | None:
    """When the last attempt started; None where none has."""
    if record.state == "running":
        return record.claimed_at
    return record.history[-1].started_at if record.history else None


def one_line(text: str) -> str:
    """Text that others have written, for a terminal: on one line, and without its control characters."""
    return " ".join(printable(text).split())


def spell_took(duration: timedelta | None) -> str:
    """ "240 ms", "3.2 s", "4 min 5 s"; nothing for None."""
    if duration is None:
        return ""
    seconds = max(0.0, duration.total_seconds())
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    return f"{seconds:.1f} s" if seconds < 60 else spell_duration(duration)


def spell_time(moment: datetime | None) -> str:
    """In UTC, to the second; nothing for None."""
    return f"{moment:%Y-%m-%d %H:%M:%SZ}" if moment else ""


def spell_ago(moment: datetime | None, now: datetime) -> str:
    """ "5 min ago"; nothing for None."""
    return f"{spell_duration(max(now - moment, timedelta()))} ago" if moment else ""


def iso_or_none(moment: datetime | None) -> str | None:
    """The machine's form."""
    return iso(moment) if moment else None


def as_json(record: "Record", now: datetime) -> dict[str, Any]:
    """The machine's form of a record, its history included."""
    lasted = took(record, now)
    return {
        "job": record.job,
        "run": record.run,
        "state": str(record.state),
        "outcome": str(record.outcome) if record.outcome else None,
        "reason": record.reason,
        "target": record.target,
        "server": record.server,
        "attempt": record.attempt,
        "token": record.token or None,
        "scheduled_at": iso_or_none(record.scheduled_at),
        "enqueued_at": iso_or_none(record.enqueued_at),
        "started_at": iso_or_none(started(record)),
        "finished_at": iso_or_none(record.finished_at),
        "not_before": iso_or_none(record.not_before),
        "lease_until": iso_or_none(record.lease_until),
        "seconds": lasted.total_seconds() if lasted is not None else None,
        "lock": record.lock,
        "redrives": record.redrives,
        "redriven_by": record.redriven_by,
        "history": [_attempt(attempt) for attempt in record.history],
    }


def _attempt(attempt: "Attempt") -> dict[str, Any]:
    return {
        "attempt": attempt.number,
        "token": attempt.token,
        "server": attempt.server,
        "started_at": iso(attempt.started_at),
        "ended_at": iso(attempt.ended_at),
        "seconds": (attempt.ended_at - attempt.started_at).total_seconds(),
        "outcome": str(attempt.outcome),
        "reason": attempt.reason,
    }
