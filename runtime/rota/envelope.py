"""The wire format: one run as one message, JSON of version 1. Other languages may write it; docs/wire-format.md is the
page.

Everything but `rota` and `job` may be absent. A rule writes `fired_at`, a schedule `scheduled_at`, a client `run`.
"""

import json
import secrets
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rota.errors import EnvelopeError

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """A request to execute a job once."""

    job: str
    run: str | None = None
    """The run id. None in what AWS sends: it then follows from the occurrence."""
    payload: Any = None
    """The payload as a JSON value; None for none."""
    scheduled_at: datetime | None = None
    """The occurrence this run is for."""
    fired_at: datetime | None = None
    """When a rule fired; the occurrence is the latest instant of the job's schedule not after it."""
    enqueued_at: datetime | None = None
    """When the run was first enqueued; the same through retries and hand-backs."""
    attempt: int = 1
    """The number of the attempt that this message asks for."""
    handed_back_at: datetime | None = None
    """When a worker first handed the run back without an attempt."""
    error: str | None = None
    """What the last attempt failed with."""
    digest: str | None = None
    """Of the payload's fields and types, where it was written; see `rota.digests`."""
    not_before: datetime | None = None
    """When the attempt may start: for waits longer than SQS can hold a message back."""
    redrives: int = 0
    """How often it has been sent again from the dead letters; one that lies there counts the next one already."""
    redriven_by: str | None = None
    """Who did so last, where rota was asked to."""

    @classmethod
    def new(cls, job: str, payload: Any, *, now: datetime, digest: str | None = None) -> "Envelope":
        """A run that a client enqueues at `now`, with an id of its own: it names the job, and sorts by time."""
        run = f"{job}@{instant_text(now)}~{secrets.token_hex(8)}"
        return cls(job=job, run=run, payload=payload, enqueued_at=now, digest=digest)

    def identified(self) -> "Envelope":
        """The same run with an id: one that another program enqueued without gets its own here."""
        return self if self.run else replace(self, run=str(uuid.uuid4()))

    def for_occurrence(self, scheduled_at: datetime) -> "Envelope":
        """The same run, its occurrence known: every delivery of one occurrence has one run id."""
        at = instant_text(scheduled_at)
        return replace(self, scheduled_at=scheduled_at, fired_at=None, run=self.run or f"{self.job}@{at}")

    def encode(self) -> str:
        """The message body."""
        written: dict[str, Any] = {"rota": VERSION, "job": self.job}
        for name in _PLAIN:
            if (value := getattr(self, name)) is not None:
                written[name] = value
        for name in _INSTANTS:
            if (moment := getattr(self, name)) is not None:
                written[name] = instant_text(moment)
        if self.attempt != 1:
            written["attempt"] = self.attempt
        if self.redrives:
            written["redrives"] = self.redrives
        # ASCII: SQS refuses some characters that JSON may hold, such as U+FFFF.
        return json.dumps(written, separators=(",", ":"))

    @classmethod
    def decode(cls, body: str) -> "Envelope":
        """The envelope of a message body. Raises `EnvelopeError` that says what is wrong with it."""
        try:
            read = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise EnvelopeError(f"not JSON: {error}") from None
        if not isinstance(read, dict) or "rota" not in read:
            raise EnvelopeError('not an envelope: a JSON object with a "rota" version is expected')
        # By its type too: in Python, true equals 1.
        if type(read["rota"]) is not int or read["rota"] != VERSION:
            raise EnvelopeError(
                f"envelope version {read['rota']!r} is not known here; this rota reads version {VERSION}"
            )
        job, run = read.get("job"), read.get("run")
        if not isinstance(job, str) or not job:
            raise EnvelopeError(f"job must be a name; got {job!r}")
        if run is not None and (not isinstance(run, str) or not run):
            raise EnvelopeError(f"run must be an id; got {run!r}")
        attempt, redrives = (
            _count("attempt", read.get("attempt", 1), 1),
            _count("redrives", read.get("redrives") or 0, 0),
        )
        rest: dict[str, Any] = {name: _text(name, read[name]) for name in _TEXTS if read.get(name) is not None}
        rest |= {name: read_instant(name, read[name]) for name in _INSTANTS if read.get(name) is not None}
        return cls(job=job, run=run, payload=read.get("payload"), attempt=attempt, redrives=redrives, **rest)


_TEXTS = ("error", "digest", "redriven_by")
_PLAIN = ("run", "payload", *_TEXTS)
_INSTANTS = ("scheduled_at", "fired_at", "enqueued_at", "handed_back_at", "not_before")


_MOST = 10**6
"""The largest count: a database has its limit, and no run comes near it."""


def _count(name: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _MOST:
        raise EnvelopeError(f"{name} must be a whole number from {least} to {_MOST}; got {value!r}")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise EnvelopeError(f"{name} must be text; got {value!r}")
    return value


def instant_text(moment: datetime) -> str:
    """RFC 3339 in UTC, with a fraction only where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_instant(name: str, value: object) -> datetime:
    """An instant that was written down. Raises `EnvelopeError` that names the field."""
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        if moment.utcoffset() is None:
            raise EnvelopeError(f"{name} must have a time zone or end in Z; got {value!r}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise EnvelopeError(f"{name} must be an RFC 3339 time; got {value!r}") from None
