"""`rota show`: one run and its attempts."""

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from rota.cli import records
from rota.cli.deployment import Deployment, deployment, permitted
from rota.cli.loading import NotFoundError
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestOption
from rota.cli.output import out, print_json, print_table
from rota.envelope import instant_text, read_instant
from rota.errors import EnvelopeError
from rota.manifest import Job

if TYPE_CHECKING:
    from datetime import datetime

    from rota.ledger import Ledger, Record

COLUMNS = ("attempt", "outcome", "took", "started", "token", "server", "reason")


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run id, as `rota runs` and logs tell it.")],
    manifest: ManifestOption = DEFAULT_MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """Show what is on record of one run, and its attempts."""
    deployed = deployment(manifest)
    with permitted():
        found = find(deployed, run)
        now = deployed.ledger.now()
    if not found:
        raise NotFoundError(_missing(deployed, run))
    if as_json:
        print_json({"runs": [records.as_json(record, now) for record in found]})
        return
    for record in found:
        _print(record, now)


def find(deployed: Deployment, run: str) -> "list[Record]":
    """What is on record of a run: it has one record for each of its targets, and of an id that another program has
    written, any job may know. Empty where nothing is."""
    job, _, rest = run.partition("@")
    declared = deployed.manifest.find(job)
    if declared is not None:
        try:
            scheduled_at = read_instant("run", rest)
        except EnvelopeError:
            if "~" in rest:
                return _enqueued(deployed.ledger, declared, run)
        else:
            # Of any target, for the job may have had another once.
            if found := _under(deployed.ledger, job, f"{instant_text(scheduled_at)}#"):
                return found
    return [record for each in deployed.manifest.jobs for record in _enqueued(deployed.ledger, each, run)]


def _enqueued(ledger: "Ledger", job: Job[Any], run: str) -> "list[Record]":
    """An enqueued run; one for several endpoints is on record as `<run>/<endpoint>`."""
    from rota.ledger.records import key_of

    record = ledger.find(job.name, run, target=job.queue.name, scheduled_at=None)
    parts = _under(ledger, job.name, f"{key_of(job.name, run, target='', scheduled_at=None).sort}/")
    # Behind what begins like it there may be another program's.
    return [*([record] if record else []), *(part for part in parts if part.run.startswith(f"{run}/"))]


def _under(ledger: "Ledger", job: str, prefix: str) -> "list[Record]":
    """All of a job's whose places begin so, in the order of these."""
    from rota.ledger.records import key_of

    found: list[Record] = []
    after: str | None = f"{prefix}~"  # which no name of a target has
    while after is not None:
        some, after = ledger.list(job, limit=100, after=after)
        for record in some:
            sort = key_of(job, record.run, target=record.target, scheduled_at=record.scheduled_at).sort
            if not sort.startswith(prefix):
                return found[::-1]
            found.append(record)
    return found[::-1]


def _missing(deployed: Deployment, run: str) -> str:
    job = deployed.manifest.find(run.partition("@")[0])
    if job is None:
        return f"run {run!r} is not on record of any job of manifest {deployed.manifest.name!r}; see: rota runs"
    if not records.is_known(job):
        return f"run {run!r} is not on record: the servers of {job.name!r} do not claim its runs; see their logs"
    if "~" in run and not records.on_record(job):
        return (
            f"run {run!r} is not on record: {job.name!r} has neither a lock nor a unique key, so what is enqueued of "
            f"it is in logs and metrics only; did it fail? rota dead --job {job.name}"
        )
    return (
        f"run {run!r} is not on record: no server has taken it yet, or it was more than 45 days ago; "
        f"see: rota runs {shlex.quote(job.name)}"
    )


def _print(record: "Record", now: "datetime") -> None:
    state = records.state_of(record)
    console = out()
    console.print(Text.assemble((records.one_line(record.run), "bold"), "  ", (state, records.STYLES.get(state, ""))))
    facts = {
        "job": record.job,
        "target": record.target,
        "due": records.spell_time(record.scheduled_at),
        "enqueued": records.spell_time(record.enqueued_at),
        "reason": records.one_line(record.reason),
        "server": record.server,
        "token": str(record.token) if record.token else "",
        "took": records.spell_took(records.took(record, now)),
        "finished": records.spell_time(record.finished_at),
        "next attempt": records.spell_time(record.not_before) if record.state == "waiting" else "",
        "lease until": records.spell_time(record.lease_until) if record.state == "running" else "",
        "lock": records.one_line(record.lock or ""),
        "redriven": _redriven(record),
    }
    for name, value in facts.items():
        if value:
            console.print(Text.assemble(("  " + name.ljust(14), "dim"), value))
    if record.history:
        console.print()
        print_table(COLUMNS, _history(record, now), styles=records.STYLES)


def _redriven(record: "Record") -> str:
    if not record.redrives:
        return ""
    times = "once" if record.redrives == 1 else f"{record.redrives} times"
    return times + (f", last by {records.one_line(record.redriven_by)}" if record.redriven_by else "")


def _history(record: "Record", now: "datetime") -> list[list[str]]:
    rows = [
        [
            str(attempt.number),
            str(attempt.outcome),
            records.spell_took(attempt.ended_at - attempt.started_at),
            records.spell_time(attempt.started_at),
            str(attempt.token),
            attempt.server,
            records.one_line(attempt.reason),
        ]
        for attempt in record.history
    ]
    if record.state == "running":
        took, at = records.spell_took(records.took(record, now)), records.spell_time(record.claimed_at)
        rows.append([str(record.attempt), "running", took, at, str(record.token), record.server, ""])
    return rows
