"""One delivery, from a message body to what is to be done with the message. It touches no queue: the worker settles."""

import inspect
import logging
import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from rota import handlers, logs, payloads
from rota.async_handlers import event_loop
from rota.clock import Clock
from rota.envelope import Envelope
from rota.errors import HandlerError, RotaError, ScheduleError
from rota.manifest import Job, Manifest
from rota.queues.base import Outgoing, size_problem
from rota.run import Outcome, Run, Stop

log = logging.getLogger("rota.run")

HAND_BACK_FOR = timedelta(hours=1)
"""How long a job that is not known here is handed back: long enough for a deploy to reach every server."""

REASON_LENGTH = 1000
"""Characters of an error that travel in a message."""


@dataclass(frozen=True)
class Acknowledge:
    """Delete the message: the run is done."""


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
class Verdict:
    """What became of a delivery, why, and what to do with its message. `outcome` is None where no attempt was made."""

    outcome: Outcome | None
    reason: str
    settle: Acknowledge | SendAgain | DeadLetter


class Runner:
    """Runs deliveries of a manifest's jobs. Safe to call from many threads."""

    def __init__(
        self,
        manifest: Manifest,
        *,
        clock: Clock,
        chance: random.Random | None = None,
        hand_back_delay: timedelta = timedelta(seconds=30),
    ) -> None:
        self._manifest = manifest
        self._clock = clock
        self._chance = chance or random.Random()
        self._hand_back_delay = hand_back_delay
        self._handlers: dict[str, handlers.Handler] = {}

    def run(self, body: str, *, queue: str, stop: Stop) -> Verdict:
        """Run one delivery. Never raises for what a message or a handler does. Leaves the run, once it is known, as
        `stop.run`."""
        try:
            envelope = Envelope.decode(body)
        except Exception as error:  # noqa: BLE001 - whatever a message holds, it is this message's trouble alone
            reason = f"cannot be read: {_said(error)}"
            log.error("a message in queue %s %s; dead-lettered", queue, reason, extra={"rota_queue": queue})
            return _dead_as_it_came(body, reason)
        job = self._manifest.find(envelope.job)
        trouble = None
        try:
            envelope = _identified(envelope, job)
        except Exception as error:  # noqa: BLE001 - such as a time so near the ends of the calendar that a zone exceeds it
            trouble = error
        run = stop.run = Run(
            job=envelope.job,
            id=envelope.run or "",
            attempt=envelope.attempt,
            queue=queue,
            scheduled_at=envelope.scheduled_at,
            enqueued_at=envelope.enqueued_at,
            stop=stop,
        )
        with logs.of_run(run):
            if trouble is not None:
                return _unreadable(body, envelope, "occurrence cannot be computed", trouble)
            try:
                return self._hand_back(envelope) if job is None else self._attempt(job, body, envelope, run)
            except Exception as error:  # noqa: BLE001 - such as a payload nested too deeply to be written again
                return _unreadable(body, envelope, "cannot be settled", error)

    def _attempt(self, job: Job[Any], body: str, envelope: Envelope, run: Run) -> Verdict:
        started = self._clock.monotonic()
        try:
            # A message without a payload asks for one of defaults alone.
            given = {} if envelope.payload is None else envelope.payload
            payload = payloads.decode(job.payload, given) if job.payload else None
        except BaseException as error:  # noqa: BLE001 - the user's validators raise anything, and pydantic's panics are no Exception
            return _unreadable(body, envelope, "payload cannot be read", error)
        try:
            self._call(job, payload, run)
        except BaseException as error:  # noqa: BLE001 - whatever a handler raises, SystemExit too, fails this run alone
            took = self._clock.monotonic() - started
            return self._failed(job, envelope, error, took)
        log.info("%s succeeded in %.3f s", job.name, self._clock.monotonic() - started)
        return _SUCCEEDED

    def _call(self, job: Job[Any], payload: Any, run: Run) -> None:
        handler = self._handlers.get(job.name)
        if handler is None:
            handler = self._handlers[job.name] = handlers.resolve(job)
        seconds = None
        if job.timeout:
            seconds = job.timeout.total_seconds()
            # Both now: reading the payload and importing the handler, slow the first time, take nothing from the run.
            run = replace(run, deadline=self._clock.now() + job.timeout)
            run.stop.run, run.stop.due = run, self._clock.monotonic() + seconds
        result = handler.call(payload, run)
        # Whatever the function's kind: a plain decorator may hide that it is async.
        if inspect.isawaitable(result):
            event_loop.run(result, seconds)

    def _failed(self, job: Job[Any], envelope: Envelope, error: BaseException, took: float) -> Verdict:
        said = _printable(_told(error))[:REASON_LENGTH]
        # An attempt was made: the hour of hand-backs begins anew, should a later server not know the job.
        envelope = replace(envelope, error=said, handed_back_at=None)
        attempts = job.retry.attempts
        after = f"{job.name} failed in {took:.3f} s, attempt {envelope.attempt} of {attempts}"
        if envelope.attempt >= attempts:
            log.error("%s; dead-lettered", after, exc_info=error)
            return _dead(envelope, f"attempts exhausted ({attempts}): {said}", Outcome.FAILED)
        wait = job.retry.wait_after(envelope.attempt, chance=self._chance)
        log.warning("%s; again in %.1f s", after, wait.total_seconds(), exc_info=error)
        again = replace(envelope, attempt=envelope.attempt + 1)
        return Verdict(Outcome.FAILED, said, SendAgain(_fitting(again), wait))

    def _hand_back(self, envelope: Envelope) -> Verdict:
        """For a job that is not in this server's manifest: a newer deploy may know it."""
        now = self._clock.now()
        # Not later than now, whatever another clock or language wrote: an hour that has not begun would never end.
        since = min(envelope.handed_back_at or now, now)
        if now - since >= HAND_BACK_FOR:
            log.error("job %r of run %s is not in the manifest, for an hour; dead-lettered", envelope.job, envelope.run)
            return _dead(envelope, f"no server knew the job for {HAND_BACK_FOR}")
        again = replace(envelope, handed_back_at=since)
        delay = self._hand_back_delay * (0.5 + self._chance.random())
        log.warning("job %r of run %s is not in this server's manifest; handed back", envelope.job, envelope.run)
        return Verdict(None, "job not in this server's manifest", SendAgain(_fitting(again), delay))


