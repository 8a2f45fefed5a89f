"""What follows from an answer, or from none: the table of docs/http.md. Rules alone; times are seconds since 1970."""

import random
from collections.abc import Callable, Mapping
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
"""Between two questions whether a run still runs."""
FIRST_RETRY = 10.0
"""Before the second attempt, where a server does not say; then doubled."""
LIMIT = 6 * 3600.0
"""How long it is tried where the job has no start deadline."""
UNKNOWN_THERE = 3600.0
"""The same where the servers do not know the job: a deploy does not take longer."""
MARGIN = 5.0
"""Beyond the time after which it cannot run any more."""
LONGEST_HIDDEN = 42_000
"""SQS hides a message for 43,200 seconds after the receive: for a little less after a request has ended.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html"""
FRESH, MANY = 3600.0, 200
"""For how long, and how often, the same message asks; then a new one, for a queue counts deliveries, and days."""
OLDEST = 6 * 86_400.0
"""A queue keeps a message for 7 days."""
ASK_WITHIN = 3600.0
"""Whatever a server says, it is asked again after so many seconds whether a run still runs."""
RUNNING_SINCE, UNKNOWN_SINCE, FIRST_SENT = "rota.running_since", "rota.unknown_since", "rota.first_sent"
"""Message attributes, each an instant: since when a server says that it runs, nobody knows whether it does, or, for a
message that was sent anew, it is tried."""


class Delivery(NamedTuple):
    """One delivery of a message for one endpoint."""

    envelope: Envelope
    endpoint: EndpointConfig | None
    """None where the trigger does not know it."""
    now: float
    sent_at: float
    received: int = 1
    """How often, this time included."""
    marks: Mapping[str, float] = {}
    """These, as seconds."""
    changed: bool = False
    """Whether the envelope is not the message's any more."""
    chance: Callable[[], float] = random.random

    @property
    def post(self) -> Post:
        """How it is posted."""
        assert self.envelope.post is not None  # noqa: S101 - split() gives each one
        return self.envelope.post

    @property
    def start_deadline(self) -> float | None:
        """Its job's, in seconds: for the first start of a run alone."""
        later = self.envelope.attempt > 1 or self.envelope.redrives or RUNNING_SINCE in self.marks
        return None if later else self.post.start_deadline

    @property
    def tried_since(self) -> float:
        """Since when it is tried in vain: limits count from it."""
        if FIRST_SENT in self.marks:
            return self.marks[FIRST_SENT]
        if RUNNING_SINCE in self.marks:
            return self.now
        due = self.envelope.not_before
        return max(self.sent_at, due.timestamp() if due else 0)

    @property
    def starts_until(self) -> float:
        """Until when it is tried."""
        deadline, since = self.start_deadline, self.tried_since
        if deadline is None:
            return since + LIMIT
        due = self.envelope.scheduled_at or self.envelope.enqueued_at
        return min((due.timestamp() if due else since) + deadline, since + OLDEST)

    @property
    def begun(self) -> bool:
        """Whether it runs, or may have run."""
        return RUNNING_SINCE in self.marks or UNKNOWN_SINCE in self.marks

    @property
    def old(self) -> bool:
        """Whether to go on with a new message."""
        return self.now - self.sent_at >= FRESH or self.received >= MANY

    def again(self, wait: float, *, anew: bool = False, **marks: float) -> "Hide | SendAgain":
        """The same message after so many seconds; a new one where it says more, or cannot be hidden so long."""
        if not (anew or self.changed) and wait <= LONGEST_HIDDEN:
            return Hide(_whole(wait))
        return _send(self.envelope, wait, self.now, {FIRST_SENT: self.tried_since, **self.marks, **marks})


class Delete(NamedTuple):
    """The message is done with."""


class Hide(NamedTuple):
    """It comes again after so many seconds."""

    seconds: int


class SendAgain(NamedTuple):
    """Send this to the trigger queue instead."""

    letter: Letter


class DeadLetter(NamedTuple):
    """Send this to the dead letters instead."""

    letter: Letter


class Verdict(NamedTuple):
    """What became of a post, why, and what to do with it."""

    metric: str | None
    """ "Succeeded", "Failed", "Unknown" or "NotStarted"; None while it runs."""
    reason: str
    settle: Delete | Hide | SendAgain | DeadLetter


