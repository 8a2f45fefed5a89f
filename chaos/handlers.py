"""The one handler of all jobs. It tells what it does, line by line, and writes to the data with its token."""

import functools
import os
import time
import uuid
from pathlib import Path
from typing import Any

from chaos.data import Data
from chaos.jobs import Work
from chaos.lines import LineLog

from rota import Run

BEAT = 0.25
"""Seconds between two lines of a handler that works."""

LOG, DATA_URL = "CHAOS_LOG", "CHAOS_DATA_URL"
"""The variables that say where the handlers' log is, and where the data is without the proxy."""


class AskedToFailError(Exception):
    """The payload asked for a failure."""


class StoppedError(Exception):
    """It was told to stop, and does."""


class StaleError(Exception):
    """The data has been written with a later token."""


@functools.cache
def _log() -> LineLog:
    return LineLog(Path(os.environ[LOG]))


@functools.cache
def _data() -> Data:
    return Data(os.environ[DATA_URL])


def tell_up() -> None:
    """Tell that this process's worker has started."""
    _log().write(event="up", pid=os.getpid())


def work(payload: Work, run: Run) -> None:
    """Pass the fences, take a while, then write."""
    call, token = uuid.uuid4().hex, run.token
    lock = f"account:{payload.account}" if payload.account else None
    keys = [key for key in (f"run:{run.id}", lock) if key]
    about: dict[str, Any] = {"attempt": run.attempt, "seconds": payload.seconds, "pid": os.getpid()}
    _log().write(event="started", call=call, run=run.id, lock=lock, token=token or 0, **about)
    end = "raised"
    try:
        # First thing: until its first guarded write, those from whom it took over pass.
        for key in keys:
            _write(key, token, call)
        _log().write(event="fenced", call=call)
        _work(payload, run, call)
        if run.attempt <= payload.fails:
            raise AskedToFailError(f"attempt {run.attempt} of {payload.fails} that are to fail")
        for key in keys:
            _write(key, token, call)
        end = "returned"
    finally:
        _log().write(event="ended", call=call, how=end)


def _write(key: str, token: int | None, call: str) -> None:
    asked = time.monotonic()
    accepted = _data().write(key, token=token, call=call)
    _log().write(event="accepted" if accepted else "refused", call=call, key=key, asked=asked)
    if not accepted:
        raise StaleError(f"{key} has been written with a token later than {token}")


def _work(payload: Work, run: Run, call: str) -> None:
    end = time.monotonic() + payload.seconds
    told = False
    while (left := end - time.monotonic()) > 0:
        if run.stop_requested and not told:
            told = True
            _log().write(event="told", call=call, reason=run.stop_reason)
            if payload.obeys:
                raise StoppedError(run.stop_reason)
        time.sleep(min(left, BEAT))
        _log().write(event="beat", call=call)