_SUCCEEDED = Verdict(Outcome.SUCCEEDED, "handler returned", Acknowledge())


def _identified(envelope: Envelope, job: Job[Any] | None) -> Envelope:
    """The run with its id. An occurrence's follows from what a schedule wrote, or for a rule from the job's latest
    instant not after it fired; only who knows the job can tell that."""
    if envelope.scheduled_at is not None:
        return envelope.for_occurrence(envelope.scheduled_at)
    if envelope.fired_at is None:
        return envelope.identified()
    if job is None:
        return envelope
    # The schedule may have changed since the rule was deployed; the rule's own time is then the nearest there is.
    try:
        found = job.schedule.latest(envelope.fired_at) if job.schedule else None
    except ScheduleError:  # it counts from the deploy now
        found = None
    return envelope.for_occurrence(found or envelope.fired_at)


def _told(error: BaseException) -> str:
    if isinstance(error, HandlerError):
        return str(error)
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - a user's exception may not be able to tell what it is
        return type(error).__name__


def _said(error: BaseException) -> str:
    """What is wrong with a message: rota's own errors are sentences already."""
    return _printable(str(error) if isinstance(error, RotaError) else _told(error))[:REASON_LENGTH]


def _fitting(envelope: Envelope, attributes: dict[str, str] | None = None) -> str:
    """The message body; without the last error where SQS would not take it with. The run counts for more."""
    body = envelope.encode()
    if envelope.error is not None and size_problem(Outgoing(body, attributes=attributes or {})):
        log.warning("the error of run %s does not fit into its message, and is left out", envelope.run)
        return replace(envelope, error=None).encode()
    return body


def _dead(envelope: Envelope, reason: str, outcome: Outcome | None = None) -> Verdict:
    attributes = _attributes(reason, envelope)
    return Verdict(outcome, attributes["rota.reason"], DeadLetter(_fitting(envelope, attributes), attributes))


def _unreadable(body: str, envelope: Envelope, what: str, error: BaseException) -> Verdict:
    reason = f"{what}: {_said(error)}"
    # An error of rota's own says it all. Where any other comes from, only its traceback tells.
    log.error("%s: %s; dead-lettered", envelope.job, reason, exc_info=None if isinstance(error, RotaError) else error)
    return _dead_as_it_came(body, reason, envelope)


def _dead_as_it_came(body: str, reason: str, envelope: Envelope | None = None) -> Verdict:
    attributes = _attributes(reason, envelope)
    return Verdict(None, attributes["rota.reason"], DeadLetter(body, attributes))


def _attributes(reason: str, envelope: Envelope | None) -> dict[str, str]:
    """What stands beside a dead letter: the reason, and whose it is as far as that is known."""
    said = {"rota.reason": reason}
    if envelope is not None:
        said |= {"rota.job": envelope.job, "rota.attempt": str(envelope.attempt)}
        if envelope.run:
            said["rota.run"] = envelope.run
    return {name: _printable(text)[:REASON_LENGTH] for name, text in said.items()}


def _printable(text: str) -> str:
    """Without what SQS refuses: control characters, lone surrogates, the last two of the basic plane.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
    return "".join(
        c if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "?"
        for c in text
    )
