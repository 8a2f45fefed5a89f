"""`rota calendar`: when runs start, how many at once, and what they cost."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from rota.cli.bill import Bill, bill, print_bill
from rota.cli.heat_map import heat_map
from rota.cli.heat_svg import heat_svg
from rota.cli.loading import find_job, load_manifest
from rota.cli.moments import read_day, read_zone
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestOption
from rota.cli.output import out, print_json
from rota.cli.times import FROM_DEPLOY, iso, now, spell_instant
from rota.errors import RotaError
from rota.forecast import Cell, Forecast, forecast
from rota.manifest import Job

DAYS = 7
BUSIEST = 5
NAMED = 5
"""How many jobs of a busy minute are named; how many such minutes."""


class Fire(StrEnum):
    """As `Rota(schedules_with=...)`."""

    RULES = "rules"
    SCHEDULER = "scheduler"


def calendar(
    job: Annotated[str | None, typer.Argument(metavar="JOB", help="One job; all unless given.")] = None,
    *,
    days: Annotated[int | None, typer.Option(min=1, max=400, help=f"How many days; {DAYS} unless given.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="From this day or instant on, not from now.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DATE", help="To this day or instant, excluded.")] = None,
    zone: Annotated[
        str | None,
        typer.Option(callback=read_zone, metavar="ZONE", help="The clocks to tell times by; UTC if zones differ."),
    ] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the heat map as a picture, too.")] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=0, help="How many of the dearest jobs to list.")] = 20,
    processes: Annotated[int, typer.Option(min=0, help="How many worker processes poll each queue.")] = 1,
    schedules_with: Annotated[Fire, typer.Option(help="As Rota(schedules_with=...) has it.")] = Fire.RULES,
    manifest: ManifestOption = DEFAULT_MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """Show when runs start, as a heat map of the day, the busiest minutes, and what jobs cost a month."""
    found = load_manifest(manifest)
    jobs = [find_job(found, job)] if job else list(found.jobs)
    zone = zone or _common_zone(jobs)
    at = read_day("--from", start, zone) or now().replace(second=0, microsecond=0)
    seen = forecast(jobs, start=at, end=_end(at, end, days, zone), zone=zone)
    costs = bill(found, jobs, seen.start, schedules_with=schedules_with, processes=processes)
    title = _title(job or found.name, seen)
    if svg:
        _write(svg, heat_svg(seen, title))
    if as_json:
        print_json(_record(seen, costs))
        return
    _print(title, seen, jobs)
    print_bill(costs, count)
    if svg:
        out().print(f"\nthe heat map is in {svg}", style="dim")


def _common_zone(jobs: Sequence[Job[Any]]) -> str:
    zones = {job.schedule.time_zone for job in jobs if job.schedule}
    return zones.pop() if len(zones) == 1 else "UTC"


def _end(start: datetime, end: str | None, days: int | None, zone: str) -> datetime:
    if end is not None and days is not None:
        raise typer.BadParameter("--to and --days both say where it ends; give one")
    last = read_day("--to", end, zone) or start + timedelta(days=days or DAYS)
    if last <= start:
        raise typer.BadParameter(f"--to {end} is not after {iso(start)}, where it begins")
    if last - start > timedelta(days=400):
        raise typer.BadParameter(f"--to {end} is more than 400 days after {iso(start)}, where it begins")
    return last


def _title(name: str, seen: Forecast) -> str:
    first, last = (spell_instant(moment, seen.zone) for moment in (seen.start, seen.end))
    return f"{name}: {_starts(seen.total)}, {first} to {last} {seen.zone}"


def _starts(number: int) -> str:
    return f"{number:,} {'start' if number == 1 else 'starts'}"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RotaError(f"--svg {path} cannot be written: {error.strerror or error}; name a file in a folder") from None


def _print(title: str, seen: Forecast, jobs: Sequence[Job[Any]]) -> None:
    console = out()
    console.print(title)
    if seen.cells:
        console.print()
        for line in heat_map(seen, width=console.width, plain=console.options.ascii_only):
            console.print(line)
        console.print()
        console.print("the busiest minutes", style="bold")
        for cell in seen.busiest(BUSIEST):
            console.print(f"  {_clock(cell)}  {cell.most:,} at once, {cell.total:,} in all: {_named(cell.jobs)}")
    for name in seen.unknown:
        console.print(f"{name}: {FROM_DEPLOY}, so it is not in the map", style="dim")
    for one in jobs:
        if one.enabled and one.schedule and one.schedule.flexible_window:
            console.print(f"{one.name}: in the map at its instant; flexible_window moves it", style="dim")
    console.print()


def _clock(cell: Cell) -> str:
    return f"{cell.minute // 60:02}:{cell.minute % 60:02}"


def _named(jobs: Sequence[str]) -> str:
    return ", ".join(jobs[:NAMED]) + (f" and {len(jobs) - NAMED:,} more" if len(jobs) > NAMED else "")


def _record(seen: Forecast, costs: Bill) -> dict[str, Any]:
    return {
        "from": iso(seen.start),
        "to": iso(seen.end),
        "zone": seen.zone,
        "starts": seen.total,
        "minutes": [
            {"minute": _clock(cell), "starts": cell.total, "at_once": cell.most, "jobs": list(cell.jobs)}
            for cell in seen.cells.values()
        ],
        "not_in_the_map": list(seen.unknown),
        "cost": costs.record(),
    }
