"""One delivery, from a message body to what is to be done with the message. It touches no queue: the worker settles."""

import inspect
import logging
import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from rota import handlers, logs, payloads
from rota.async_handlers import EventLoop
from rota.clock import Clock
from rota.envelope import Envelope
from rota.errors import EnvelopeError, HandlerError, PayloadError, ScheduleError
from rota.manifest import Job, Manifest
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
        self._loop = EventLoop()

    def close(self) -> None:
        """Stop the event loop of async handlers."""
        self._loop.close()

    def run(self, body: str, *, queue: str, stop: Stop) -> Verdict:
        """Run one delivery. Never raises for what a message or a handler does."""
        try:
            envelope = Envelope.decode(body)
        except EnvelopeError as error:
            log.error("a message in queue %s cannot be read: %s; dead-lettered", queue, error)
            return _dead_body(body, f"cannot be read: {error}", {})
        job = self._manifest.find(envelope.job)
        if job is None:
            return self._hand_back(envelope)
        envelope = _with_occurrence(envelope, job).identified()
        run = Run(
            job=job.name,
            id=envelope.run or "",
            attempt=envelope.attempt,
            queue=queue,
            scheduled_at=envelope.scheduled_at,
            enqueued_at=envelope.enqueued_at,
            deadline=self._clock.now() + job.timeout if job.timeout else None,
            stop=stop,
        )
        with logs.of_run(run):
            return self._attempt(job, envelope, run)

    def _attempt(self, job: Job[Any], envelope: Envelope, run: Run) -> Verdict:
        started = self._clock.monotonic()
        try:
            # A message without a payload asks for one of defaults alone.
            given = {} if envelope.payload is None else envelope.payload
            payload = payloads.decode(job.payload, given) if job.payload else None
        except PayloadError as error:
            return _dead(envelope, f"payload cannot be read: {error}")
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
            run.stop.due = self._clock.monotonic() + seconds
        result = handler.call(payload, run)
        # Whatever the function's kind: a plain decorator may hide that it is async.
        if inspect.isawaitable(result):
            self._loop.run(result, seconds)

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
        return Verdict(Outcome.FAILED, said, SendAgain(again.encode(), wait))

    def _hand_back(self, envelope: Envelope) -> Verdict:
        """For a job that is not in this server's manifest: a newer deploy may know it."""
        now = self._clock.now()
        since = envelope.handed_back_at or now
        if now - since >= HAND_BACK_FOR:
            log.error("job %r of run %s is not in the manifest, for an hour; dead-lettered", envelope.job, envelope.run)
            return _dead(envelope, f"no server knew the job for {HAND_BACK_FOR}")
        again = replace(envelope.identified() if not _is_scheduled(envelope) else envelope, handed_back_at=since)
        delay = self._hand_back_delay * (0.5 + self._chance.random())
        log.warning("job %r of run %s is not in this server's manifest; handed back", envelope.job, envelope.run)
        return Verdict(None, "job not in this server's manifest", SendAgain(again.encode(), delay))


_SUCCEEDED = Verdict(Outcome.SUCCEEDED, "handler returned", Acknowledge())


def _is_scheduled(envelope: Envelope) -> bool:
    return envelope.scheduled_at is not None or envelope.fired_at is not None


def _with_occurrence(envelope: Envelope, job: Job[Any]) -> Envelope:
    """The run's occurrence: what a schedule wrote, or for a rule the job's latest instant not after it fired."""
    if envelope.scheduled_at is not None:
        return envelope.for_occurrence(envelope.scheduled_at)
    if envelope.fired_at is None:
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


def _dead(envelope: Envelope, reason: str, outcome: Outcome | None = None) -> Verdict:
    attributes = {"rota.job": envelope.job, "rota.attempt": str(envelope.attempt)}
    if envelope.run:
        attributes["rota.run"] = envelope.run
    return _dead_body(envelope.encode(), reason, attributes, outcome)


def _dead_body(body: str, reason: str, attributes: dict[str, str], outcome: Outcome | None = None) -> Verdict:
    reason = _printable(reason)[:REASON_LENGTH]
    return Verdict(outcome, reason, DeadLetter(body, {"rota.reason": reason, **attributes}))


def _printable(text: str) -> str:
    """Without what SQS refuses: control characters, lone surrogates, the last two of the basic plane.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
    return "".join(
        c if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "?"
        for c in text
    )
