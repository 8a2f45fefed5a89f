"""Worker: what a user starts and stops, in whatever process it finds itself."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from types import TracebackType
from typing import Self

from rota import backends, logs, settings
from rota.clock import Clock, SystemClock
from rota.errors import ManifestError, SettingsError
from rota.ledger import Ledger
from rota.locks.base import LockProvider
from rota.manifest import Manifest
from rota.queues.base import QueueBackend
from rota.runner import Runner
from rota.targets import Queue
from rota.upkeep import at_exit, forking
from rota.upkeep.roles import THREAD_PREFIX
from rota.worker.crew import Crew
from rota.worker.health import Health
from rota.worker.held import Source

log = logging.getLogger("rota.worker")

LONG_POLL = timedelta(seconds=20)
"""The longest that SQS lets a poll wait."""

GRACE = timedelta(seconds=30)


class Worker:
    """Runs the jobs of a manifest, in daemon threads of this process.

    `queues`: which to consume; all of the manifest's unless given. `concurrency`: how many runs at once, 8 unless
    given, shared by the queues. `grace`: how long `stop` lets running jobs finish, 30 seconds unless given.
    `long_poll`: how long a poll of an empty queue waits, 20 seconds unless given, which is what SQS allows at the most;
    `stop` waits for an open poll, so that what it catches goes back at once. `hand_back_delay`: how long, about, a run
    of a job unknown here stays away, 30 seconds unless given. `backend`, `ledger` and `clock` replace SQS, the
    deployment's ledger and the machine's clock, for tests and other backends; with a `backend` and no `ledger`, nothing
    is on record. `locks` has the providers that `Lock(provider=...)` names, for the deployment's ledger; another has
    its own: `Ledger(store, locks=...)`.

    `start()` installs no signal handlers. In a web server it stops at exit, or with its `lifespan`:
    `FastAPI(lifespan=worker.lifespan)`. Under a preloading server (gunicorn --preload) its threads start in the
    children.

    Raises `ManifestError` for a queue that no job of the manifest names, or a concurrency under 1; `SettingsError` for
    `locks` beside a `ledger` or a `backend`.
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        queues: Sequence[Queue] | None = None,
        concurrency: int = 8,
        grace: timedelta = GRACE,
        long_poll: timedelta = LONG_POLL,
        hand_back_delay: timedelta = timedelta(seconds=30),
        backend: QueueBackend | None = None,
        ledger: Ledger | None = None,
        locks: Mapping[str, LockProvider] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._manifest = manifest
        self._queues = tuple(manifest.queues if queues is None else queues)
        self._concurrency = concurrency
        self._grace, self._long_poll, self._hand_back_delay = grace, long_poll, hand_back_delay
        self._backend, self._ledger, self._locks = backend, ledger, dict(locks or {})
        self._clock = clock or SystemClock()
        self._crew: Crew | None = None
        self._lock = threading.RLock()
        self._waits_for_fork = self._starting = self._outlived = self._exit_is_registered = False
        self._stopped = False
        self._start_error: str | None = None
        if unknown := [queue.name for queue in self._queues if queue not in manifest.queues]:
            known = ", ".join(queue.name for queue in manifest.queues) or "none"
            raise ManifestError(
                f"no job of manifest {manifest.name!r} has queue {unknown[0]!r} as its target; it has {known}"
            )
        if not self._queues and manifest.endpoints:
            raise ManifestError(
                f"every job of manifest {manifest.name!r} goes to endpoints, so there is no queue to consume: the "
                "servers behind these run them, in the middleware (RotaMiddleware)"
            )
        if not self._queues:
            raise ManifestError(f"manifest {manifest.name!r} has no job, so there is no queue to consume")
        if concurrency < 1:
            raise ManifestError(f"concurrency must be at least 1; got {concurrency}")
        if locks and (ledger is not None or backend is not None):
            beside = "ledger" if ledger is not None else "backend"
            raise SettingsError(
                f"locks= is for the deployment's ledger, and {beside}= replaces that; "
                "give the providers to a ledger: Worker(ledger=Ledger(store, locks=...))"
            )

    @property
    def started(self) -> bool:
        """Whether its threads run in this process."""
        return self._crew is not None

    def health(self) -> Health:
        """How it is now, and if not well, why. From any thread, in any state; never raises, and never waits, not even
        for a `stop` under way. A health route: `return health.as_dict(), health.http_status`."""
        if (crew := self._crew) is not None:
            return crew.health()
        if self._stopped:
            return Health(ok=False, state="stopped", causes=("the worker has stopped",))
        if self._starting:
            return Health(ok=False, state="starting", causes=("the worker has not started yet",))
        if settings.worker_is_off():
            return Health(ok=True, state="off")
        why = "the worker is not started"
        if self._waits_for_fork:
            why = "the worker waits for this server's children, to start in each"
        elif self._start_error:
            why = f"the worker did not start in this child: {self._start_error}"
        return Health(ok=False, state="not started", causes=(why,))

    def start(self) -> Self:
        """Start the threads; once, however often it is called. Does nothing where `ROTA_WORKER=off`.

        Raises `SettingsError` where the deployment's settings cannot be found.
        """
        with self._lock:
            if settings.worker_is_off():
                log.info("%s is off: no worker is started in this process", settings.WORKER_VARIABLE)
            elif forking.in_preloading_master():
                self._waits_for_fork = True
                forking.watch(self)
                log.info("worker waits for this server's children, to start in each")
            elif self._crew is None:
                self._starting = True
                try:
                    self._launch()
                finally:
                    self._starting = False
        return self

    def _launch(self) -> None:
        self._outlived = self._stopped = False
        self._start_error = None
        # A request for each slot and settler may be under way at once, and one of the keeper's.
        polls = len(self._queues)
        backend, ledger = self._backend, self._ledger
        if backend is None:
            known = backends.settings_of(self._manifest.name)
            connections = self._concurrency + polls + 1
            backend = backends.queue_backend(self._manifest.name, connections=connections, polls=polls, settings=known)
            if ledger is None:
                ledger = backends.ledger(known, connections=connections, locks=self._locks, clock=self._clock)
        self._check(ledger)
        sources = [Source(queue, backend.queue(queue.name), backend.dead_letters(queue.name)) for queue in self._queues]
        runner = Runner(self._manifest, clock=self._clock, ledger=ledger, hand_back_delay=self._hand_back_delay)
        logs.install()
        forking.watch(self)
        self._crew = Crew(
            sources, runner, self._clock, slots=self._concurrency, grace=self._grace, long_poll=self._long_poll
        )
        self._stop_at_exit()
        log.info("worker started: queues %s, %d slots", ", ".join(q.name for q in self._queues), self._concurrency)

    def _check(self, ledger: Ledger | None) -> None:
        """Whether there is all that the jobs need."""
        mine = [job for job in self._manifest.jobs if job.target in self._queues]
        for job in mine:
            if ledger is None and (job.lock or job.unique):
                field = "lock" if job.lock else "unique"
                raise SettingsError(
                    f"job {job.name!r} has {field}=, and there is no ledger; deploy again: `cdk deploy`"
                )
            provider = job.lock.provider if job.lock else None
            if ledger is not None and provider is not None and provider not in ledger.providers:
                way_out = f"give Worker(locks={{{provider!r}: ...}})"
                raise SettingsError(f"job {job.name!r}: lock: there is no provider {provider!r}; {way_out}")
        if ledger is None and any(job.schedule for job in mine):
            log.warning(
                "there is no ledger: an occurrence that is delivered twice runs twice; deploy again: `cdk deploy`"
            )

    def _stop_at_exit(self) -> None:
        if self._exit_is_registered:
            return
        self._exit_is_registered = True
        at_exit.register(self.stop_and_exit)

    def stop(self, grace: timedelta | None = None) -> bool:
        """Stop: what has not started goes back at once, what runs may finish within `grace` (that of the worker unless
        given).

        Returns whether everything has finished. What has not is told to stop, and stays this worker's: a thread cannot
        be killed, and while it lives nobody else should have its run. It may then be called again.

        Raises `RuntimeError` in a handler, which cannot wait for itself.
        """
        if threading.current_thread().name.startswith(THREAD_PREFIX):
            raise RuntimeError("a handler cannot stop a worker; let it return, and stop from another thread")
        with self._lock:
            self._waits_for_fork = self._starting = False
            forking.forget(self)
            if self._crew is None:
                return True
            finished = self._crew.stop((self._grace if grace is None else grace).total_seconds())
            if finished:
                self._stopped = True
                self._crew = None
            else:
                self._outlived = True
        log.info("worker stopped" if finished else "worker stopped, with runs still in its threads")
        return finished

    def stop_and_exit(self) -> bool:
        """`stop` for a process that ends right after: what still runs then is given back, for its thread ends too."""
        finished = self.stop(timedelta() if self._outlived else None)
        if not finished and self._crew is not None:
            self._crew.give_back_running()
        return finished

    def after_fork_in_child(self) -> None:
        """The parent's threads are not here, nor is whoever held the lock. See `rota.upkeep.forking`."""
        self._lock = threading.RLock()
        self._crew = None
        self._stopped = False
        if self._waits_for_fork and forking.in_servers_child():
            self._waits_for_fork = False
            self._starting = True
            # Not on this thread: the server has a child to set up, and this asks AWS for the settings first.
            threading.Thread(target=self._launch_in_child, name="rota-start", daemon=True).start()

    def _launch_in_child(self) -> None:
        with self._lock:
            if not self._starting:
                return
            try:
                self._launch()
            except Exception as error:
                self._start_error = f"{type(error).__name__}: {error}"
                log.exception("the worker did not start in this child")
            finally:
                self._starting = False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:  # noqa: ARG002 - ASGI passes it
        """Start and stop with an ASGI application: `FastAPI(lifespan=worker.lifespan)`, Starlette the same."""
        await asyncio.to_thread(self.start)
        try:
            yield
        finally:
            await asyncio.to_thread(self.stop)
