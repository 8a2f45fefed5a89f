"""`simulate`: when the jobs of a manifest run, and what becomes of them, over days of virtual time."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any, Self

from rota.client import Client
from rota.locks.in_store import StoreLocks
from rota.manifest import Manifest
from rota.queues.base import Letter
from rota.queues.memory import MemoryBackend
from rota.run import Outcome
from rota.runner import Runner
from rota.stores.memory import MemoryStore
from rota.targets import TRIGGER
from rota.testing.clock import FakeClock
from rota.testing.simulation import arguments, table
from rota.testing.simulation.arguments import Interval
from rota.testing.simulation.fired import fired
from rota.testing.simulation.fleet import Fleet
from rota.testing.simulation.handlers import Duration, Handlers, stand_in
from rota.testing.simulation.leases import LastingLedger
from rota.testing.simulation.patience import RETENTION
from rota.testing.simulation.record import Recorder
from rota.testing.simulation.runs import SimulatedRun
from rota.worker.held import Source


class Simulation:
    """The jobs of a manifest over days of virtual time: `run` fires every occurrence at its instant and gives it to the
    runner that servers have, with the same ledger, locks, retries and dead letters, all in memory.

    - `start` (included) and `end` (excluded), aware; or `days` in place of `end`. Runs that are due by then are done to
      their end, up to 7 days later: for so long a queue keeps a message.
    - `handlers`: functions to call in place of jobs' own, by the job's name; they take what those take. All others are
      imported and really called.
    - `durations`: how long a job's runs take, by its name: a timedelta, or a function that is given the `Run` and
      returns one. A handler takes no time unless it stands here, or waits in `run.stop_event.wait(seconds)`.
    - `servers`, `concurrency`: how many servers there are, one unless given, and how many runs each does at once, 8.
    - `outages`: pairs of instants between which no server receives anything.
    - `run_commands`: whether `Job(command=...)` is really executed; unless asked, it succeeds and nothing is run.
    - `seed`: of all that is left to chance: backoff, flexible windows.

    An interval that counts from the deploy (`Every` 7 minutes) counts from `start`. A run that is told to stop while
    its time passes heeds that at once: at its `timeout` it fails, cancelled by a newer run it is cancelled. `isolation`
    does not count: handlers run in this process, and what they ask the machine's clock is not virtual. Runs for
    endpoints go through the same runner; the trigger, its requests and the load balancer are left out, and so are
    duplicates and late deliveries, which AWS may add. What waits for a server for too long is what it is on AWS: after
    7 days in a queue a run is lost, and is `unfinished`; one for an endpoint ends among the dead letters behind its
    start deadline, or after 6 hours.

    Raises `ValueError` for an argument that is none: an instant without a time zone, an end before its beginning, a
    negative duration, a name that is no job's.
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        start: datetime,
        end: datetime | None = None,
        days: float | None = None,
        handlers: Mapping[str, Callable[..., Any]] | None = None,
        durations: Mapping[str, Duration] | None = None,
        servers: int = 1,
        concurrency: int = 8,
        outages: Sequence[Interval] = (),
        run_commands: bool = False,
        seed: int = 0,
    ) -> None:
        self.start, self.end = arguments.span(start, end, days)
        arguments.check_counts(servers=servers, concurrency=concurrency)
        arguments.check_jobs(manifest, handlers or {}, durations or {})
        self._servers, self._concurrency, self._seed = servers, concurrency, seed
        self._outages = arguments.intervals(outages)
        self._handlers = Handlers(handlers or {}, durations or {})
        self._manifest = stand_in(manifest, handlers or {}, run_commands=run_commands)
        self.clock = FakeClock(self.start)
        """The virtual clock. Leave it to the simulation to move it."""
        self._backend = MemoryBackend(clock=self.clock)
        self.client = Client(manifest, backend=self._backend, clock=self.clock)
        """Enqueues into the simulation: before `run`, or from a handler while it runs."""
        store = MemoryStore(self.clock)
        providers = {job.lock.provider for job in manifest.jobs if job.lock and job.lock.provider}
        self.ledger = LastingLedger(store, locks=dict.fromkeys(providers, StoreLocks(store)), clock=self.clock)
        """What is on record, in memory; a lock that another service keeps is kept there too."""
        self.runs: Sequence[SimulatedRun] = ()
        """Every run that was due or enqueued, by the instant that it is for; none before it has run."""
        self._recorder = Recorder()
        self._has_run = False

    def run(self) -> Self:
        """Run everything, once. Raises `HandlerError` where the handler of a job that is due cannot be imported or does
        not fit."""
        if self._has_run:
            raise RuntimeError("a simulation runs once; make another one")
        self._has_run = True
        due = fired(self._manifest, self.start, self.end, seed=self._seed)
        for job in self._manifest.jobs:
            if job.handler and job.enabled and job.schedule is not None:
                self._handlers.resolve(job)  # else each of its runs would fail, and the first to know is the reader
        runner = Runner(
            self._manifest,
            clock=self.clock,
            ledger=self.ledger,
            chance=Random(self._seed),
            resolve=self._handlers.resolve,
        )
        sources = self._sources()
        fleet = Fleet(
            sources,
            {source.name: self._backend.queue(source.name) for source in sources},
            runner,
            self._recorder,
            self.clock,
            servers=self._servers,
            concurrency=self._concurrency,
            fired=due,
            outages=self._outages,
            horizon=self.end + RETENTION,
            cancels=any(job.lock is not None and job.lock.overlap == "cancel_running" for job in self._manifest.jobs),
        )
        fleet.play()
        self.runs = self._recorder.runs
        return self

    def _sources(self) -> list[Source]:
        queues = (*self._manifest.queues, *([TRIGGER] if self._manifest.endpoints else []))
        backend = self._backend
        return [Source(queue, backend.queue(queue.name), backend.dead_letters(queue.name)) for queue in queues]

    # What became of it

    def of(self, job: str) -> list[SimulatedRun]:
        """The runs of one job. Raises `ValueError` for a name that is no job's."""
        arguments.check_name(self._manifest, job)
        return [run for run in self.runs if run.job == job]

    def _with(self, outcome: Outcome | None) -> list[SimulatedRun]:
        return [run for run in self.runs if run.outcome is outcome]

    @property
    def succeeded(self) -> list[SimulatedRun]:
        """Those that succeeded, at the first attempt or a later one."""
        return self._with(Outcome.SUCCEEDED)

    @property
    def failed(self) -> list[SimulatedRun]:
        """Those that failed for good, and lie among the dead letters."""
        return self._with(Outcome.FAILED)

    @property
    def skipped(self) -> list[SimulatedRun]:
        """Those that were not started: outside their window, late, or their lock was held."""
        return self._with(Outcome.SKIPPED)

    @property
    def cancelled(self) -> list[SimulatedRun]:
        """Those that a newer run stopped."""
        return self._with(Outcome.CANCELLED)

    @property
    def unfinished(self) -> list[SimulatedRun]:
        """Those that had not ended 7 days after the end: still running, not received, or lost by their queue. The
        reason says which."""
        return self._with(None)

    @property
    def dead_letters(self) -> list[Letter]:
        """What lies in the dead-letter queues, with the reason among its attributes (`rota.reason`)."""
        queues = [self._backend.dead_letters(source.name) for source in self._sources()]
        return [letter for queue in queues for letter in queue.peek()]

    def __str__(self) -> str:
        """A table: each job with what became of its runs, and below it those that were not simply done."""
        return table.spell(self._manifest, self.runs, self.start, self.end)


def simulate(
    manifest: Manifest,
    *,
    start: datetime,
    end: datetime | None = None,
    days: float | None = None,
    handlers: Mapping[str, Callable[..., Any]] | None = None,
    durations: Mapping[str, Duration] | None = None,
    servers: int = 1,
    concurrency: int = 8,
    outages: Sequence[Interval] = (),
    run_commands: bool = False,
    seed: int = 0,
) -> Simulation:
    """A `Simulation` that has run: see there for its arguments, and for what it raises."""
    return Simulation(
        manifest,
        start=start,
        end=end,
        days=days,
        handlers=handlers,
        durations=durations,
        servers=servers,
        concurrency=concurrency,
        outages=outages,
        run_commands=run_commands,
        seed=seed,
    ).run()
