"""Handlers that fail for as long as there is a file named `broken`, and write down what they do."""

import json
import os
from pathlib import Path

from jobs import Report

from rota import Run


def _work(report: Report, run: Run) -> None:
    folder = Path(os.environ["OPERATE_FOLDER"])
    if (folder / "broken").exists():
        raise ConnectionError("the bank does not answer")
    line = {"job": run.job, "run": run.id, "attempt": run.attempt, "kind": report.kind, "at": str(run.scheduled_at)}
    with (folder / "done").open("a") as done:
        done.write(json.dumps(line) + "\n")


close_books = send_invoice = greet = _work
