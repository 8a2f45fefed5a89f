"""A line for each thing that happens, in one file that all servers share: how the demo and its tests see the truth.

A real application has no such file. It is written with one system call a line, so that a killed server leaves whole
lines.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rota import Run


def write(**fields: Any) -> None:
    """Append one line, where `SHOP_JOURNAL` names the file."""
    if path := os.environ.get("SHOP_JOURNAL"):
        line = json.dumps({"at": time.time(), "server": os.environ.get("SHOP_SERVER", ""), **fields}) + "\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


@contextmanager
def noted(run: Run, note: str = "") -> Iterator[None]:
    """Write when a run starts and when it has finished."""
    scheduled_at = run.scheduled_at.isoformat() if run.scheduled_at else None
    fields = {"job": run.job, "run": run.id, "attempt": run.attempt, "scheduled_at": scheduled_at, "note": note}
    write(event="started", **fields)
    yield
    write(event="finished", **fields)


def read(path: Path, start: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The lines from byte `start` on, and where to go on from."""
    with path.open("rb") as file:
        file.seek(start)
        text = file.read()
    whole = text[: text.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], start + len(whole)
