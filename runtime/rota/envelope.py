"""The wire format: one run as one message, JSON of version 1. Other languages may write it; docs/wire-format.md is the
page.

Everything but `rota` and `job` may be absent. A rule writes `fired_at`, a schedule `scheduled_at`, a client `run`.
"""

import json
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

    @classmethod
    def new(cls, job: str, payload: Any, *, now: datetime) -> "Envelope":
        """A run that a client enqueues at `now`, with an id of its own."""
        return cls(job=job, run=str(uuid.uuid4()), payload=payload, enqueued_at=now)

    def identified(self) -> "Envelope":
        """The same run with an id: one that another program enqueued without gets its own here."""
        return self if self.run else replace(self, run=str(uuid.uuid4()))

    def for_occurrence(self, scheduled_at: datetime) -> "Envelope":
        """The same run, its occurrence known: every delivery of one occurrence has one run id."""
        at = _text(scheduled_at)
        return replace(self, scheduled_at=scheduled_at, fired_at=None, run=self.run or f"{self.job}@{at}")

    def encode(self) -> str:
        """The message body."""
        written: dict[str, Any] = {"rota": VERSION, "job": self.job}
        for name in ("run", "payload", "error"):
            if (value := getattr(self, name)) is not None:
                written[name] = value
        for name in _INSTANTS:
            if (moment := getattr(self, name)) is not None:
                written[name] = _text(moment)
        if self.attempt != 1:
            written["attempt"] = self.attempt
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
        job, run, attempt, failure = read.get("job"), read.get("run"), read.get("attempt", 1), read.get("error")
        if not isinstance(job, str) or not job:
            raise EnvelopeError(f"job must be a name; got {job!r}")
        if run is not None and (not isinstance(run, str) or not run):
            raise EnvelopeError(f"run must be an id; got {run!r}")
        if not isinstance(attempt, int) or isinstance(attempt, bool) or attempt < 1:
            raise EnvelopeError(f"attempt must be a whole number from 1; got {attempt!r}")
        if failure is not None and not isinstance(failure, str):
            raise EnvelopeError(f"error must be text; got {failure!r}")
        instants = {name: _instant(name, read[name]) for name in _INSTANTS if read.get(name) is not None}
        return cls(job=job, run=run, payload=read.get("payload"), attempt=attempt, error=failure, **instants)


_INSTANTS = ("scheduled_at", "fired_at", "enqueued_at", "handed_back_at")


def _text(moment: datetime) -> str:
    """RFC 3339 in UTC, with a fraction only where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _instant(name: str, value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        if moment.utcoffset() is None:
            raise EnvelopeError(f"{name} must have a time zone or end in Z; got {value!r}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise EnvelopeError(f"{name} must be an RFC 3339 time; got {value!r}") from None
