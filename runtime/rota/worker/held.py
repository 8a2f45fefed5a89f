"""What a worker holds: queues it consumes, and messages it has received and not settled."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rota.queues.base import MessageQueue
from rota.run import Stop
from rota.targets import Queue

_GIVEN_UP = float("-inf")


@dataclass(frozen=True, eq=False)
class Source:
    """A queue that this worker consumes, with its dead-letter queue."""

    declared: Queue
    messages: MessageQueue
    dead_letters: MessageQueue

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def visibility(self) -> int:
        """Seconds that a message stays hidden after each word from this worker."""
        return int(self.declared.visibility_timeout.total_seconds())

    @property
    def patience(self) -> float:
        """Seconds within which a message has to start once it is received: a quarter of its visibility."""
        return self.visibility / 4


class Held:
    """A message in hand, from its receipt until it is settled. Times are of the monotonic clock."""

    __slots__ = ("body", "done", "message", "receipt", "received_at", "source", "stop", "visible_at")

    def __init__(
        self,
        source: Source,
        body: str,
        receipt: str,
        received_at: float,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        message: str = "",
    ) -> None:
        self.source, self.body, self.receipt, self.message = source, body, receipt, message
        self.received_at = received_at
        self.visible_at = received_at + source.visibility
        """When SQS gives it to another, unless it is extended before."""
        self.stop = Stop(monotonic)
        self.done = False
        """Whether its verdict is being carried out: from here on it is not given back."""

    @property
    def place(self) -> str:
        """Where it came from, for people."""
        return f"queue {self.source.name}"

    def is_lost(self, now: float) -> bool:
        """Whether another worker may hold it by now."""
        return now >= self.visible_at

    def extend(self, visible_at: float) -> None:
        """Hidden until then; unless it has been given up meanwhile."""
        if self.visible_at != _GIVEN_UP:
            self.visible_at = visible_at

    def lose(self) -> None:
        """The queue no longer counts this worker as its holder."""
        self.visible_at = _GIVEN_UP
