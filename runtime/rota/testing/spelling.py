"""How a job runs, in lines of the snapshot: to the letter, for what is rounded hides a change."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from typing import Any

from rota.manifest import Job
from rota.retry import Retry


def spell_execution(job: Job[Any]) -> Iterator[tuple[str, str]]:
    """What of its declaration decides how a run goes, beside what runs where; nothing of what is the default."""
    if job.timeout is not None:
        yield "timeout", spell_exactly(job.timeout)
    if job.isolation != "thread":
        yield "isolation", job.isolation
    if job.retry != Retry():
        yield "retry", ", ".join(_set(job.retry))
    if job.lock is not None:
        yield "lock", ", ".join([f"key {job.lock_key}", *_set(job.lock, but="key")])
    if job.unique is not None:
        yield "unique", ", ".join(_set(job.unique))
    if job.idempotent:
        yield "idempotent", "yes"


def spell_exactly(duration: timedelta) -> str:
    """All of its units: "1 d 2 h 30 min", "0.5 s"."""
    minutes, rest = divmod(duration, timedelta(minutes=1))
    seconds = f"{rest.total_seconds():.6f}".rstrip("0").rstrip(".")
    counts = {"d": str(minutes // 1440), "h": str(minutes // 60 % 24), "min": str(minutes % 60), "s": seconds}
    return " ".join(f"{count} {unit}" for unit, count in counts.items() if count != "0") or "0 s"


def _set(declared: Any, *, but: str = "") -> Iterator[str]:
    """The fields that are not the default."""
    for field in fields(declared):
        value = getattr(declared, field.name)
        if field.name != but and value != field.default:
            yield f"{field.name} {_spelled(value)}"


def _spelled(value: Any) -> str:
    if isinstance(value, timedelta):
        return spell_exactly(value)
    if isinstance(value, tuple):
        return " and ".join(_spelled(each) for each in value)
    if isinstance(value, type):
        return f"{value.__module__}:{value.__qualname__}"
    return str(value)
