"""The server side of an endpoint, without a framework: from a request to an answer. `wsgi` and `asgi` are around it."""

import logging
import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import timedelta

import rota
from rota.clock import Clock, SystemClock
from rota.endpoint import answers, identity, verifier
from rota.endpoint.answers import Response, problem
from rota.endpoint.opened import Keys, Opened, Options, open_, pool_of, ring_of
from rota.endpoint.pool import AlreadyHereError, Pool, Posted
from rota.envelope import Envelope
from rota.errors import EnvelopeError, ManifestError, SettingsError, SignatureError
from rota.ledger import Ledger
from rota.ledger.records import key_of_envelope
from rota.locks.base import LockProvider
from rota.manifest import Job, Manifest
from rota.occurrences import identified
from rota.targets import TRIGGER, Endpoint
from rota.upkeep import at_exit, forking, sigterm

log = logging.getLogger("rota.endpoint")

LIMIT = 1024 * 1024
"""Bytes of a body: what SQS takes, and so the most that the trigger posts."""

GRACE = timedelta(seconds=20)
"""How long a stop lets runs finish, from SIGTERM on: they have 5 seconds more to heed the word to stop, and gunicorn
kills after 30."""

MARGIN = timedelta(seconds=5)
"""How long before the load balancer gives up an answer is sent."""

PAUSE = 5.0
"""Seconds after which what could not be opened is tried again."""


FORGIVEN = 60.0
"""Seconds after which that is no longer a matter of health: nothing is posted to a server that is not well, and so
nothing would try it again."""

_NOT_STARTED = (
    "job %s, run %s is not started: endpoint %s has no ledger, and without one a run must be answered within %.0f s: "
    "else it is posted again, and another server starts it too. Give the job a timeout= of so long at the most, "
    "deploy the ledger (Endpoint(ledger=True), `cdk deploy`), or declare it idempotent=True"
)

_VERSION = ("rota-version", rota.__version__)
"""Beside the answers to signed requests alone."""


@dataclass(frozen=True)
class Pending:
    """An answer to come, and what to answer when it does not within `seconds`."""

    answer: Future[Response]
    seconds: float
    late: Response