def judge(came: Answer | NoAnswer, d: Delivery) -> Verdict:  # noqa: PLR0911 - one for each row of the table
    """The verdict on what came of a post."""
    if isinstance(came, NoAnswer):
        return _unknown(came.reason, d) if came.begun else _not_started(came.reason, d, most=came.most)
    status = came.status
    report = Report.of(came.body, d.envelope.job)
    known = report.of_run(d.envelope)
    d = d._replace(envelope=known, changed=known != d.envelope)
    reason = f"the endpoint answered {status}"
    if 200 <= status < 300 and d.endpoint and d.endpoint.ledger and not (report.ours or came.of_rota):
        return _not_started(f"something else answered {status} at this path", d, came, most=UNKNOWN_THERE)
    if 200 <= status < 300 and status != 202:
        return Verdict("Succeeded", report.reason or reason, Delete())
    if status == 202 and d.endpoint:
        return _running(came, d, d.endpoint)
    if status == 500:
        return _failed(report, came, d)
    if status in (503, 429, 401):
        # Who waits for a lock loses its place unless it asks when told to. A balancer or a full pool knows no run.
        return _not_started(reason, d, came, waits=status == 503 and report.ours and report.run == known.run)
    if status in (404, 408, 421, 425):
        return _not_started(reason, d, came, most=UNKNOWN_THERE)
    if 300 <= status < 500:
        return _ended("NotStarted", f"{reason}, and will never accept it", d, came)
    return _unknown(reason, d, came)


def not_due(d: Delivery) -> Verdict | None:
    """What to do with a message whose time has not come; None for any other."""
    due = d.envelope.not_before
    wait = due.timestamp() - d.now if due else 0
    if wait <= 0:
        return None
    # A new one from time to time: the queue must not forget it before its time comes.
    fresh = d.now - d.sent_at < OLDEST / 6
    return Verdict(None, "not due yet", Hide(_whole(wait)) if fresh else _send(d.envelope, wait, d.now, d.marks))


def too_late(d: Delivery) -> Verdict | None:
    """What to do with a message that came behind its start deadline; None for any other, and for servers with a ledger:
    they put on record that it is skipped."""
    posted = d.received > 1 or d.marks or d.envelope.not_before is not None
    if d.endpoint is None or d.endpoint.ledger or posted or d.start_deadline is None or d.now < d.starts_until:
        return None
    return _ended("NotStarted", "not started in time", d)


def left(d: Delivery) -> Verdict:
    """What to do with a message for a server that has left: nobody is to run it, but what was begun or asked for again
    is not forgotten."""
    if d.begun:
        return _ended("Unknown", "outcome unknown, and the server has left", d)
    if d.envelope.redrives or d.envelope.attempt > 1:
        return _ended("NotStarted", "server left", d)
    return Verdict(None, "server left", Delete())


def _running(came: Answer, d: Delivery, endpoint: EndpointConfig) -> Verdict:
    since = d.marks.get(RUNNING_SINCE, d.now)
    if d.now - since > OLDEST:
        why = f"it is said to run since {instant_text(_moment(since))}: for too long"
        return _ended(None, why, d, came)
    usual = endpoint.lease + MARGIN if came.retry_after is None else came.retry_after
    wait = min(max(usual, LEAST_WAIT), ASK_WITHIN)
    # What was tried before it ran does not count any more.
    if set(d.marks) == {RUNNING_SINCE} and not (d.old or d.changed):
        return Verdict(None, "it runs", d.again(wait))
    return Verdict(None, "it runs", _send(d.envelope, wait, d.now, {RUNNING_SINCE: since}))


