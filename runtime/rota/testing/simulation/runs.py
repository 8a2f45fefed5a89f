"""What became of simulated runs."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rota.run import Outcome


@dataclass(frozen=True, kw_only=True)
class SimulatedAttempt:
    """One call of a handler. Instants are virtual."""

    started_at: datetime
    duration: timedelta
    outcome: Outcome
    reason: str


@dataclass(kw_only=True)
class SimulatedRun:
    """One run: an occurrence, or what a client enqueued. Instants are virtual, and in UTC."""

    job: str
    id: str
    endpoint: str | None = None
    """The endpoint it was for, with "/" and the server where every server has a run of its own; None for a queue's."""
    scheduled_at: datetime | None = None
    """The occurrence; None for an enqueued run."""
    enqueued_at: datetime | None = None
    """When a client enqueued it; None for an occurrence."""
    outcome: Outcome | None = None
    """What became of it in the end; None for one that had not ended when the simulation did."""
    reason: str = ""
    """Why; of one that has not ended, what it waits for, or that it is lost."""
    finished_at: datetime | None = None
    """When it got its outcome."""
    attempts: list[SimulatedAttempt] = field(default_factory=list)
    """The calls of its handler; none for one that was skipped."""

    @property
    def attempt(self) -> int:
        """How often its handler was called."""
        return len(self.attempts)

    @property
    def started_at(self) -> datetime | None:
        """When its handler was first called; None if it was not."""
        return self.attempts[0].started_at if self.attempts else None

    @property
    def duration(self) -> timedelta | None:
        """How long the last call took; None if there was none."""
        return self.attempts[-1].duration if self.attempts else None

    @property
    def due(self) -> datetime | None:
        """The instant it is for: the occurrence's, or when it was enqueued."""
        return self.scheduled_at or self.enqueued_at

    @property
    def delay(self) -> timedelta | None:
        """How long after that its handler was first called: jitter, locks, busy servers. None if it was not."""
        return self.started_at - self.due if self.started_at and self.due else None
