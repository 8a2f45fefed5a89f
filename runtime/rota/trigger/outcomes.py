"""What follows from an answer, or from none: the table of docs/http.md. Nothing but rules; no clock, no I/O.

Seconds are since 1970 where they are a time.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from rota.envelope import Envelope, Post, instant_text
from rota.trigger.config import EndpointConfig
from rota.trigger.letters import MAX_DELAY, Letter, dead, letter, printable
from rota.trigger.reports import Report
from rota.trigger.request import Answer, NoAnswer

FIRST_WAIT, LONGEST_WAIT = 5.0, 15 * 60.0
"""Of the backoff."""
LEAST_WAIT = 5.0
"""Between two questions whether a run still runs: a queue counts its deliveries."""
FIRST_RETRY = 10.0
"""Before the second attempt, where a server does not say; then twice as long each time, up to `LONGEST_WAIT`."""
LIMIT = 6 * 3600.0
"""How long it is tried to start a run whose job has no start deadline."""
UNKNOWN_THERE = 3600.0
"""How long at the most where the endpoint's servers do not know the job: a deploy does not take longer."""
MARGIN = 5.0
"""Beyond the time after which a run cannot run any more."""
LONGEST_HIDDEN = 42_000
"""SQS keeps a message hidden for 43,200 seconds after the receive: for a little less after a request has ended.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html"""
FRESH, MANY = 3600.0, 200
"""For how long, and how often, the same message asks whether a run still runs; then a new one does."""
OLDEST = 6 * 86_400.0
"""The queue keeps a message for 7 days: one that is older than this has to end."""
RUNNING_SINCE = "rota.running_since"
"""The message attribute of a run that a server has once said runs."""


class Delivery(NamedTuple):
    """One delivery of a message that is to be posted to one endpoint."""

    envelope: Envelope
    sent_at: float
    """When the message was sent."""
    received: int = 1
    """How often it has been delivered, this time included."""
    running_since: float | None = None
    """Since when a server says that it runs, if one has."""

    @property
    def post(self) -> Post:
        """How it is posted."""
        assert self.envelope.post is not None  # noqa: S101 - split() gives each one
        return self.envelope.post

    @property
    def start_deadline(self) -> float | None:
        """Its job's, in seconds, which is for the first start of a run alone."""
        first = self.envelope.attempt == 1 and not self.envelope.redrives and self.running_since is None
        return self.post.start_deadline if first else None

    @property
    def starts_until(self) -> float:
        """Until when it is tried to start it."""
        deadline = self.start_deadline
        if deadline is None:
            return self.sent_at + LIMIT
        due = self.envelope.scheduled_at or self.envelope.enqueued_at
        return min((due.timestamp() if due else self.sent_at) + deadline, self.sent_at + OLDEST)


class Delete(NamedTuple):
    """The message is done with."""


class Hide(NamedTuple):
    """It comes again after so many whole seconds, from 1 to 43,200."""

    seconds: int


class SendAgain(NamedTuple):
    """Send this to the trigger queue, then delete the message."""

    letter: Letter


class DeadLetter(NamedTuple):
    """Send this to the dead letters, then delete the message."""

    letter: Letter


class Verdict(NamedTuple):
    """What became of a post, why, and what to do with its message."""

    metric: str | None
    """ "Succeeded", "Failed", "Unknown" or "NotStarted"; None while it runs."""
    reason: str
    settle: Delete | Hide | SendAgain | DeadLetter


Chance = Callable[[], float]
"""From 0 to 1, as `random.random`."""


def judge(  # noqa: PLR0911 - one for each row of the table
    came: Answer | NoAnswer, delivery: Delivery, endpoint: EndpointConfig | None, *, now: float, chance: Chance
) -> Verdict:
    """The verdict. `endpoint` is None where the trigger does not know it."""
    if isinstance(came, NoAnswer):
        if came.begun and endpoint:
            return _unknown(came.reason, None, delivery, endpoint, now=now, chance=chance)
        return _not_started(came.reason, delivery, now, chance, most=came.most)
    status = came.status
    report = Report.of(came.body, delivery.envelope.job)
    reason = f"the endpoint answered {status}"
    if 200 <= status < 300 and status != 202:
        return Verdict("Succeeded", report.reason or reason, Delete())
    if status == 202 and endpoint:
        return _running(came, delivery, endpoint, now)
    if status == 500:
        return _failed(report, came, delivery, now, chance)
    if status in (503, 429, 401):
        return _not_started(reason, delivery, now, chance, came=came)
    if status in (404, 408, 421, 425):
        return _not_started(reason, delivery, now, chance, came=came, most=UNKNOWN_THERE)
    if 300 <= status < 500:
        error = _beginning(came)
        why = f"the endpoint answered {status}, and will never accept it"
        return Verdict("NotStarted", why, DeadLetter(dead(delivery.envelope, why, status=status, error=error)))
    return _unknown(reason, came, delivery, endpoint, now=now, chance=chance)


def not_due(delivery: Delivery, now: float) -> Verdict | None:
    """What to do with a message whose time has not come; None for any other."""
    moment = delivery.envelope.not_before
    if moment is None or moment.timestamp() <= now:
        return None
    wait = moment.timestamp() - now
    # A new one from time to time: the queue must not forget it before its time comes.
    fresh = now - delivery.sent_at < OLDEST / 6
    again = Hide(_whole(wait)) if fresh else SendAgain(letter(delivery.envelope, delay=_whole(wait, MAX_DELAY)))
    return Verdict(None, "not due yet", again)


