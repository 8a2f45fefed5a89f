"""The job that every contender runs: it may sleep, and writes a line of fixed width to a log for each event."""

import os
import time
from datetime import timedelta
from functools import cache
from typing import NamedTuple

LINE = len("E 000000 000000000.000000 000000000.000000 0000000\n")
LONG = 1000
"""Milliseconds from which on a job also logs its start."""


class Event(NamedTuple):
    """A line of the log. Times are of the monotonic clock, which processes share."""

    kind: str  # S for a start, E for an end
    job: int
    started: float
    ended: float
    process: int


def run(job: int, ms: int) -> None:
    """What a handler does."""
    started = time.monotonic()
    if ms >= LONG:
        _write("S", job, started, 0.0)
    if ms:
        time.sleep(ms / 1000)
    _write("E", job, started, time.monotonic())


def visibility() -> timedelta:
    """The visibility timeout of the queue, for products that want to know it."""
    return timedelta(seconds=int(os.environ["BENCH_VISIBILITY"]))


def _write(kind: str, job: int, started: float, ended: float) -> None:
    os.write(_log(), f"{kind} {job:06d} {started:016.6f} {ended:016.6f} {os.getpid():07d}\n".encode())


@cache
def _log() -> int:
    return os.open(os.environ["BENCH_LOG"], os.O_APPEND | os.O_WRONLY | os.O_CREAT, 0o644)


def read(text: str) -> list[Event]:
    """The events of a log."""
    split = (line.split() for line in text.splitlines())
    return [
        Event(kind, int(job), float(started), float(ended), int(process))
        for kind, job, started, ended, process in split
    ]
