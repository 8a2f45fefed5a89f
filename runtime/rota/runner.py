"""One delivery, from a message body to what is to be done with the message. It touches no queue: the worker settles."""

import inspect
import logging
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from rota import handlers, logs, payloads
from rota.admission import Admission
from rota.async_handlers import event_loop
from rota.clock import Clock
from rota.digests import payload_digest
from rota.envelope import Envelope
from rota.errors import BackendError, LedgerError, RotaError
from rota.failures import Failure, printable, told
from rota.ledger import Claim, Ledger
from rota.manifest import Job, Manifest
from rota.occurrences import identified
from rota.run import Outcome, Run, Stop
from rota.targets import MAX_DELAY
from rota.verdicts import (
    REASON_LENGTH,
    Acknowledge,
    DeadLetter,
    Leave,
    SendAgain,
    Verdict,
    dead,
    dead_as_it_came,
    fitting,
)

log = logging.getLogger("rota.run")

HAND_BACK_FOR = timedelta(hours=1)
"""How long a run that this server cannot read is handed back: long enough for a deploy to reach every server."""


class Runner:
    """Runs deliveries of a manifest's jobs. Safe to call from many threads. `resolve` gives a job's handler, where it
    is not to be imported as declared: in simulations."""

    def __init__(
        self,
        manifest: Manifest,
        *,
        clock: Clock,
        ledger: Ledger | None = None,
        chance: random.Random | None = None,
        hand_back_delay: timedelta = timedelta(seconds=30),
        resolve: Callable[[Job[Any]], handlers.Handler] = handlers.resolve,
    ) -> None:
        self._manifest = manifest
        self._resolve = resolve
        self._clock = clock
        self._chance = chance or random.Random()
        self._hand_back_delay = hand_back_delay
        self._admission = Admission(ledger, clock, self._chance)
        self._handlers: dict[str, handlers.Handler] = {}

    def run(
        self, body: str, *, queue: str, stop: Stop, message: str = "", begins: Callable[[], None] | None = None
    ) -> Verdict:
        """Run one delivery. Never raises for what a message or a handler does. Leaves the run, once it is known, as
        `stop.run`, and its claim as `stop.claim`. `message` is the queue's name of the message, the same at each
        delivery: the id of a run that has none. `begins` is called before the handler is, if it is."""
        try:
            envelope = Envelope.decode(body)
        except Exception as error:  # noqa: BLE001 - whatever a message holds, it is this message's trouble alone
            reason = f"cannot be read: {_said(error)}"
            log.error("a message in queue %s %s; dead-lettered", queue, reason, extra={"rota_queue": queue})
            return dead_as_it_came(body, reason)
        job = self._manifest.find(envelope.job)
        trouble = None
        try:
            envelope = identified(envelope, job)
            if envelope.fired_at is None:  # else its id follows from a job that is not known here
                # At each delivery the same, or a run that lost its server would be another one after that.
                envelope = replace(envelope, run=envelope.run or message).identified()
        except Exception as error:  # noqa: BLE001 - such as a time so near the ends of the calendar that a zone exceeds it
            trouble = error
        run = stop.run = Run(
            job=envelope.job,
            id=envelope.run or "",
            attempt=envelope.attempt,
            queue=queue,
            endpoint=envelope.endpoint,
            scheduled_at=envelope.scheduled_at,
            enqueued_at=envelope.enqueued_at,
            stop=stop,
        )
        with logs.of_run(run):
            if trouble is not None:
                return self._unreadable(job, body, envelope, "occurrence cannot be computed", trouble)
            try:
                if job is None:
                    return self._hand_back(None, envelope, "its job is not in this server's manifest")
                return self._attempt(job, body, envelope, run, begins)
            except LedgerError as error:
                return self._without_ledger(envelope, error)
            except Exception as error:  # noqa: BLE001 - such as a payload nested too deeply to be written again
                return self._unreadable(job, body, envelope, "cannot be settled", error, claim=stop.claim)

    def _attempt(
        self, job: Job[Any], body: str, envelope: Envelope, run: Run, begins: Callable[[], None] | None
    ) -> Verdict:
        try:
            # A message without a payload asks for one of defaults alone.
            given = {} if envelope.payload is None else envelope.payload
            payload = payloads.decode(job.payload, given) if job.payload else None
        except BaseException as error:  # noqa: BLE001 - the user's validators raise anything, and pydantic's panics are no Exception
            if envelope.digest is not None and envelope.digest != payload_digest(job.payload):
                return self._hand_back(job, envelope, f"its payload is of another version: {_said(error)}")
            return self._unreadable(job, body, envelope, "payload cannot be read", error)
        if envelope.handed_back_at is not None:
            envelope = replace(envelope, handed_back_at=None)  # this server can read it: the hour is over
        admitted = self._admission.ask(job, payload, envelope)
        if isinstance(admitted, Verdict):
            is_dead = isinstance(admitted.settle, DeadLetter)
            level, then = (logging.ERROR, "; dead-lettered") if is_dead else (logging.INFO, "")
            log.log(level, "%s is not started: %s%s", job.name, admitted.reason, then)
            return admitted
        if (claim := admitted.claim) is not None:
            # What is on record counts: the message may be a duplicate from before an attempt or a redrive.
            on_record = claim.record
            envelope = replace(envelope, attempt=on_record.attempt, redrives=on_record.redrives)
            run.stop.claim = claim
            run = run.stop.run = replace(run, attempt=claim.record.attempt, token=claim.token)
        with logs.of_run(run):
            if begins is not None:
                begins()
            started = self._clock.monotonic()
            ended = self._call(job, payload, run)
            took = self._clock.monotonic() - started
            if isinstance(ended, Failure):
                return self._failed(job, envelope, ended, took, run.stop)
            log.info("%s succeeded in %.3f s", job.name, took)
            return self._complete(claim, Verdict(Outcome.SUCCEEDED, ended, Acknowledge()))

    def _call(self, job: Job[Any], payload: Any, run: Run) -> str | Failure:
        """Call the handler, or run the command; why it succeeded, or what was raised."""
        try:
            handler = self._handlers.get(job.name)
            if handler is None:
                handler = self._handlers[job.name] = self._resolve(job)
            seconds = None
            if job.isolation == "process":
                from rota import isolation

                # Before the clock starts: a new child imports the application first.
                isolation.prepare(job, run.stop)
            if job.timeout:
                seconds = job.timeout.total_seconds()
                # Both now: reading the payload and importing the handler, slow at first, take nothing from the run.
                run = replace(run, deadline=self._clock.now() + job.timeout)
                run.stop.run, run.stop.due = run, self._clock.monotonic() + seconds
            if job.isolation == "process":
                isolation.call(job, payload, run)
                return _RETURNED
            result = handler.call(payload, run)
            # Whatever the function's kind: a plain decorator may hide that it is async.
            if inspect.isawaitable(result):
                event_loop.run(result, seconds)
            return _RETURNED if job.command is None else str(result)
        except BaseException as error:  # noqa: BLE001 - whatever a handler raises, SystemExit too, fails this run alone
            return Failure.of(error)

    def _failed(self, job: Job[Any], envelope: Envelope, failure: Failure, took: float, stop: Stop) -> Verdict:
        claim = stop.claim
        if claim is not None and claim.asked_to_stop is not None:
            log.info("%s stopped after %.3f s: %s", job.name, took, claim.asked_to_stop)
            return self._complete(claim, Verdict(Outcome.CANCELLED, claim.asked_to_stop, Acknowledge()))
        # An attempt was made: the hour of hand-backs begins anew, should a later server not know the job.
        envelope = replace(envelope, error=failure.said, handed_back_at=None)
        attempts, retry = job.retry.attempts, job.retry
        after = f"{job.name} failed in {took:.3f} s, attempt {envelope.attempt} of {attempts}"
        final = None
        if failure.give_up:
            final = f"given up: {failure.said}"
        elif failure.retry_after is None and not retry.applies_to(failure):
            final = f"not to be tried again: {failure.said}"
        elif envelope.attempt >= attempts:
            final = f"attempts exhausted ({attempts}): {failure.said}"
        if final is not None:
            failure.log(log, logging.ERROR, f"{after}; dead-lettered")
            verdict = dead(envelope, final, Outcome.FAILED, error=failure.said, traceback=failure.traceback_digest)
            return self._complete(claim, verdict)
        wait = retry.wait_after(envelope.attempt, chance=self._chance)
        if failure.retry_after is not None:
            wait = failure.retry_after
        failure.log(log, logging.WARNING, f"{after}; again in {wait.total_seconds():.1f} s")
        try:
            due = (self._clock.now() if claim is None else self._admission.now()) + wait
        except LedgerError as error:
            return self._not_on_record(Outcome.FAILED, error)
        again = replace(envelope, attempt=envelope.attempt + 1, not_before=due if wait > MAX_DELAY else None)
        verdict = Verdict(Outcome.FAILED, failure.said, SendAgain(fitting(again), wait))
        return self._complete(claim, verdict, retry_at=due)

    def _complete(self, claim: Claim | None, verdict: Verdict, *, retry_at: datetime | None = None) -> Verdict:
        """The verdict, once it is on record; another, where it cannot be."""
        if claim is None or verdict.outcome is None:
            return verdict
        try:
            if claim.complete(verdict.outcome, verdict.reason, retry_at=retry_at):
                return replace(verdict, on_record=True)
        except BackendError as error:
            return self._not_on_record(verdict.outcome, error)
        log.error("another server has taken this run over: its outcome %s does not count here", verdict.outcome)
        return Verdict(Outcome.ABANDONED, "taken over by another server", Leave())

    def _not_on_record(self, outcome: Outcome, error: BackendError) -> Verdict:
        log.error("the outcome %s could not be put on record, the run may run again: %s", outcome, error)
        return Verdict(None, f"not on record: {error}", Leave())

    def _hand_back(self, job: Job[Any] | None, envelope: Envelope, why: str) -> Verdict:
        """For what this server cannot read: a newer, or an older, may."""
        now = self._clock.now()
        # Not later than now, whatever another clock or language wrote: an hour that has not begun would never end.
        since = min(envelope.handed_back_at or now, now)
        if now - since >= HAND_BACK_FOR:
            log.error("run %s: %s, for an hour; dead-lettered", envelope.run, why)
            verdict = dead(envelope, f"no server could read it for {HAND_BACK_FOR}: {why}", Outcome.FAILED)
            return self._refused(job, envelope, verdict)
        log.warning("run %s: %s; handed back", envelope.run, why)
        again = replace(envelope, handed_back_at=since)
        return Verdict(None, why, SendAgain(fitting(again), self._a_while()))

    def _without_ledger(self, envelope: Envelope, error: LedgerError) -> Verdict:
        """Whether the run may start is not known now: it comes again until it is."""
        log.warning("run %s is not started, will be tried again: %s", envelope.run, error)
        return Verdict(None, str(error), SendAgain(fitting(envelope), self._a_while()))

    def _a_while(self) -> timedelta:
        return self._hand_back_delay * (0.5 + self._chance.random())

    def _unreadable(
        self,
        job: Job[Any] | None,
        body: str,
        envelope: Envelope,
        what: str,
        error: BaseException,
        *,
        claim: Claim | None = None,
    ) -> Verdict:
        reason = f"{what}: {_said(error)}"
        # An error of rota's own says it all. Where any other comes from, only its traceback tells.
        trace = None if isinstance(error, RotaError) else error
        log.error("%s: %s; dead-lettered", envelope.job, reason, exc_info=trace)
        try:
            verdict = dead(envelope, reason, Outcome.FAILED)
        except Exception:  # noqa: BLE001 - such as a payload nested too deeply to be written again
            verdict = dead_as_it_came(body, reason, envelope)
        return self._refused(job, envelope, verdict) if claim is None else self._complete(claim, verdict)

    def _refused(self, job: Job[Any] | None, envelope: Envelope, verdict: Verdict) -> Verdict:
        """The verdict of a run that gets no attempt; on record, if the job is known and the ledger answers."""
        try:
            if job is not None:
                self._admission.refuse(job, envelope, verdict.reason)
        except Exception as error:  # noqa: BLE001 - whatever cannot be put on record is dead-lettered all the same
            log.warning("run %s is not on record: %s", envelope.run, error)
        return verdict


_RETURNED = "handler returned"


def _said(error: BaseException) -> str:
    """What is wrong with a message: rota's own errors are sentences already."""
    return printable(str(error) if isinstance(error, RotaError) else told(error))[:REASON_LENGTH]