class Core:
    """One server behind an endpoint; see `RotaMiddleware` of `rota.endpoint.wsgi` for the options.

    Everything that it needs is found when the first run comes, in the process that it comes to: a server may fork after
    it has made this.
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        endpoint: str | Endpoint | None = None,
        ledger: Ledger | None = None,
        locks: Mapping[str, LockProvider] | None = None,
        keys: Keys | None = None,
        concurrency: int = 4,
        grace: timedelta = GRACE,
        clock: Clock | None = None,
    ) -> None:
        if concurrency < 1:
            raise ManifestError(f"concurrency must be at least 1; got {concurrency}")
        if locks and ledger is not None:
            raise SettingsError(
                "locks= is for the deployment's ledger, and ledger= replaces that; "
                "give the providers to a ledger: RotaMiddleware(ledger=Ledger(store, locks=...))"
            )
        clock = clock or SystemClock()
        chosen = identity.chosen(manifest, endpoint.name if isinstance(endpoint, Endpoint) else endpoint)
        ring = ring_of(keys, clock)
        self.endpoint = chosen
        self._options = Options(
            manifest=manifest,
            endpoint=chosen,
            ledger=ledger,
            locks=dict(locks or {}),
            keys=ring,
            concurrency=concurrency,
            clock=clock,
        )
        self._clock, self._grace = clock, grace.total_seconds()
        # A signal's handler may call `stop` while the same thread has it.
        self._lock = threading.RLock()
        self._opened: Opened | None = None
        self._leaving: list[Pool] = []
        self._failed_at: float | None = None
        self._stopping = False
        self._exit_of: int | None = None
        self._hears_in: int | None = None
        self._health: tuple[str, ...] = ()

    # A request

    def head(self, method: str, path: str, headers: Mapping[str, str]) -> Response | int | None:
        """What can be said before the body: None where it is not for an endpoint, and the application's; a refusal; or
        how many bytes of the body to read, one more than a body may have. Names of `headers` are in lower case."""
        if path == f"{self.endpoint.path}/health":
            if method not in ("GET", "HEAD"):
                return problem(405).beside(("allow", "GET, HEAD"))
            return self._health_answer()
        if path != self.endpoint.path:
            return None
        if method != "POST":
            return problem(405).beside(("allow", "POST"))
        return answers.length_problem(headers.get("content-length", "").strip(), LIMIT) or LIMIT + 1

    def take(self, headers: Mapping[str, str], body: bytes) -> Response | Pending:
        """The answer to a request with this body, whatever it holds. May ask AWS, and wait for that."""
        if len(body) > LIMIT:
            return problem(413)
        try:
            return self._take(headers, body)
        except Exception:
            # No stranger comes so far, nor does the trigger: but an answer of 500 would count as an attempt.
            log.exception("a request to endpoint %s is refused by an error of rota's own", self.endpoint.name)
            return problem(503, retry_after=PAUSE)

    def _take(self, headers: Mapping[str, str], body: bytes) -> Response | Pending:
        if self._stopping:
            return problem(503, retry_after=1)
        try:
            verifier.check_form(headers, self._clock.now().timestamp())  # before a stranger has anything read
            if (opened := self._open()) is None:
                return problem(503, retry_after=PAUSE)
            verifier.check(opened.ring, headers, body, self._clock.now().timestamp())
        except SignatureError as error:
            log.warning("a request to endpoint %s is refused: %s", self.endpoint.name, error)
            return problem(401)
        return self._signed(opened, body)

    def _signed(self, opened: Opened, body: bytes) -> Response | Pending:
        """Of one who has a key; still nobody to be trusted with an exception."""
        try:
            text = body.decode()
            envelope = Envelope.decode(text)
        except (EnvelopeError, UnicodeDecodeError) as error:
            return self._refused(400, str(error))
        if not identity.is_for(self.endpoint, envelope):
            return self._refused(421, f"it is for {envelope.endpoint!r}")
        job = identity.job_of(self._options.manifest, self.endpoint, envelope)
        if job is None:
            return self._refused(404, f"no job {envelope.job!r} runs here")
        try:
            envelope = identified(envelope, job)
        except Exception as error:  # noqa: BLE001 - such as a time so near the ends of the calendar that a zone exceeds it
            return self._refused(400, f"its occurrence cannot be computed: {error}")
        if envelope.run is None:
            return self._refused(400, "it has no run")
        return self._start(opened, job, envelope, text)

    def _refused(self, status: int, why: str) -> Response:
        log.warning("a signed request to endpoint %s is refused with %d: %s", self.endpoint.name, status, why[:1000])
        return problem(status).beside(_VERSION)

    def _start(self, opened: Opened, job: Job[object], envelope: Envelope, body: str) -> Response | Pending:
        endpoint, known = self.endpoint, answers.of_envelope(envelope)
        runs = answers.running(known, endpoint.lease).beside(_VERSION)
        longest = endpoint.idle_timeout - MARGIN
        at_its_end = job.timeout is not None and job.timeout <= longest
        # What is asked for again, another server may start again at the same time: nobody tells it.
        once = opened.unshared and not job.idempotent
        if once and not at_its_end:
            log.error(_NOT_STARTED, job.name, envelope.run, endpoint.name, longest.total_seconds())
            return problem(503).beside(_VERSION)
        late = problem(504).beside(_VERSION) if once else runs

        def work(posted: Posted) -> None:
            begins = None if at_its_end else lambda: posted.say(runs)
            try:
                verdict = opened.runner.run(body, queue=TRIGGER.name, stop=posted.stop, begins=begins)
                answer = answers.of_verdict(verdict, posted.stop.run, endpoint.lease)
                opened.pool.end(posted, answer.beside(_VERSION))
            finally:
                posted.say(late)  # by an error of rota's own: what became of it, the ledger knows

        try:
            posted = opened.pool.take(key_of_envelope(envelope, target=envelope.endpoint or ""), work)
        except AlreadyHereError as error:
            if not once:
                return runs
            posted = error.posted
        if posted is None:
            return problem(503, retry_after=1).beside(_VERSION)
        posted.late = late
        return Pending(posted.answer, longest.total_seconds(), late)

    # Its life

    def _open(self) -> Opened | None:
        """What it needs; None where that cannot be had now."""
        if (opened := self._opened) is not None and not opened.pool.closed:
            return opened
        forking.watch(self)  # before it is held: a thread that opens is not in the child of a fork, the lock is
        with self._lock:
            if self._stopping:
                return None
            if (opened := self._opened) is not None:
                return opened if not opened.pool.closed else self._with_another_pool(opened)
            now = self._clock.monotonic()
            if self._failed_at is not None and now - self._failed_at < PAUSE:
                return None
            try:
                self._opened = open_(self._options)
            except Exception as error:
                self._failed_at = now
                trace = None if isinstance(error, (SettingsError, SignatureError)) else error
                log.error("endpoint %s cannot take runs: %s", self.endpoint.name, error, exc_info=trace)
                return None
            self._failed_at = None
            if self._exit_of != os.getpid():
                self._exit_of = os.getpid()
                at_exit.register(self.stop)
            log.info("endpoint %s takes runs at %s", self.endpoint.name, self.endpoint.path)
            return self._opened

    def _with_another_pool(self, opened: Opened) -> Opened:
        """After a stop that not all runs heeded: these keep theirs until they end."""
        self._leaving = [pool for pool in (*self._leaving, opened.pool) if pool.held or not pool.close(0)]
        self._opened = replace(opened, pool=pool_of(self._options))
        return self._opened

    def start(self) -> None:
        """Take runs again after a stop; nothing needs to be said before the first."""
        self._stopping = False
        self.heed_sigterm()

    def heed_sigterm(self) -> None:
        """Stop as soon as SIGTERM comes, where that can be heard from here; see `rota.upkeep.sigterm`."""
        if self._hears_in != os.getpid() and sigterm.watch(self.stop):
            self._hears_in = os.getpid()

    def stop(self, grace: timedelta | None = None) -> bool:
        """Take no new runs; those that run may finish within `grace`, and are then told to stop. Returns whether all
        have ended. May be called again."""
        self._stopping = True
        with self._lock:
            if (opened := self._opened) is None:
                return True
            leaving = list(self._leaving)
        # Without the lock: it takes the grace time, and whoever is told to stop a second time must not wait for ever.
        seconds = self._grace if grace is None else grace.total_seconds()
        finished = all([opened.pool.close(seconds), *(pool.close(0) for pool in leaving)])
        with self._lock:
            if finished and self._opened is opened:
                self._opened, self._leaving = None, []
                forking.forget(self)
        log.info("endpoint stopped" if finished else "endpoint stopped, with runs still in its threads")
        return finished

    def after_fork_in_child(self) -> None:
        """The parent's threads are not here, nor is whoever held the lock. See `rota.upkeep.forking`."""
        self._lock = threading.RLock()
        self._opened, self._leaving = None, []
        if self._options.keys is not None:
            self._options.keys.after_fork_in_child()
        self._failed_at = None

    def trouble(self) -> list[str]:
        """Why it is not well, a sentence each; none where it is, or has not been needed yet."""
        if self._stopping:
            return ["the server is stopping"]
        pools = [*self._leaving, *([] if (opened := self._opened) is None else [opened.pool])]
        causes = [trouble for pool in pools for trouble in pool.trouble(self._grace)]
        failed_at = self._failed_at
        if failed_at is not None and self._clock.monotonic() - failed_at < FORGIVEN:
            causes.append("its settings, keys or ledger cannot be found")
        return causes

    def _health_answer(self) -> Response:
        causes = tuple(self.trouble())
        if causes and causes != self._health:
            log.warning("endpoint %s is not well: %s", self.endpoint.name, "; ".join(causes))
        self._health = causes
        return answers.as_json(503 if causes else 200, {"status": "unhealthy" if causes else "ok"})
