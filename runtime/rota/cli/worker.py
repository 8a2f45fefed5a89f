"""`rota worker`: a process that runs jobs until it is told to stop."""

import logging
import os
import signal
from datetime import timedelta
from queue import Empty, SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from rota import settings
from rota.cli.findings import inspect_jobs
from rota.cli.health_server import HealthServer
from rota.cli.loading import NotFoundError, find_queue, load_manifest
from rota.cli.log_output import LogFormat, LogLevel, configure
from rota.cli.options import DEFAULT_MANIFEST, ManifestArgument
from rota.cli.output import err
from rota.errors import ManifestError
from rota.manifest import Manifest
from rota.targets import Queue

if TYPE_CHECKING:
    from rota.worker import Worker

log = logging.getLogger("rota.worker")

LEFT_AT_ONCE = 130
"""128 + SIGINT, as shells count."""
OUTLIVED = CANNOT_GO_ON = 1
"""The exit code where runs outlived the grace time, or only a new process can mend what is wrong."""
LOOK = 1.0
"""Seconds between looks at the worker's health."""


def worker(
    manifest: ManifestArgument = DEFAULT_MANIFEST,
    *,
    queue: Annotated[
        list[str] | None,
        typer.Option("--queue", "-q", metavar="NAME", help="A queue to consume; repeatable. All unless given."),
    ] = None,
    concurrency: Annotated[int, typer.Option("--concurrency", "-c", min=1, help="How many runs at once.")] = 8,
    grace: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="How long running jobs, and the open long poll (20 s), may take to end."
        ),
    ] = 30,
    log_level: Annotated[LogLevel, typer.Option(case_sensitive=False, help="Log from this level on.")] = LogLevel.INFO,
    log_format: Annotated[
        LogFormat, typer.Option(case_sensitive=False, help="text logs to stderr, json to stdout.")
    ] = LogFormat.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --log-format json.")] = False,
    health_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            metavar="PORT",
            help="Answer GET /health there: 200 or 503. 0 takes a free port and logs it.",
        ),
    ] = None,
    health_host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where /health listens; 0.0.0.0 is everywhere.")
    ] = "127.0.0.1",
) -> None:
    """Run jobs until SIGTERM or Ctrl-C.

    The first signal stops, and running jobs may finish; a second one leaves at once.

    Exits 0 when all has finished, 1 when runs outlived the grace time or it cannot go on, 2 when it could not start.
    """
    if settings.worker_is_off():
        err().print(f"{settings.WORKER_VARIABLE} is off: no worker is started")
        return
    from rota.worker import Worker
    from rota.worker.worker import LONG_POLL

    configure(log_level, LogFormat.JSON if as_json else log_format)
    declared = load_manifest(manifest)
    queues = [_queue(declared, name) for name in dict.fromkeys(queue)] if queue else declared.queues
    if problems := inspect_jobs(job for job in declared.jobs if job.target in queues).problems:
        raise ManifestError.of(manifest, [str(problem) for problem in problems])
    made = Worker(declared, queues=queues, concurrency=concurrency, grace=timedelta(seconds=grace))
    signals = _catch_signals()
    server = None if health_port is None else HealthServer(made.health, health_host, health_port)
    if server is not None:
        server.start()
        log.info("health at %s", server.url)
    made.start()
    trouble = _watch(made, signals)
    if trouble:
        log.error("stopping, this worker cannot go on: %s", trouble)
    log.info(
        "stopping: waits for the open long poll, up to %g s, and for running jobs, up to %g s; "
        "Ctrl-C again leaves at once",
        min(grace, LONG_POLL.total_seconds()),
        grace,
    )
    finished = made.stop_and_exit()
    if trouble:
        log.error("ended, for a new process to take over: %s", trouble)
    if trouble or not finished:
        logging.shutdown()
        # Not sys.exit: a thread of the application could keep the process alive, with runs that were just given back.
        os._exit(CANNOT_GO_ON if trouble else OUTLIVED)


def _queue(manifest: Manifest, name: str) -> Queue:
    found = find_queue(manifest, name)
    if found not in manifest.queues:
        raise NotFoundError(
            f"queue {name!r} is the trigger's: it posts what is in there to the endpoints, whose servers run it in the "
            "middleware (RotaMiddleware); no worker consumes it"
        )
    return found


def _watch(worker: "Worker", signals: "SimpleQueue[int]") -> str | None:
    """Until a signal, or until the worker cannot go on: then why. What its health turns to is logged."""
    well = True
    while True:
        try:
            signals.get(timeout=LOOK)
            return None
        except Empty:
            health = worker.health()
        causes = "; ".join(health.causes)
        if health.must_restart:
            return causes
        if health.ok != well:
            well = health.ok
            log.log(logging.INFO if well else logging.ERROR, "health: %s", "ok again" if well else causes)


def _catch_signals() -> "SimpleQueue[int]":
    """The first SIGTERM or SIGINT comes out of the queue; the second ends the process."""
    signals: SimpleQueue[int] = SimpleQueue()  # the one queue that a signal handler may put into

    def caught(number: int, _: FrameType | None) -> None:
        if stopping:
            os.write(2, b"rota: left at once; what ran is delivered again\n")
            os._exit(LEFT_AT_ONCE)
        stopping.append(number)
        signals.put(number)

    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, caught)
    return signals
