"""What rota asks of a queue service. Delivery is at least once, in no order; a received message hides, then returns."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

MAX_BATCH = 10
"""Messages in one request at the most."""

MAX_BYTES = 1024 * 1024
"""Of one message with its attributes, and of all the messages in one request.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""

MAX_DELAY = 900
"""Seconds that a message can be held back."""

_ATTRIBUTE_BYTES = 64  # what an attribute weighs beside its text: name, type, and room to spare


class Message(NamedTuple):
    """A received message: hidden from others until its visibility ends."""

    body: str
    receipt: str
    """Names this delivery, not the message: a later delivery of the same has another."""
    id: str = ""
    """Names the message, whatever the delivery; empty where the service has no such name."""


class Letter(NamedTuple):
    """A message in a dead-letter place, with what stands beside it: hidden from others until its visibility ends."""

    body: str
    receipt: str
    id: str
    """Names the message, whatever the delivery."""
    attributes: Mapping[str, str]
    """Text that its sender put beside the body."""
    sent_at: datetime | None
    """When it was sent; what a queue moved by itself keeps its time."""
    moved: bool = False
    """Whether the queue moved it there by itself, after too many deliveries, with all that stood beside it."""


class Outgoing(NamedTuple):
    """A message to send."""

    body: str
    delay: int = 0
    """Whole seconds before it can be received, up to 900."""
    attributes: dict[str, str] = {}
    """Text beside the body, for people and other programs."""


def weight(message: Outgoing) -> int:
    """What a message counts towards `MAX_BYTES`: body and attributes, in UTF-8."""
    attributes = sum(len(value.encode()) + _ATTRIBUTE_BYTES for value in message.attributes.values())
    return len(message.body.encode()) + attributes


def size_problem(message: Outgoing) -> str | None:
    """Why the service would not take a message of this size, or None."""
    size = weight(message)
    return (
        f"the message has {size} bytes with its attributes, at most {MAX_BYTES} are taken" if size > MAX_BYTES else None
    )


class SendFailure(NamedTuple):
    """A message that the service did not take."""

    place: int
    """Which of those sent, counted from 0."""
    reason: str


class MessageQueue(Protocol):
    """One queue.

    Methods take any number of messages and split it into the service's batches. They raise `BackendError` when the
    service does not answer; what it refuses message by message is returned. `rota.testing.QueueConformance` states the
    rules as tests.
    """

    def receive(self, limit: int, wait: float) -> list[Message]:
        """Up to `limit` messages, at most 10, waiting up to `wait` seconds (at most 20) for the first."""
        ...

    def send(self, messages: Sequence[Outgoing]) -> list[SendFailure]:
        """Send each; returns those not taken: too large, a delay too long, or left unsent when the service stopped
        answering halfway."""
        ...

    def delete(self, receipts: Sequence[str]) -> list[str]:
        """Acknowledge; returns the receipts that the service failed to delete, to be tried again. One that it no longer
        knows is no failure."""
        ...

    def change_visibility(self, receipts: Sequence[str], seconds: int) -> list[str]:
        """Hide for `seconds` from now, 0 to give back at once; returns the receipts no longer held. None is held for
        longer than 12 hours in all."""
        ...


class Depth(NamedTuple):
    """About how many messages a queue has: a service counts late, and not exactly."""

    visible: int
    hidden: int
    """Received by somebody, and not yet visible again."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.visible + self.hidden


class MoveTask(NamedTuple):
    """A move that a queue service has begun, for `LetterQueue.moved`."""

    source: str
    handle: str
    before: int
    """When the latest one before it began, in the service's time; 0 where there was none."""


class Move(NamedTuple):
    """How far a queue service is with moving the messages of a dead-letter queue."""

    moved: int
    """About so many: a service may say that it is done before it has counted."""
    total: int
    """As many as there were; 0 while it is not known."""
    done: bool
    problem: str | None = None
    """Why it ended before all were moved, if it did."""


class LetterQueue(MessageQueue, Protocol):
    """A dead-letter place, for those who look after it. It has no dead letters of its own, so that to receive from it
    is harmless."""

    def letters(self, limit: int, hide: int, *, wait: float = 0) -> list[Letter]:
        """Up to `limit` messages, at most 10, hidden from others for `hide` seconds; waits as `receive` does. An empty
        answer says that nothing is left only if it waited: a service may ask some of its servers alone."""
        ...

    def depth(self) -> Depth:
        """About how many messages lie there."""
        ...

    def move_all(self, to: MessageQueue) -> MoveTask | None:
        """Begin to have the service itself move all messages to `to`, a queue of the same service. Returns what to ask
        `moved` with, or None where it does not do that, or not here. Raises `BackendError` while another move of them
        is under way."""
        ...

    def moved(self, task: MoveTask) -> Move:
        """How far that is."""
        ...


class QueueBackend(Protocol):
    """The queues of one deployment."""

    def queue(self, name: str) -> MessageQueue:
        """The queue of that declared name. Raises `SettingsError` where the deployment has none."""
        ...

    def dead_letters(self, name: str) -> MessageQueue:
        """Its dead-letter queue."""
        ...


class OperatedBackend(QueueBackend, Protocol):
    """The same for those who look after a deployment."""

    def dead_letters(self, name: str) -> LetterQueue:
        """Its dead-letter queue."""
        ...

    def undelivered(self, name: str) -> LetterQueue | None:
        """Where EventBridge puts what it could not deliver to the queue; None where the deployment does not say."""
        ...
