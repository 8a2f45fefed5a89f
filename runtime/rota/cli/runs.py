"""`rota runs`: what is on record, the newest first."""

import heapq
import re
import shlex
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from rota.cli import records
from rota.cli.deployment import deployment, permitted
from rota.cli.loading import find_job
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestOption
from rota.cli.output import out, print_json, print_table
from rota.envelope import instant_text
from rota.manifest import Job, Manifest

if TYPE_CHECKING:
    from rota.ledger import Ledger, Record

LOOKED_AT = 2000
"""Runs that one call looks at, where it looks for some among them."""

FOR_EVER = timedelta(days=3650)
"""Longer than any run is on record, and short enough to count back from any instant."""

COLUMNS = ("run", "target", "outcome", "took", "attempt", "started", "server", "token", "reason")

_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days"}


class Wanted(StrEnum):
    """What `--outcome` takes: outcomes, and the states of runs that have none yet."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    RUNNING = "running"
    WAITING = "waiting"


class Found(NamedTuple):
    """A run with its place in the listing, from which another page goes on: it is merged of each job's."""

    sort: str
    record: "Record"

    @property
    def cursor(self) -> str:
        return f"{self.record.job}@{self.sort}"


def _since(text: str | None) -> timedelta | None:
    if text is None:
        return None
    read = re.fullmatch(r"([0-9]{1,6})(s|m|min|h|d)", text)
    if read is None:
        raise typer.BadParameter(f"{text!r} is not a duration such as 30min, 2h or 7d")
    return min(timedelta(**{_UNITS[read[2]]: int(read[1])}), FOR_EVER)


def runs(
    job: Annotated[str | None, typer.Argument(metavar="JOB", help="One job; all unless given.")] = None,
    *,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=1000, help="How many runs.")] = 50,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on behind that run, as the page before says.")
    ] = None,
    outcome: Annotated[Wanted | None, typer.Option(help="Only runs that ended, or stand, like this.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Only runs due or enqueued since: 30min, 2h, 7d.")
    ] = None,
    manifest: ManifestOption = DEFAULT_MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """List the runs on record, the newest first.

    Sorted by the instant they are for, or were enqueued at; ids that other programs wrote stand where their text does.

    On record is every occurrence, and what is enqueued of jobs with a lock or a unique key, or for endpoints; for 45
    days. Other enqueued runs, and those of servers that do not claim them, are in logs and metrics only.
    """
    length = _since(since)
    deployed = deployment(manifest)
    declared = deployed.manifest
    jobs = [find_job(declared, job)] if job else list(declared.jobs)
    # A job that is named is looked for in any case: it may have had a schedule once.
    listed = [each for each in jobs if job or _may_have_any(each)]
    with permitted():
        now = deployed.ledger.now()
        begin = now - length if length else None
        shown, cursor, looked = _page(
            _newest(deployed.ledger, listed, after, begin, page=min(limit, 100)), limit, outcome
        )
    note = _note(jobs)
    if as_json:
        print_json({"runs": [records.as_json(record, now) for record in shown], "after": cursor, "note": note})
        return
    if shown:
        print_table(COLUMNS, [_row(record, declared, now) for record in shown], styles=records.STYLES)
    else:
        out().print("no run is on record" + (" that is asked for" if outcome or since or after else ""))
    if cursor:
        looked_through = f" (looked through {looked} runs)" if len(shown) < limit else ""
        words = ["rota", "runs", *([job] if job else []), *(["--outcome", outcome] if outcome else [])]
        words += ["--since", since] if since else []
        words += ["--manifest", manifest] if manifest != DEFAULT_MANIFEST else []
        words += ["--limit", str(limit), "--after", cursor]
        out().print(f"more{looked_through}: {shlex.join(words)}", style="dim")
    if note:
        out().print(note, style="dim")


def _page(found: Iterator[Found], limit: int, outcome: Wanted | None) -> "tuple[list[Record], str | None, int]":
    """The runs to show; where the next page begins, None where there is none; how many were looked at."""
    shown: list[Record] = []
    last, looked = None, 0
    for each in found:
        if len(shown) == limit or looked == LOOKED_AT:
            return shown, last.cursor if last else None, looked
        looked, last = looked + 1, each
        if outcome is None or records.state_of(each.record) == outcome:
            shown.append(each.record)
    return shown, None, looked


def _newest(
    ledger: "Ledger", jobs: list[Job[Any]], after: str | None, begin: datetime | None, *, page: int
) -> Iterator[Found]:
    """The runs of jobs by their places, the greatest first; jobs at the same place in the order of their names."""
    job, _, sort = (after or "").partition("@")
    if after and not sort:
        raise typer.BadParameter(f"--after: {after!r} is no cursor; it is in the last line of a page")
    ordered = sorted(jobs, key=lambda each: each.name)
    # Behind the place itself for those whose turn at it was: up to `job`. A space sorts before all that ids go on with.
    starts = [(sort if each.name <= job else f"{sort} ") if after else None for each in ordered]
    # At once: each is a request of its own.
    with ThreadPoolExecutor(8) as pool:
        pages = pool.map(lambda each, start: ledger.list(each.name, limit=page, after=start), ordered, starts)
        streams = [_of_one(ledger, each.name, first, begin, page) for each, first in zip(ordered, pages, strict=True)]
    return heapq.merge(*streams, key=lambda found: found.sort, reverse=True)


def _of_one(
    ledger: "Ledger", job: str, first: "tuple[Sequence[Record], str | None]", begin: datetime | None, page: int
) -> Iterator[Found]:
    from rota.ledger.records import key_of

    some, after = first
    while True:
        for record in some:
            due = record.scheduled_at or record.enqueued_at
            sort = key_of(job, record.run, target=record.target, scheduled_at=record.scheduled_at).sort
            if begin is not None and due is not None and due < begin:
                if sort.startswith(instant_text(due)):
                    return  # the rest is older
                continue  # an id of another program's, which does not stand where its time does
            yield Found(sort, record)
        if after is None:
            return
        some, after = ledger.list(job, limit=page, after=after)


def _may_have_any(job: Job[Any]) -> bool:
    return records.on_record(job) or (job.schedule is not None and records.is_known(job))


def _row(record: "Record", manifest: Manifest, now: datetime) -> list[str]:
    declared = manifest.find(record.job)
    return [
        records.one_line(record.run),
        # A queue goes without saying: a job has one.
        record.target if declared and record.target != declared.queue.name else "",
        records.state_of(record),
        records.spell_took(records.took(record, now)),
        str(record.attempt) if record.token else "",
        records.spell_time(records.started(record)),
        _short(record.server),
        str(record.token) if record.token else "",
        records.one_line(record.reason) if record.outcome != "succeeded" else "",
    ]


def _short(server: str) -> str:
    """Without the domain of its host: "web-1:7"."""
    return re.sub(r"^([A-Za-z][^.:]*)\.[^:]*", r"\1", server)


def _note(jobs: Sequence[Job[Any]]) -> str | None:
    """Where the runs are that are not on record."""
    unknown = [job for job in jobs if not records.on_record(job)]
    plain = [job.name for job in unknown if not _may_have_any(job)]
    enqueued = [job.name for job in unknown if job.name not in plain]
    parts = [f"every run of {', '.join(plain)}"] if plain else []
    parts += [f"what is enqueued of {', '.join(enqueued)}"] if enqueued else []
    return f"in logs and metrics only, not on record: {'; '.join(parts)}" if parts else None
