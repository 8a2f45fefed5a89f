"""`rota proof`: what of the coming year's schedules may surprise."""

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

import typer

from rota.cli.loading import find_job, load_manifest
from rota.cli.moments import read_day
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestOption
from rota.cli.output import out, print_json
from rota.cli.times import iso, now
from rota.errors import ScheduleError
from rota.proof import DAYS, KINDS, Finding, Kind, Moment, prove, unaccepted, unproven
from rota.proof.spelling import clock, span, utc

MEANS: dict[Kind, str] = {
    "skipped": "a change of clocks leaves the time out, and the job does not run",
    "repeated": "a change of clocks shows the time twice, and the job runs once, at the first",
    "shifted": "a change of clocks makes the time between two runs longer or shorter than clocks show",
    "collision": "more starts of one lock at one minute than it has places",
    "gap": "the time between two runs is longer or shorter than usual",
    "unknown": "only AWS knows when the job runs",
    "never": "the job does not run in this time",
    "ends": "the last run is in this time",
}
FEW = 4
"""So many alike are told one by one."""
NAMED = 5
"""So many of the jobs that are not looked at are named."""


def proof(
    job: Annotated[str | None, typer.Argument(metavar="JOB", help="One job; all unless given.")] = None,
    *,
    days: Annotated[int, typer.Option(min=1, max=3660, help="How many days to look at.")] = DAYS,
    start: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="From this day (UTC) or instant on, not from now.")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND[:JOB]", help="Leave these out, such as shifted or gap:report. May be repeated."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if there is a finding.")] = False,
    manifest: ManifestOption = DEFAULT_MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """Show what may surprise: times that changes of clocks skip, repeat or shift, collisions of one lock, odd gaps.

    A job's collisions are those with all others. Jobs that are not enabled, or have no schedule, are not looked at; it
    says which.
    """
    found, at = load_manifest(manifest), read_day("--from", start) or now().replace(second=0, microsecond=0)
    one = find_job(found, job) if job else None
    asked = [one] if one else found.jobs
    compared = [each for each in found.jobs if each.lock or each is one] if one and one.lock else asked
    findings = [finding for finding in prove(compared, start=at, days=days) if job is None or job in finding.jobs]
    try:
        findings = unaccepted(findings, accept or (), (each.name for each in found.jobs))
    except ScheduleError as error:
        raise typer.BadParameter(f"--{error}") from None
    apart = {each.name: why for each in asked if (why := unproven(each))}
    count = len(asked) - len(apart)
    if as_json:
        print_json(
            {
                "from": iso(at),
                "days": days,
                "jobs": count,
                "not_looked_at": [{"job": name, "why": why} for name, why in apart.items()],
                "findings": list(map(_record, findings)),
            }
        )
    else:
        _print(findings, apart)
        counts = Counter(finding.kind for finding in findings)
        summary = ", ".join(f"{found} {kind}" for kind, found in counts.items()) or "nothing that surprises"
        looked = f"{count} {'job' if count == 1 else 'jobs'}, {days} days from {at:%Y-%m-%d %H:%M} UTC"
        out().print(
            f"{looked}: {summary if count else 'nothing to look at'}", style="green" if count and not findings else ""
        )
    if strict and findings:
        raise typer.Exit(1)


def _print(findings: Sequence[Finding], apart: Mapping[str, str]) -> None:
    console = out()
    for kind in KINDS:
        if same := [finding for finding in findings if finding.kind == kind]:
            _tell(f"{kind}: {MEANS[kind]}", "bold yellow")
            for instead, lines in _folded(same):
                for line in lines:
                    _tell(f"  {line}")
                _tell(f"    instead: {instead}", "dim")
            console.print()
    by_why: defaultdict[str, list[str]] = defaultdict(list)
    for name, why in apart.items():
        by_why[why].append(name)
    for why, names in by_why.items():
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        _tell(f"not looked at ({why}): {', '.join(names[:NAMED])}{more}", "dim")


def _tell(text: str, style: str = "") -> None:
    """A paragraph; in a terminal it is broken between words, and what follows its first line stands further in."""
    console = out()
    if console.is_terminal:
        indent = " " * (len(text) - len(text.lstrip()) + 4)
        text = textwrap.fill(
            text, console.width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
    console.print(text, style=style)


def _folded(findings: Sequence[Finding]) -> Iterator[tuple[str, list[str]]]:
    """What to write instead, each with the lines that it is for."""
    by_instead: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_instead[finding.instead].append(finding)
    for instead, same in by_instead.items():
        yield instead, list(_shifts(same) if same[0].kind == "shifted" else _lines(same))


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    """A line a finding; of many of the same jobs, the first ones and the last."""
    by_jobs: defaultdict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for finding in findings:
        by_jobs[finding.jobs].append(finding)
    for jobs, same in by_jobs.items():
        name = ", ".join(jobs)
        told = same if len(same) <= FEW else same[: FEW - 2]
        yield from (f"{name}: {finding.what}" for finding in told)
        if len(told) < len(same):
            yield f"{name}: and {len(same) - len(told)} more, the last: {same[-1].what}"


def _shifts(findings: Sequence[Finding]) -> Iterator[str]:
    """Every job of a zone is shifted by each change of its clocks: many at one change share a line."""
    by_change: defaultdict[tuple[str, object], list[Finding]] = defaultdict(list)
    for finding in findings:
        by_change[finding.zone, finding.change].append(finding)
    for (zone, _), same in by_change.items():
        change = same[0].change
        if len(same) <= FEW or change is None:
            yield from _lines(same)
        else:
            names = ", ".join(dict.fromkeys(job for finding in same for job in finding.jobs))
            longer = "less" if change.shift > timedelta() else "more"
            local = clock(change.at.replace(tzinfo=None) + change.after)
            yield f"{span(abs(change.shift))} {longer} over {local} {zone} ({utc(change.at)}): {names}"


def _record(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "jobs": list(finding.jobs),
        "zone": finding.zone,
        "count": finding.count,
        "moments": list(map(_moment, finding.moments)),
        "what": finding.what,
        "instead": finding.instead,
    }


def _moment(moment: Moment) -> dict[str, str]:
    return {"local": moment.wall.isoformat(), "at": iso(moment.at)}
