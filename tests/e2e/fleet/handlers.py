"""Handlers that write what they do to the file that `FLEET_LOG` names, a line with one system call."""

import json
import os
import signal
import time

from jobs import Number

from rota import Run


def _write(event: str, run: Run, n: int | None = None) -> None:
    line = {"event": event, "job": run.job, "run": run.id, "attempt": run.attempt, "n": n, "pid": os.getpid()}
    line["scheduled_at"] = run.scheduled_at.isoformat() if run.scheduled_at else None
    descriptor = os.open(os.environ["FLEET_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (json.dumps({**line, "at": time.time()}) + "\n").encode())
    finally:
        os.close(descriptor)


def note(run: Run) -> None:
    _write("done", run)


def quick(number: Number, run: Run) -> None:
    time.sleep(0.02)
    _write("done", run, number.n)


def slow(number: Number, run: Run) -> None:
    _write("started", run, number.n)
    time.sleep(0.4)
    _write("done", run, number.n)


def six_seconds(run: Run) -> None:
    _write("started", run)
    time.sleep(6)
    _write("done", run)


def one_and_a_half_seconds(number: Number, run: Run) -> None:
    _write("started", run, number.n)
    time.sleep(1.5)
    _write("done", run, number.n)


def kill_this_process(run: Run) -> None:
    _write("started", run)
    os.kill(os.getpid(), signal.SIGKILL)
