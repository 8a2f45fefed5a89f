"""Enqueue: ask for a run from anywhere, above all from a web process."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, overload

from rota import backends, payloads
from rota.clock import Clock, SystemClock
from rota.digests import payload_digest
from rota.envelope import Envelope
from rota.errors import EnqueueError, PayloadError
from rota.manifest import Job, Manifest
from rota.queues import base as queues
from rota.queues.base import Outgoing, QueueBackend
from rota.targets import MAX_DELAY
from rota.validators import duration_problem

P = TypeVar("P")

MAX_BYTES = queues.MAX_BYTES - 20 * 1024
"""Of one message: the rest is for what a retry or a dead letter adds, the last error above all."""


@dataclass(frozen=True)
class EnqueueFailure:
    """One payload of many that was not enqueued."""

    index: int
    """Its place among those given."""
    reason: str


class PartialEnqueueError(EnqueueError):
    """Some runs were not enqueued; `failures` says which and why, `run_ids` has an id for each that was and None for
    the rest."""

    def __init__(self, message: str, *, failures: Sequence[EnqueueFailure], run_ids: Sequence[str | None]) -> None:
        super().__init__(message)
        self.failures = tuple(failures)
        self.run_ids = tuple(run_ids)


class Client:
    """Enqueues the jobs of a manifest. Safe to share among threads; makes no request before the first enqueue.

    `backend` replaces the deployment's SQS queues, for tests and other backends.
    """

    def __init__(self, manifest: Manifest, *, backend: QueueBackend | None = None, clock: Clock | None = None) -> None:
        self._manifest = manifest
        self._given = backend
        self._made: QueueBackend | None = None
        self._made_in = 0
        self._clock = clock or SystemClock()

    @property
    def _backend(self) -> QueueBackend:
        # A fork copies open connections, and two processes must not talk on one.
        if self._made is None or self._made_in != os.getpid():
            self._made, self._made_in = self._given or backends.queue_backend(self._manifest.name), os.getpid()
        return self._made

    @overload
    def enqueue(self, job: Job[None], *, delay: timedelta = ...) -> str: ...
    @overload
    def enqueue(self, job: Job[P], payload: P, *, delay: timedelta = ...) -> str: ...
    def enqueue(self, job: Job[Any], payload: Any = None, *, delay: timedelta = timedelta()) -> str:
        """Ask for one run, `delay` from now (whole seconds, up to 15 minutes; none by default). Returns the run id.

        Raises `PayloadError` for a payload that does not fit, `EnqueueError` for a job that is not in the manifest, a
        delay or a size that SQS does not take, or a message that it refused, `SettingsError` where there is no
        deployment.
        """
        try:
            return self.enqueue_many(job, [payload], delay=delay)[0]
        except PartialEnqueueError as error:
            raise EnqueueError(f"job {job.name!r}: {error.failures[0].reason}") from error

    def enqueue_many(self, job: Job[P], payloads: Iterable[P], *, delay: timedelta = timedelta()) -> list[str]:
        """Ask for one run for each payload, in requests of up to 10 messages. Returns the run ids in the same order.

        Nothing is sent unless every payload fits. Raises what `enqueue` raises, and `PartialEnqueueError` where the
        service took some and not others.
        """
        declared = self._manifest.find(job.name)
        if declared is not job and declared != job:
            raise EnqueueError(
                f"job {job.name!r} is not in manifest {self._manifest.name!r}; add it there, for workers find it there"
            )
        if problem := duration_problem("delay", delay, least=timedelta(), most=MAX_DELAY):
            raise EnqueueError(f"job {job.name!r}: {problem}. SQS holds a message back for 15 minutes at the most")
        if job.start_deadline is not None and delay > job.start_deadline:
            raise EnqueueError(
                f"job {job.name!r}: delay {delay} is longer than its start_deadline {job.start_deadline}: the run "
                "would be skipped; give a shorter delay, or the job a later deadline"
            )
        now = self._clock.now()
        digest = payload_digest(job.payload)
        runs = [
            Envelope.new(job.name, _encode(job, payload), now=now, digest=digest, post=job.post) for payload in payloads
        ]
        messages = [Outgoing(_body(job, run), delay=int(delay.total_seconds())) for run in runs]
        failures = sorted(self._backend.queue(job.queue.name).send(messages))
        refused = {failed.place: failed.reason for failed in failures}
        if refused:
            raise PartialEnqueueError(
                f"job {job.name!r}: {len(refused)} of {len(runs)} runs were not enqueued; "
                f"the first: {failures[0].reason}",
                failures=[EnqueueFailure(*failed) for failed in failures],
                run_ids=[None if index in refused else run.run for index, run in enumerate(runs)],
            )
        return [run.run for run in runs if run.run]


def _encode(job: Job[Any], payload: Any) -> Any:
    if job.payload is None:
        if payload is not None:
            raise PayloadError(f"job {job.name!r} takes no payload; got {payload!r}")
        return None
    try:
        return payloads.encode(job.payload, payload)
    except PayloadError as error:
        raise PayloadError(f"job {job.name!r}: {error}") from None


def _body(job: Job[Any], run: Envelope) -> str:
    body = run.encode()
    if (size := len(body.encode())) > MAX_BYTES:
        raise EnqueueError(
            f"job {job.name!r}: the message has {size} bytes, at most {MAX_BYTES} leave SQS room for retries; "
            "put the data in S3, and its key in the payload"
        )
    return body
