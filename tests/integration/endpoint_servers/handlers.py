"""What the jobs do: write down that they ran, and wait for what a test lets happen."""

import json
import os
import time
from pathlib import Path

from jobs import Order

from rota import GiveUp, Run

FOLDER = Path(os.environ["SERVED"])


def write(event: str, **what: object) -> None:
    """A line in the journal. One write of few bytes at the end of a file is not torn by others."""
    with (FOLDER / "journal").open("ab", buffering=0) as journal:
        journal.write(json.dumps({"event": event, "pid": os.getpid(), **what}).encode() + b"\n")


def note(order: Order, run: Run) -> None:
    write("noted", run=run.id, number=order.number)


def fail(run: Run) -> None:
    write("failed", run=run.id)
    raise GiveUp("there is no paper")


def wait(run: Run) -> None:
    """Until the test says so, or the run is told to stop."""
    write("started", run=run.id)
    while not (FOLDER / "go").exists():
        if run.stop_requested:
            write("told", run=run.id)
            return
        time.sleep(0.02)
    write("finished", run=run.id)