def _failed(report: Report, came: Answer, d: Delivery) -> Verdict:
    ran, tried = d.envelope, d.envelope.attempt
    error = report.error or _beginning(came) or "the endpoint answered 500"
    reason = report.reason or "the attempt failed"
    if report.final or (report.again_in is None and tried >= d.post.attempts):
        why = reason if report.final else f"{reason}; it has had {tried} attempts"
        # Of a late duplicate too: else its redrive would do nothing.
        ran = replace(ran, redrives=max(ran.redrives, report.redrives))
        made = dead(ran, why, status=came.status, error=error, traceback=report.traceback)
        return Verdict("Failed", why, DeadLetter(made))
    wait = report.again_in if report.again_in is not None else _doubled(FIRST_RETRY, tried, d)
    following = report.attempt if report.attempt is not None and report.attempt > tried else tried + 1
    again = replace(ran, attempt=following, error=printable(error), handed_back_at=None)
    return Verdict("Failed", reason, _send(again, wait, d.now, {}))


def _not_started(
    reason: str, d: Delivery, came: Answer | None = None, *, most: float | None = None, waits: bool = False
) -> Verdict:
    """By the backoff, until its start deadline; where it `waits` in a line of others, when it is told to."""
    ends = min(d.starts_until, d.tried_since + (OLDEST if most is None else most))
    if d.now >= ends:
        metric, why = ("Unknown", "outcome unknown") if d.begun else ("NotStarted", "not started in time")
        return _ended(metric, f"{why}: {reason}", d, came)
    told = (came and came.retry_after) or 0
    waits = waits and told > 0
    running = d.marks.get(RUNNING_SINCE)
    if waits and told > MAX_DELAY and running is not None and d.now - running < OLDEST:
        # Its next attempt is due then, and is tried as long as any.
        return Verdict("NotStarted", reason, _send(d.envelope, told, d.now, {RUNNING_SINCE: running}))
    wait = told + d.chance() if waits else max(_doubled(FIRST_WAIT, d.received, d), told)
    # One that runs is missed from now on. Not past its end: then it is tried once more.
    anew = (waits and d.old) or (RUNNING_SINCE in d.marks and FIRST_SENT not in d.marks)
    return Verdict("NotStarted", reason, d.again(min(wait, ends - d.now), anew=anew))


def _unknown(reason: str, d: Delivery, came: Answer | None = None) -> Verdict:
    """It may have run. Asked again once it cannot run any more, where that does no harm."""
    why = f"outcome unknown: {reason}"
    if d.endpoint is None or not (d.endpoint.ledger or d.post.idempotent):
        return _ended("Unknown", why, d, came)
    wait = d.post.timeout or d.endpoint.lease
    # The ledger knows before a long timeout ends whether it still runs.
    wait = (min(wait, d.endpoint.lease) if d.endpoint.ledger else wait) + MARGIN
    asked = UNKNOWN_SINCE in d.marks
    # Its deadline, and time to ask what became of the last post before it.
    if asked and d.now >= d.starts_until + wait:
        return _ended("Unknown", why, d, came)
    wait = max(wait, _doubled(FIRST_WAIT, d.received, d))
    return Verdict("Unknown", why, d.again(wait) if asked else d.again(wait, anew=True, **{UNKNOWN_SINCE: d.now}))


def _ended(metric: str | None, why: str, d: Delivery, came: Answer | None = None) -> Verdict:
    status, error = (came.status, _beginning(came)) if came else (None, "")
    return Verdict(metric, why, DeadLetter(dead(d.envelope, why, status=status, error=error)))


def _send(envelope: Envelope, wait: float, now: float, marks: Mapping[str, float]) -> SendAgain:
    attributes = {name: instant_text(_moment(since)) for name, since in marks.items()}
    envelope = replace(envelope, not_before=_moment(now + wait) if wait > MAX_DELAY else None)
    return SendAgain(letter(envelope, delay=_whole(wait, MAX_DELAY, least=0), attributes=attributes))


def _doubled(first: float, times: int, d: Delivery) -> float:
    # Capped in the exponent too: a power of two overflows.
    return float(min(first * 2.0 ** (min(times, 30) - 1), LONGEST_WAIT)) * (1 - 0.5 * d.chance())


def _whole(wait: float, most: int = LONGEST_HIDDEN, *, least: int = 1) -> int:
    return max(least, min(most, -int(-wait // 1)))


def _moment(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=round(seconds))


def _beginning(came: Answer) -> str:
    """For the dead letters, not for logs: it may repeat what was posted."""
    return printable(came.body[:1000].decode(errors="replace").strip(), 300)
