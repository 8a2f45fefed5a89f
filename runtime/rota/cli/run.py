"""`rota run`: run a job now, and perhaps wait for it."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from rota.cli import records
from rota.cli.deployment import Deployment, deployment, permitted
from rota.cli.inputs import file_of, payload_of
from rota.cli.loading import find_job
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestOption
from rota.cli.output import err, out, print_json

if TYPE_CHECKING:
    from rota.ledger import Record

LOOK = 0.5
"""Seconds between looks at the ledger."""


def _text(given: str | None) -> str | None:
    if given == "-":
        return sys.stdin.read()
    return file_of(given[1:]) if given is not None and given.startswith("@") else given


def run(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The job's name.")],
    *,
    given: Annotated[
        str | None,
        typer.Option(
            "--input", "-i", metavar="JSON", help="Its input: JSON, @FILE, or - for stdin; the job's own unless given."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the outcome, if the run is on record.")] = False,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait at the most; 0 for no end.")
    ] = 600,
    manifest: ManifestOption = DEFAULT_MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """Run a job now, with its own input or another.

    The run is an enqueued one: it has no instant, and is no occurrence. With --wait, exits 0 if it succeeded and 1 if
    not, or if that cannot be told: on record are the enqueued runs of jobs with a lock or a unique key alone.

    For example: rota run close-books --input '{"kind": "monthly"}'
    """
    from rota.client import Client

    deployed = deployment(manifest)
    found = find_job(deployed.manifest, job)
    value = payload_of(found, _text(given), example=f"rota run {job} --input '{{...}}'")
    queue, backend = found.queue.name, deployed.backend
    if wait and records.on_record(found):
        _ = deployed.ledger  # before anything is sent: without one, nothing can be waited for
    with permitted():
        sent = Client(deployed.manifest, backend=backend).enqueue(found, value)
    stage = deployed.settings.stage
    if not as_json:
        out().print(f"{job} is asked to run now: run {sent}", style="bold")
        out().print(f"  queue {queue}, stage {stage}")
    record, untold = None, None
    if wait:
        record, untold = (
            _wait(deployed, job, sent, queue, timeout) if records.on_record(found) else (None, _untold(job))
        )
    if as_json:
        print_json(
            {
                "run": sent,
                "job": job,
                "queue": queue,
                "stage": stage,
                **({"outcome": str(record.outcome), "reason": record.reason} if record else {}),
                **({"outcome": None, "reason": untold} if untold else {}),
            }
        )
    elif record is not None:
        state = records.state_of(record)
        reason = f": {records.one_line(record.reason)}" if record.outcome != "succeeded" else ""
        took = record.history[-1].ended_at - record.history[-1].started_at if record.history else None
        lasted = f" in {records.spell_took(took)}" if took is not None else ""
        out().print(Text.assemble("  ", (state, records.STYLES.get(state, "")), f"{lasted}{reason}"))
    elif untold is not None:
        err().print(f"  {untold}", style="yellow")
    if wait and (record is None or record.outcome != "succeeded"):
        raise typer.Exit(1)


def _untold(job: str) -> str:
    return (
        f"its outcome will be in logs and metrics only: {job} has neither a lock nor a unique key, so what is enqueued "
        "of it is not on record"
    )


def _wait(deployed: Deployment, job: str, run: str, queue: str, timeout: float) -> "tuple[Record | None, str | None]":
    """Its record once it has ended; or why that is not known."""
    end = time.monotonic() + timeout
    record = None
    console = err()
    with permitted(), console.status("waits for a worker"):
        while True:
            record = deployed.ledger.find(job, run, target=queue, scheduled_at=None)
            if record is not None and record.state == "finished":
                return record, None
            if timeout and time.monotonic() >= end:
                stands = f"it is {record.state} ({record.server})" if record else "no worker has taken it yet"
                return None, f"not ended within {timeout:g} s: {stands}; see: rota show {run}"
            time.sleep(LOOK)
