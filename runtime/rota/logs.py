"""Log records that know their run: each carries `rota_job`, `rota_run`, `rota_attempt` and `rota_queue`, the handler's
own included. With the prefix, because `logging` raises where a handler gives one of a record's names as `extra`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from rota.run import Run

_current: ContextVar[Run | None] = ContextVar("rota_run", default=None)


@contextmanager
def of_run(run: Run | None) -> Iterator[None]:
    """What is logged inside belongs to `run`, in this thread and in what it awaits."""
    token = _current.set(run)
    try:
        yield
    finally:
        _current.reset(token)


def install() -> None:
    """Let every log record made during a run carry its fields. Once a process; records made elsewhere stay as they are.

    A record factory, not a filter: filters see only the records of the logger or handler they hang on.
    """
    make = logging.getLogRecordFactory()
    if getattr(make, "knows_runs", False):
        return

    def with_run(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if (run := _current.get()) is not None:
            record.rota_job, record.rota_run = run.job, run.id
            record.rota_attempt, record.rota_queue = run.attempt, run.queue
        return record

    with_run.knows_runs = True  # type: ignore[attr-defined] # a mark for the next call
    logging.setLogRecordFactory(with_run)
