"""Handlers that write what they do to the file that `OFFICE_LOG` names; some wait until `OFFICE_GATE` is there."""

import json
import os
import time
from pathlib import Path

from office import Order

from rota import Run


def _write(event: str, run: Run, n: int | None = None) -> None:
    line = json.dumps({"event": event, "job": run.job, "run": run.id, "attempt": run.attempt, "n": n})
    with Path(os.environ["OFFICE_LOG"]).open("a") as log:
        log.write(line + "\n")


def note(run: Run) -> None:
    _write("done", run)


def note_order(order: Order, run: Run) -> None:
    _write("done", run, order.n)


def hold(run: Run) -> None:
    _write("started", run)
    while not Path(os.environ["OFFICE_GATE"]).exists():
        time.sleep(0.05)
    _write("done", run)


def hold_order(order: Order, run: Run) -> None:
    hold(run)


def fail(run: Run) -> None:
    _write("failed", run)
    raise RuntimeError("as it always does")
