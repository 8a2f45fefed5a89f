"""Runs that wait for a server for too long: SQS drops their messages, the trigger of endpoints gives them up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from rota.envelope import Envelope
from rota.occurrences import identified
from rota.queues.base import Letter
from rota.run import Outcome, Run
from rota.targets import TRIGGER
from rota.trigger.outcomes import Delivery
from rota.verdicts import Acknowledge, Verdict, dead

RETENTION = timedelta(days=7)
"""How long a queue of `Rota` keeps a message."""


class GivenUp(NamedTuple):
    """A run that is not received any more, and since when."""

    run: Run
    verdict: Verdict
    at: datetime


class Patience:
    """Until when messages wait."""

    def __init__(self) -> None:
        self._tried_since: dict[tuple[str | None, str | None, int], datetime] = {}

    def count(self, envelope: Envelope, letter: Letter) -> datetime:
        """Since when the trigger tries to have this attempt started: since its first message was sent."""
        return self._tried_since.setdefault((envelope.run, envelope.endpoint, envelope.attempt), sent_at(letter))

    def given_up(self, queue: str, letter: Letter, now: datetime) -> GivenUp | None:
        """What became of a message that has waited for too long by now; None of any other."""
        if queue == TRIGGER.name:
            envelope = envelope_of(letter)
            # The trigger's own rule: the start deadline, or 6 hours.
            tried = Delivery(envelope, None, now.timestamp(), self.count(envelope, letter).timestamp())
            if tried.now < tried.starts_until:
                return None
            verdict = dead(envelope, "not started in time", Outcome.FAILED)
            return GivenUp(run_of(envelope, queue), verdict, datetime.fromtimestamp(tried.starts_until, UTC))
        if now - sent_at(letter) < RETENTION:
            return None
        lost = f"lost: nobody received its message for {RETENTION.days} days, after which SQS drops it"
        return GivenUp(
            run_of(envelope_of(letter), queue), Verdict(None, lost, Acknowledge()), sent_at(letter) + RETENTION
        )


def sent_at(letter: Letter) -> datetime:
    """When a message was sent, which a queue in memory knows of each."""
    assert letter.sent_at is not None  # noqa: S101 - for mypy
    return letter.sent_at


def envelope_of(letter: Letter) -> Envelope:
    """The envelope of a message, with the id that its run has or will have."""
    envelope = identified(Envelope.decode(letter.body), None)
    return replace(envelope, run=envelope.run or letter.id)


def run_of(envelope: Envelope, queue: str) -> Run:
    """Its run, that no handler has seen."""
    return Run(
        job=envelope.job,
        id=envelope.run or "",
        attempt=envelope.attempt,
        queue=queue,
        endpoint=envelope.endpoint,
        scheduled_at=envelope.scheduled_at,
        enqueued_at=envelope.enqueued_at,
    )
