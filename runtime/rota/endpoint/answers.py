"""What a server answers. docs/http.md is the page: each status has its meaning for the trigger."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from rota.envelope import VERSION, Envelope, instant_text
from rota.errors import EnvelopeError
from rota.leases import MARGIN
from rota.run import Outcome, Run
from rota.verdicts import DeadLetter, Leave, SendAgain, Verdict


@dataclass(frozen=True)
class Response:
    """An answer, whole."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def beside(self, *headers: tuple[str, str]) -> "Response":
        """The same with more headers."""
        return Response(self.status, (*self.headers, *headers), self.body)


def as_json(status: int, said: Mapping[str, Any], *, retry_after: float | None = None) -> Response:
    """An answer that says so much; `retry_after` is in seconds, and rounded up."""
    # ASCII: whatever an error holds, halves of characters too, it can be sent.
    return _response(status, "application/json", said, retry_after)


def problem(status: int, title: str | None = None, *, retry_after: float | None = None) -> Response:
    """A refusal after RFC 9457, with a title (that of the status unless given) and nothing that helps a stranger."""
    said = {"title": title or HTTPStatus(status).phrase, "status": status}
    return _response(status, "application/problem+json", said, retry_after)


def length_problem(length: str, most: int) -> Response | None:
    """The refusal of a header content-length that is none, or says more bytes than `most`."""
    if length and not (length.isascii() and length.isdecimal()):
        return problem(400)
    # By its own length first: Python refuses to read numbers of many digits.
    return problem(413) if length and (len(length) > 18 or int(length) > most) else None


def running(run: Mapping[str, Any], lease: timedelta, why: str = "it runs") -> Response:
    """202: ask again when the lease can have ended, unless it is renewed."""
    return as_json(202, {**run, "reason": why}, retry_after=(lease + MARGIN).total_seconds())


def of_envelope(envelope: Envelope) -> dict[str, Any]:
    """How an answer begins, for what is known of a run before it starts."""
    said: dict[str, Any] = {"rota": VERSION, "job": envelope.job, "run": envelope.run}
    if envelope.scheduled_at is not None:
        said["scheduled_at"] = instant_text(envelope.scheduled_at)
    return said


def of_run(run: Run) -> dict[str, Any]:
    """The same for one that has started."""
    return of_envelope(Envelope(job=run.job, run=run.id, scheduled_at=run.scheduled_at))


def of_verdict(verdict: Verdict, run: Run | None, lease: timedelta) -> Response:
    """The answer that tells the trigger what became of a run. `run` is None for one that could not be read."""
    settle = verdict.settle
    said = {} if run is None else of_run(run)
    if isinstance(settle, Leave):
        return running(said, lease, verdict.reason)
    if isinstance(settle, SendAgain):
        return _again(verdict, settle, said)
    if isinstance(settle, DeadLetter):
        # An answer beginning with 4 is kept whole in the dead letter, and such a run is none that could fail.
        return problem(400) if verdict.outcome is None else _failed(verdict, settle, said)
    return _done(verdict, said, run)


def _done(verdict: Verdict, said: dict[str, Any], run: Run | None) -> Response:
    found = verdict.found
    if found is not None:  # a repetition: what became of it the first time counts
        outcome, reason, attempt = found.outcome, found.reason, found.attempt
    else:
        outcome, reason, attempt = verdict.outcome, verdict.reason, run.attempt if run else 1
    return as_json(200, {**said, "outcome": outcome, "reason": reason, "attempt": attempt})


def _again(verdict: Verdict, settle: SendAgain, said: dict[str, Any]) -> Response:
    wait = max(0.0, settle.delay.total_seconds())
    if verdict.outcome is None:
        status = 503 if verdict.found is None else 202
        return as_json(status, {**said, "reason": verdict.reason}, retry_after=wait)
    following = Envelope.decode(settle.body)
    return as_json(
        500,
        {
            **said,
            "outcome": verdict.outcome,
            "reason": verdict.reason,
            "attempt": following.attempt,
            "error": following.error or verdict.reason,
            "again_in": wait,
        },
    )


def _failed(verdict: Verdict, settle: DeadLetter, said: dict[str, Any]) -> Response:
    beside = settle.attributes
    tells: dict[str, Any] = {
        "outcome": verdict.outcome or Outcome.FAILED,
        "reason": verdict.reason,
        "final": True,
        "error": beside.get("rota.error") or verdict.reason,
    }
    if (attempt := beside.get("rota.attempts")) is not None:
        tells["attempt"] = int(attempt)
    if (traceback := beside.get("rota.traceback")) is not None:
        tells["traceback"] = traceback
    # The dead letter is one more than these: a message that is behind the record would never be new to it.
    if redrives := _redrives(settle):
        tells["redrives"] = redrives
    return as_json(500, said | tells)


def _redrives(settle: DeadLetter) -> int:
    """How often the run had been redriven, which its dead letter counts one further; 0 where that cannot be read."""
    try:
        return max(0, Envelope.decode(settle.body).redrives - 1)
    except EnvelopeError:
        return 0


def _response(status: int, kind: str, said: Mapping[str, Any], retry_after: float | None) -> Response:
    body = json.dumps(said, separators=(",", ":")).encode()
    headers = [("content-type", kind), ("content-length", str(len(body))), ("cache-control", "no-store")]
    if retry_after is not None:
        headers.append(("retry-after", str(max(1, math.ceil(retry_after)))))
    return Response(status, tuple(headers), body)
