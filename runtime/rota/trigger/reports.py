"""What the body of an answer says, where it is JSON of the middleware's. Each field that is not as docs/http.md has it
is as if it were not there."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from rota.envelope import Envelope, read_instant
from rota.errors import EnvelopeError
from rota.trigger.letters import printable

LONGEST_WAIT = 7 * 86_400.0
"""Seconds until the next attempt at the most."""
_MOST = 10**6


class Report(NamedTuple):
    """What an answer says of a run; nothing where it is of another job."""

    ours: bool = False
    """Whether a server of this job has written it."""
    run: str | None = None
    scheduled_at: datetime | None = None
    reason: str = ""
    error: str = ""
    traceback: str = ""
    attempt: int | None = None
    again_in: float | None = None
    """Seconds."""
    final: bool = False
    redrives: int = 0
    """Those on record: a message may be older."""

    @classmethod
    def of(cls, body: bytes, job: str) -> "Report":
        """The report in an answer's body. Never raises."""
        try:
            read = json.loads(body)
        except (ValueError, RecursionError):
            return cls()
        if not isinstance(read, dict):
            return cls()
        if read.get("job") not in (None, job) or read.get("rota") not in (None, 1):
            return cls()
        ours = read.get("job") == job and _is_number(read.get("rota"), int)
        scheduled_at = None
        if read.get("job") == job:
            with contextlib.suppress(EnvelopeError):
                scheduled_at = read_instant("scheduled_at", read.get("scheduled_at"))
        attempt: Any = read.get("attempt")
        again_in: Any = read.get("again_in")
        redrives: Any = read.get("redrives")
        return cls(
            ours=ours,
            run=(_text(read, "run") or None) if read.get("job") == job else None,
            scheduled_at=scheduled_at,
            reason=_text(read, "reason") if read.get("rota") == 1 else "",
            error=_text(read, "error"),
            traceback=_text(read, "traceback"),
            attempt=attempt if _is_number(attempt, int) and 1 <= attempt <= _MOST else None,
            # By the comparison, which NaN fails too.
            again_in=float(again_in) if _is_number(again_in, int | float) and 0 <= again_in <= LONGEST_WAIT else None,
            final=read.get("final") is True,
            redrives=redrives if _is_number(redrives, int) and 0 <= redrives < _MOST else 0,
        )

    def of_run(self, envelope: Envelope) -> Envelope:
        """The run as the server knows it: where a rule fired, its exact instant, and its id where that follows."""
        if self.scheduled_at is None or envelope.fired_at is None:
            return envelope
        # Of when it fired, a server with another schedule would make another instant.
        return replace(envelope, scheduled_at=self.scheduled_at, fired_at=None, run=self.run or envelope.run)


def _text(read: Mapping[str, Any], name: str) -> str:
    found = read.get(name)
    return printable(found) if isinstance(found, str) else ""


def _is_number(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
