"""`rota run`: run a job now, and perhaps wait for it."""

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from rota.cli import records
from rota.cli.deployment import Deployment, deployment, permitted
from rota.cli.inputs import file_of, payload_of
from rota.cli.loading import find_job
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestOption
from rota.cli.output import err, out, print_json
from rota.manifest import Job
from rota.targets import EveryServer

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
    not, or if that cannot be told: on record are the enqueued runs of jobs with a lock or a unique key, and those for
    endpoints.

    For example: rota run close-books --input '{"kind": "monthly"}'
    """
    from rota.client import Client

    deployed = deployment(manifest)
    found = find_job(deployed.manifest, job)
    value = payload_of(found, _text(given), example=f"rota run {job} --input '{{...}}'")
    queue, backend, untold = found.queue.name, deployed.backend, _untold(found) if wait else None
    if wait and not untold:
        _ = deployed.ledger  # before anything is sent: without one, nothing can be waited for
    with permitted():
        sent = Client(deployed.manifest, backend=backend).enqueue(found, value)
    stage = deployed.settings.stage
    if not as_json:
        out().print(f"{job} is asked to run now: run {sent}", style="bold")
        out().print(f"  {records.spell_place(found)}, stage {stage}")
    ended: list[Record] = []
    if wait and not untold:
        ended, untold = _wait(deployed, found, sent, timeout)
    succeeded = not untold and all(record.outcome == "succeeded" for record in ended)
    if as_json:
        print_json(
            {
                "run": sent,
                "job": job,
                "targets": [target.name for target in found.targets],
                "queue": queue,
                "stage": stage,
                **(_said(ended, untold) if wait else {}),
            }
        )
    else:
        for record in ended:
            _print(record, of=f"{record.target}: " if len(found.targets) > 1 else "")
        if untold:
            err().print(f"  {untold}", style="yellow")
    if wait and not succeeded:
        raise typer.Exit(1)


def _said(ended: "Sequence[Record]", untold: str | None) -> dict[str, Any]:
    """The outcome for machines; of several, the first that is not as it should be."""
    said: dict[str, Any] = {"outcome": None, "reason": untold}
    if not untold:
        worst = next((record for record in ended if record.outcome != "succeeded"), ended[0])
        said = {"outcome": str(worst.outcome), "reason": worst.reason}
    if len(ended) > 1 or (ended and untold):
        said["runs"] = [
            {
                "run": record.run,
                "target": record.target,
                "outcome": str(record.outcome),
                "reason": record.reason,
            }
            for record in ended
        ]
    return said


def _print(record: "Record", *, of: str) -> None:
    state = records.state_of(record)
    reason = f": {records.one_line(record.reason)}" if record.outcome != "succeeded" else ""
    took = record.history[-1].ended_at - record.history[-1].started_at if record.history else None
    lasted = f" in {records.spell_took(took)}" if took is not None else ""
    out().print(Text.assemble(f"  {of}", (state, records.STYLES.get(state, "")), f"{lasted}{reason}"))


def _untold(job: Job[Any]) -> str | None:
    """Why its outcome cannot be waited for, or None where it can."""
    if any(isinstance(target, EveryServer) for target in job.targets):
        return (
            "for which servers it is, is found out when it is posted, so there is no end to wait for; rota show tells "
            "how each stands"
        )
    if strangers := [endpoint.name for endpoint in job.endpoints if not endpoint.ledger]:
        return f"its outcome is not on record: the servers of endpoint {', '.join(strangers)} do not claim runs"
    if not records.on_record(job):
        return (
            f"its outcome will be in logs and metrics only: {job.name} has neither a lock nor a unique key, so what is "
            "enqueued of it is not on record"
        )
    return None


def _wait(deployed: Deployment, job: Job[Any], run: str, timeout: float) -> "tuple[list[Record], str | None]":
    """Its records once they have ended, one for each target; and why not all have, if so."""
    end = time.monotonic() + timeout
    several = len(job.targets) > 1
    waited = {target.name: f"{run}/{target.name}" if several else run for target in job.targets}
    ended: dict[str, Record] = {}
    with permitted(), err().status("waits for a server"):
        while True:
            stands: list[str] = []
            for target, each in waited.items():
                if target in ended:
                    continue
                record = deployed.ledger.find(job.name, each, target=target, scheduled_at=None)
                if record is not None and record.state == "finished":
                    ended[target] = record
                else:
                    at = f" at {target}" if several else ""
                    now = f"it is {record.state}{at} ({record.server})" if record else f"no server{at} has it yet"
                    stands.append(now)
            if not stands or (timeout and time.monotonic() >= end):
                where = f"not ended within {timeout:g} s: {'; '.join(stands)}; see: rota show {run}"
                return [ended[target] for target in waited if target in ended], where if stands else None
            time.sleep(LOOK)
