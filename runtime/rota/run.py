"""What a handler receives, and what became of its attempt."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rota.ledger.claim import Claim


class Stop:
    """The word to stop: an event, and why. Set from another thread than the handler's."""

    _event: threading.Event | None = None

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.reason: str | None = None
        """Why; None until it is said."""
        self.requested_at: float | None = None
        """When it was said, on the monotonic clock; None until then."""
        self.due: float | None = None
        """When the attempt's deadline is, on the monotonic clock; None where it has none."""
        self.run: Run | None = None
        """Whom it is for, hand-backs included; None until the message is read, and for one that cannot be."""
        self.claim: Claim | None = None
        """What it holds in the ledger; None for a run that is not on record, or not claimed."""

    @property
    def event(self) -> threading.Event:
        """The same to wait on. Made for the first who asks: few do, and nothing else that a run has costs as much."""
        event: threading.Event = self.__dict__.setdefault("_event", threading.Event())
        # No lock: here the event stands before the reason is looked at, and in `request` the reason before the event.
        if self.reason is not None:
            event.set()
        return event

    def request(self, reason: str) -> None:
        """Say it. The first reason stands."""
        if self.reason is None:
            self.requested_at = self._monotonic()
            self.reason = reason
        if self._event is not None:
            self._event.set()


@dataclass(frozen=True, kw_only=True)
class Run:
    """One request to execute a job, as its handler sees it."""

    job: str
    id: str
    """The same through retries, hand-backs and duplicate deliveries."""
    attempt: int
    """Counted from 1."""
    queue: str
    """The queue it came from; "trigger" for what was posted to an endpoint."""
    endpoint: str | None = None
    """The endpoint it was posted to, with "/" and the server's id where every server has a run of its own; None for a
    run from a queue."""
    token: int | None = None
    """The fencing token: higher than that of every earlier claim of this run, and of each earlier holder of its lock.
    Guard writes with it (`rota.fencing`). None for a run that is not on record: enqueued, no lock, no unique key."""
    scheduled_at: datetime | None = None
    """The occurrence this run is for; None for an enqueued run. Work on this, not on the present time."""
    enqueued_at: datetime | None = None
    """When the run was first enqueued, where a client did it."""
    deadline: datetime | None = None
    """When the job's timeout ends for this attempt; None where it has none."""
    stop: Stop = field(default_factory=Stop, repr=False, compare=False)

    @property
    def stop_requested(self) -> bool:
        """Whether this handler should stop: it no longer owns the run, its deadline has passed, or the process is
        ending."""
        return self.stop.reason is not None

    @property
    def stop_event(self) -> threading.Event:
        """The same as an event, to wait on in place of `time.sleep`."""
        return self.stop.event

    @property
    def stop_reason(self) -> str | None:
        """Why it should stop, or None."""
        return self.stop.reason


class Outcome(StrEnum):
    """What became of an attempt; a reason always stands beside it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"
