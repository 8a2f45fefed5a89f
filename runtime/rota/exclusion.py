"""What a user declares to keep runs apart: `Lock` and `Unique`, with keys made of the payload's fields."""

import string
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from rota.errors import ManifestError, PayloadError
from rota.validators import count_problem, duration_problem, name_problem

Overlap = Literal["skip", "wait", "cancel_running"]

MAX_KEY = 500
"""Bytes of a key, its fields filled in: a DynamoDB partition key, which it is the larger part of, has at most 2,048."""

_ZERO, _DAY = timedelta(), timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Lock:
    """At most so many runs at once. Held by a lease that renews itself; a server that dies loses it.

    Raises `ManifestError` for a value outside its limits.
    """

    key: str | None = None
    """What is locked, such as "tenant:{tenant_id}": fields of the payload stand in braces. The job's name unless given,
    and then for each of several targets apart. Jobs with the same key share the lock, and so do their targets."""
    limit: int = 1
    """How many runs may hold it at once, from 1 to 100."""
    overlap: Overlap = "skip"
    """What happens to a run that finds it full. "skip": it is skipped. "wait": it waits, as the only one of its key;
    others are skipped. "cancel_running": it waits likewise, and the oldest of those who hold it and are not newer is
    told to stop (`Run.stop_requested`); where all are newer, it is skipped. A run that has started before, and comes
    back for a retry or after a crash, waits for its lock under "skip" and "wait"; one that was redriven does under any.
    """
    hold_at_least: timedelta = _ZERO
    """For how long a place stays taken, even if the run is shorter; up to a day, none unless given. For runs so quick
    that a late duplicate, or a clock that is off, would find the lock free."""
    provider: str | None = None
    """Which of `Worker(locks={name: ...})` keeps it; the deployment's own ledger unless given."""

    def __post_init__(self) -> None:
        _refuse(
            "Lock",
            None if self.key is None else _key_problem(self.key),
            count_problem("limit", self.limit, least=1, most=100),
            None
            if self.overlap in ("skip", "wait", "cancel_running")
            else f'overlap must be "skip", "wait" or "cancel_running"; got {self.overlap!r}',
            duration_problem("hold_at_least", self.hold_at_least, least=_ZERO, most=_DAY, whole_seconds=False),
            None if self.provider is None else name_problem(self.provider),
        )


@dataclass(frozen=True, kw_only=True)
class Unique:
    """At most one run a key in a window of time: others enqueued within it are skipped when a server receives them. Of
    several targets, each has its one run.

    Raises `ManifestError` for a value outside its limits.
    """

    key: str
    """What is unique, such as "order:{order_id}": fields of the payload stand in braces. It counts within the job."""
    window: timedelta
    """How far apart two runs of a key must have been enqueued, from a second to 30 days."""

    def __post_init__(self) -> None:
        _refuse(
            "Unique",
            _key_problem(self.key),
            duration_problem("window", self.window, least=timedelta(seconds=1), most=timedelta(days=30)),
        )


def fields_of(key: str) -> list[str]:
    """The names in braces."""
    return [name for _, name, _, _ in string.Formatter().parse(key) if name is not None]


def fill(key: str, payload: Any) -> str:
    """The key of one run. Raises `PayloadError` for one that comes out too long, or is no text in UTF-8."""
    filled = string.Formatter().vformat(key, (), {name: getattr(payload, name) for name in fields_of(key)})
    try:
        size = len(filled.encode())
    except UnicodeEncodeError as error:
        raise PayloadError(f"key {key!r} is no text in UTF-8 with its fields filled in: {error}") from None
    if size > MAX_KEY:
        raise PayloadError(
            f"key {key!r} is too long: {size} bytes with its fields filled in, at most {MAX_KEY} are taken"
        )
    return filled


def fields_problem(key: str, payload: Any) -> str | None:
    """Which field in `key` the payload type lacks, or None."""
    known = getattr(payload, "model_fields", None) or getattr(payload, "__dataclass_fields__", {})
    missing = [name for name in fields_of(key) if name not in known]
    if not missing:
        return None
    of = (
        f"payload {payload.__name__} has {', '.join(known) or 'none'}"
        if payload
        else "the job declares no payload type"
    )
    return f"key {key!r} names field {missing[0]!r}; {of}"


def _key_problem(key: object) -> str | None:
    if not isinstance(key, str) or not key.strip() or len(key.encode(errors="replace")) > MAX_KEY:
        return f"key must be text of 1 to {MAX_KEY} bytes; got {key!r}"
    try:
        parts = list(string.Formatter().parse(key))
    except ValueError as error:
        return f"key {key!r} cannot be read: {error}"
    if any(name is not None and (not name.isidentifier() or form or conversion) for _, name, form, conversion in parts):
        return f"key may hold fields of the payload in braces, such as {{tenant_id}}, nothing else; got {key!r}"
    return None


def _refuse(subject: str, *problems: str | None) -> None:
    if found := [problem for problem in problems if problem]:
        raise ManifestError.of(subject, found)
