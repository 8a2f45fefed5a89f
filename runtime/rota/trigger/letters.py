"""What the trigger sends to queues: messages again, and dead letters that say why."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from rota.envelope import Envelope

MAX_DELAY = 900
"""Seconds that SQS can hold a message back.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html"""
MAX_BYTES = 1024 * 1024
"""Of one message with its attributes, and of all in one request.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""
LENGTH = 1000
"""Characters of an error, a reason or an id that travel in a message."""
_ATTRIBUTE_BYTES = 64  # beside its text: name, type, and room to spare


class Letter(NamedTuple):
    """A message to send."""

    body: str
    attributes: Mapping[str, str] = {}
    delay: int = 0
    """Whole seconds before it can be received, up to 900."""

    @property
    def weight(self) -> int:
        """What it counts towards `MAX_BYTES`."""
        return len(self.body.encode()) + sum(len(text.encode()) + _ATTRIBUTE_BYTES for text in self.attributes.values())

    @property
    def fits(self) -> bool:
        """Whether SQS takes it."""
        return self.weight <= MAX_BYTES


def letter(envelope: Envelope, *, delay: int = 0, attributes: Mapping[str, str] | None = None) -> Letter:
    """The message of an envelope: where it would be too heavy, shorter, and then without its last error. It may still
    not fit."""
    made = Letter(body=envelope.encode(), attributes=attributes or {}, delay=delay)
    if not made.fits:
        made = made._replace(body=_short(made.body))
    if not made.fits and envelope.error is not None:
        made = made._replace(body=_short(replace(envelope, error=None).encode()))
    return made


def dead(envelope: Envelope, reason: str, *, status: int | None = None, error: str = "", traceback: str = "") -> Letter:
    """A run for the dead letters, ready to run again at its one endpoint: whoever moves the message back, by rota or
    with the console of SQS, gives it all its attempts."""
    attributes = _attributes(
        reason,
        envelope,
        {
            "rota.endpoint": ", ".join(envelope.post.endpoints if envelope.post else ()),
            "rota.status": str(status or ""),
            "rota.error": error,
            "rota.traceback": traceback,
        },
    )
    again = replace(
        envelope,
        attempt=1,
        handed_back_at=None,
        not_before=None,
        redrives=envelope.redrives + 1,
        redriven_by=None,
        error=printable(error) or envelope.error,
    )
    return _cut(letter(again, attributes=attributes))


def dead_as_it_came(body: str, reason: str, envelope: Envelope | None = None) -> Letter:
    """A message for the dead letters that cannot be read, posted or written anew."""
    return _cut(Letter(body=body, attributes=_attributes(reason, envelope, {})))


def printable(text: str, length: int = LENGTH) -> str:
    """The beginning, without what SQS refuses.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
    return re.sub(_REFUSED, "?", text[:length])


_REFUSED = "[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"


def _short(body: str) -> str:
    """The same JSON, with no more of it escaped than has to be."""
    text = json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False)
    return re.sub(_REFUSED, lambda found: f"\\u{ord(found[0]):04x}", text)


def _cut(made: Letter) -> Letter:
    """With as many of its attributes as fit beside the body."""
    attributes = dict(made.attributes)
    while attributes and not made.fits:
        attributes.popitem()
        made = made._replace(attributes=attributes)
    return made


def _attributes(reason: str, envelope: Envelope | None, rest: Mapping[str, str]) -> dict[str, str]:
    """What stands beside a dead letter, what matters most first; SQS refuses empty texts."""
    said = {"rota.reason": reason}
    if envelope is not None:
        said |= {"rota.job": envelope.job, "rota.run": envelope.run or "", "rota.attempts": str(envelope.attempt)}
    return {name: printable(text) for name, text in {**said, **rest}.items() if text}
