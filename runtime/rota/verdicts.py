"""What is to be done with a message, and the dead letters among that."""

import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rota.envelope import Envelope
from rota.failures import printable
from rota.queues.base import Outgoing, size_problem
from rota.run import Outcome

if TYPE_CHECKING:
    from rota.ledger import Record

log = logging.getLogger("rota.run")

REASON_LENGTH = 1000
"""Characters of an error that travel in a message."""


@dataclass(frozen=True)
class Acknowledge:
    """Delete the message: the run is done, or not to be done."""


@dataclass(frozen=True)
class SendAgain:
    """Send `body` as a new message after `delay`, then delete the old one. Attempts and hand-backs travel in the body,
    for SQS's receive count cannot tell one from the other."""

    body: str
    delay: timedelta


@dataclass(frozen=True)
class DeadLetter:
    """Send `body` to the dead-letter queue, with the reason beside it, then delete the message."""

    body: str
    attributes: dict[str, str]


@dataclass(frozen=True)
class Leave:
    """Tell the queue nothing: the message may be another server's."""


@dataclass(frozen=True)
class Verdict:
    """What became of a delivery, why, and what to do with its message. `outcome` is None where the run has none yet."""

    outcome: Outcome | None
    reason: str
    settle: Acknowledge | SendAgain | DeadLetter | Leave
    on_record: bool = field(default=False, compare=False)
    """Whether the ledger has it: then it holds, whoever has the message by now."""
    found: "Record | None" = field(default=None, compare=False)
    """What the ledger has of a run that does not start because it runs already, or has its outcome."""


def fitting(envelope: Envelope, attributes: dict[str, str] | None = None) -> str:
    """The message body; without the last error where SQS would not take it with. The run counts for more."""
    body = envelope.encode()
    if envelope.error is not None and size_problem(Outgoing(body, attributes=attributes or {})):
        log.warning("the error of run %s does not fit into its message, and is left out", envelope.run)
        return replace(envelope, error=None).encode()
    return body


def dead(
    envelope: Envelope, reason: str, outcome: Outcome | None = None, *, error: str = "", traceback: str = ""
) -> Verdict:
    """A run for the dead letters. It lies there ready to run again: whoever moves the message back, by rota or with the
    console of SQS, gives it all its attempts."""
    attributes = _attributes(reason, envelope, error, traceback)
    again = replace(
        envelope, attempt=1, handed_back_at=None, not_before=None, redrives=envelope.redrives + 1, redriven_by=None
    )
    return Verdict(outcome, attributes["rota.reason"], DeadLetter(fitting(again, attributes), attributes))


def dead_as_it_came(body: str, reason: str, envelope: Envelope | None = None) -> Verdict:
    """A message for the dead letters that cannot be read, or not be written again."""
    attributes = _attributes(reason, envelope)
    return Verdict(Outcome.FAILED if envelope else None, attributes["rota.reason"], DeadLetter(body, attributes))


def _attributes(reason: str, envelope: Envelope | None, error: str = "", traceback: str = "") -> dict[str, str]:
    """What stands beside a dead letter: the reason, and whose it is as far as that is known."""
    said = {"rota.reason": reason, "rota.error": error, "rota.traceback": traceback}
    if envelope is not None:
        said |= {"rota.job": envelope.job, "rota.attempts": str(envelope.attempt), "rota.run": envelope.run or ""}
    return {name: printable(text)[:REASON_LENGTH] for name, text in said.items() if text}
