"""The wire format: one run as one message, JSON of version 1. Other languages may write it; docs/wire-format.md is the
page.

Everything but `rota` and `job` may be absent. A rule writes `fired_at`, a schedule `scheduled_at`, a client `run`.
Where the job's target is an endpoint, `post` says how it is posted, and what is posted has `endpoint` in its place.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rota.errors import EnvelopeError

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Post:
    """What the trigger has to know of a job, for it knows no manifest. Durations are seconds."""

    endpoints: tuple[str, ...]
    """Where to: endpoints by name; with "/*", every server behind one; with "/" and its id, one of these."""
    timeout: float | None = None
    """How long an attempt may take; None for no limit."""
    start_deadline: float | None = None
    """How long after its instant a run may start; None for no limit of the job's."""
    attempts: int = 1
    """How many the job's `Retry` has: for servers that do not count them, in other languages."""
    idempotent: bool = False
    """Whether it may run again when nobody knows whether it did."""

    def encode(self) -> dict[str, Any]:
        """As it stands in a message; what says nothing is left out."""
        said = {
            "timeout": self.timeout,
            "start_deadline": self.start_deadline,
            "attempts": self.attempts if self.attempts != 1 else None,
            "idempotent": self.idempotent or None,
        }
        return {"endpoints": list(self.endpoints)} | {name: value for name, value in said.items() if value is not None}

    @classmethod
    def decode(cls, read: object) -> "Post":
        """The same of a message. Raises `EnvelopeError` that says what is wrong with it."""
        if not isinstance(read, Mapping):
            raise EnvelopeError(f"post must be a JSON object; got {read!r}")
        endpoints = read.get("endpoints")
        # Not an empty one: it would be posted nowhere, and nobody would hear of it.
        named = isinstance(endpoints, list) and all(isinstance(one, str) and one for one in endpoints)
        if not named or not endpoints:
            raise EnvelopeError(f"post: endpoints must be a list of names; got {endpoints!r}")
        idempotent = read.get("idempotent", False)
        if not isinstance(idempotent, bool):
            raise EnvelopeError(f"post: idempotent must be true or false; got {idempotent!r}")
        return cls(
            endpoints=tuple(endpoints),
            timeout=_seconds("timeout", read.get("timeout")),
            start_deadline=_seconds("start_deadline", read.get("start_deadline")),
            attempts=_count("post: attempts", read.get("attempts", 1), 1),
            idempotent=idempotent,
        )


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
    """When a rule fired; the occurrence is the latest instant of the schedule not after it."""
    enqueued_at: datetime | None = None
    """When the run was first enqueued; the same through retries and hand-backs."""
    attempt: int = 1
    """The number of the attempt that this message asks for."""
    handed_back_at: datetime | None = None
    """When a server first handed it back without an attempt."""
    error: str | None = None
    """What the last attempt failed with."""
    digest: str | None = None
    """Of the payload's fields and types, where it was written; see `rota.digests`."""
    not_before: datetime | None = None
    """When the attempt may start: for waits longer than SQS can hold a message back."""
    redrives: int = 0
    """How often it has left the dead letters; one that lies there counts the next time already."""
    redriven_by: str | None = None
    """Who did so last, where rota was asked to."""
    post: Post | None = None
    """How the trigger posts it; None for a queue's."""
    endpoint: str | None = None
    """Of what is posted: the endpoint that it is for, with "/" and its id if it is for one server."""

    @classmethod
    def new(
        cls, job: str, payload: Any, *, now: datetime, digest: str | None = None, post: Post | None = None
    ) -> "Envelope":
        """A run that a client enqueues at `now`, with an id of its own: it names the job, and sorts by time."""
        run = f"{job}@{instant_text(now)}~{secrets.token_hex(8)}"
        return cls(job=job, run=run, payload=payload, enqueued_at=now, digest=digest, post=post)

    def identified(self) -> "Envelope":
        """The same run with an id: one that another program enqueued without gets its own here."""
        if self.run:
            return self
        import uuid  # late: the trigger, which pays for each import at a cold start, has no use for it

        return replace(self, run=str(uuid.uuid4()))

    def for_occurrence(self, scheduled_at: datetime) -> "Envelope":
        """The same run, its occurrence known: every delivery of one occurrence has one run id."""
        at = instant_text(scheduled_at)
        return replace(self, scheduled_at=scheduled_at, fired_at=None, run=self.run or occurrence_run(self.job, at))

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
        if self.post is not None:
            written["post"] = self.post.encode()
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
        if read.get("post") is not None:
            rest["post"] = Post.decode(read["post"])
        return cls(job=job, run=run, payload=read.get("payload"), attempt=attempt, redrives=redrives, **rest)


_TEXTS = ("error", "digest", "redriven_by", "endpoint")
_PLAIN = ("run", "payload", *_TEXTS)
_INSTANTS = ("scheduled_at", "fired_at", "enqueued_at", "handed_back_at", "not_before")


_MOST = 10**6
"""The largest count: a database has its limit, and no run comes near it."""


def _count(name: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _MOST:
        raise EnvelopeError(f"{name} must be a whole number from {least} to {_MOST}; got {value!r}")
    return value


def _seconds(name: str, value: object) -> float | None:
    if value is None:
        return None
    # By the comparison, which NaN and infinity fail too.
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= _MOST:
        raise EnvelopeError(f"post: {name} must be seconds, above 0 and up to {_MOST}; got {value!r}")
    return float(value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise EnvelopeError(f"{name} must be text; got {value!r}")
    return value


def occurrence_run(job: str, at: str) -> str:
    """The run id of a job's occurrence, whose instant is told as `instant_text` does."""
    return f"{job}@{at}"


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