def too_late(delivery: Delivery, endpoint: EndpointConfig | None, now: float) -> Verdict | None:
    """What to do with a message that came behind its start deadline, for servers that do not know that; None for any
    other. Those with a ledger know, and put on record that it is skipped."""
    posted = delivery.received > 1 or delivery.envelope.not_before is not None
    if endpoint is None or endpoint.ledger or posted or delivery.start_deadline is None:
        return None
    return None if now < delivery.starts_until else _ended("NotStarted", "not started in time", delivery, None)


def _running(came: Answer, delivery: Delivery, endpoint: EndpointConfig, now: float) -> Verdict:
    since = delivery.running_since if delivery.running_since is not None else now
    envelope = delivery.envelope
    if now - since > OLDEST:
        why = f"it is said to run since {instant_text(_moment(since))}: longer than a queue keeps a message"
        return Verdict(None, why, DeadLetter(dead(envelope, why, status=202)))
    usual = endpoint.lease + MARGIN
    wait = max(usual if came.retry_after is None else came.retry_after, LEAST_WAIT)
    # A run that has begun is not bound to its start deadline any more; and what asks for hours needs a new message,
    # for the queue counts deliveries, and days.
    known = delivery.start_deadline is None
    if known and now - delivery.sent_at < FRESH and delivery.received < MANY:
        return Verdict(None, "it runs", _later(delivery, wait, now))
    return Verdict(None, "it runs", SendAgain(_delayed(envelope, wait, now, since)))


def _failed(report: Report, came: Answer, delivery: Delivery, now: float, chance: Chance) -> Verdict:
    """An attempt has failed. The next, while there is one."""
    ran = report.of_run(delivery.envelope)
    error = report.error or _beginning(came) or "the endpoint answered 500"
    reason = report.reason or "the attempt failed"
    attempts_left = delivery.envelope.attempt < delivery.post.attempts
    if report.final or (report.again_in is None and not attempts_left):
        why = reason if report.final else f"{reason}; it has had {delivery.envelope.attempt} attempts"
        return Verdict(
            "Failed", why, DeadLetter(dead(ran, why, status=came.status, error=error, traceback=report.traceback))
        )
    tried = delivery.envelope.attempt
    wait = report.again_in if report.again_in is not None else _doubled(FIRST_RETRY, tried, chance)
    following = report.attempt if report.attempt is not None and report.attempt > tried else tried + 1
    again = replace(ran, attempt=following, error=printable(error), not_before=None, handed_back_at=None)
    return Verdict("Failed", reason, SendAgain(_delayed(again, wait, now)))


def _not_started(
    reason: str,
    delivery: Delivery,
    now: float,
    chance: Chance,
    *,
    came: Answer | None = None,
    most: float | None = None,
) -> Verdict:
    """By the backoff, until its start deadline."""
    ends = delivery.starts_until
    if most is not None:
        ends = min(ends, delivery.sent_at + most)
    if now >= ends:
        return _ended("NotStarted", f"not started in time: {reason}", delivery, came)
    wait = max(_doubled(FIRST_WAIT, delivery.received, chance), (came and came.retry_after) or 0)
    # Not past its end, at which it is tried once more.
    return Verdict("NotStarted", reason, _later(delivery, min(wait, ends - now), now))


def _unknown(
    reason: str,
    came: Answer | None,
    delivery: Delivery,
    endpoint: EndpointConfig | None,
    *,
    now: float,
    chance: Chance,
) -> Verdict:
    """It may have run. Asked again with the same id, once it cannot run any more, where that does no harm."""
    why = f"outcome unknown: {reason}"
    if endpoint is None or not (endpoint.ledger or delivery.post.idempotent):
        return _ended("Unknown", why, delivery, came)
    wait = delivery.post.timeout or endpoint.lease
    # The ledger knows whether it still runs: then nobody has to wait for the end of a long timeout.
    wait = (min(wait, endpoint.lease) if endpoint.ledger else wait) + MARGIN
    # Its deadline, and time to ask once more what became of the last post before it.
    if delivery.received > 1 and now >= delivery.starts_until + wait:
        return _ended("Unknown", why, delivery, came)
    return Verdict("Unknown", why, _later(delivery, max(wait, _doubled(FIRST_WAIT, delivery.received, chance)), now))


def _ended(metric: str, why: str, delivery: Delivery, came: Answer | None) -> Verdict:
    status, error = (came.status, _beginning(came)) if came else (None, "")
    return Verdict(metric, why, DeadLetter(dead(delivery.envelope, why, status=status, error=error)))


def _later(delivery: Delivery, wait: float, now: float) -> Hide | SendAgain:
    """The same message after so many seconds: for longer than SQS hides one, a new one."""
    if wait <= LONGEST_HIDDEN:
        return Hide(_whole(wait))
    return SendAgain(_delayed(delivery.envelope, wait, now, delivery.running_since))


def _delayed(envelope: Envelope, wait: float, now: float, since: float | None = None) -> Letter:
    """The message of an envelope, for so many seconds later; `since` is when it began to run, where it runs."""
    attributes = None if since is None else {RUNNING_SINCE: instant_text(_moment(since))}
    if wait > MAX_DELAY:
        envelope = replace(envelope, not_before=_moment(now + wait))
    return letter(envelope, delay=_whole(wait, MAX_DELAY, least=0), attributes=attributes)


def _doubled(first: float, times: int, chance: Chance) -> float:
    # Capped in the exponent too: a power of two overflows.
    return float(min(first * 2.0 ** (min(times, 30) - 1), LONGEST_WAIT)) * (1 - 0.5 * chance())


def _whole(wait: float, most: int = LONGEST_HIDDEN, *, least: int = 1) -> int:
    return max(least, min(most, -int(-wait // 1)))


def _moment(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=round(seconds))


def _beginning(came: Answer) -> str:
    """Of what was answered: for the dead letters, not for logs, for it may repeat what was posted."""
    return printable(came.body[:1000].decode(errors="replace").strip(), 300)
