"""What jobs cost a month, as a table: how often they are fired, dollars, and what is not in them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from rota.cli.output import out, print_table
from rota.cost import KNOWN_AT, MILLION, POLLS_AN_HOUR, REGION, idle_month, run_cost
from rota.forecast import fired_a_month
from rota.manifest import Job, Manifest
from rota.schedules import Schedule

_NAMED = 5


@dataclass(frozen=True)
class Line:
    """One job."""

    job: str
    by: str
    """"rule" or "schedule"; "enqueued" without one."""
    fired_a_month: float | None
    """How often its schedule is, on average over a year, those included that it excludes; None where it has none."""
    dollars_a_month: float | None
    dollars_a_million: float
    """For a million runs."""
    unknown: tuple[str, ...]
    """What is not in the dollars."""


@dataclass(frozen=True)
class Bill:
    """All of them."""

    lines: tuple[Line, ...]
    queues: int
    processes: int

    @property
    def runs(self) -> float:
        """Dollars a month for all occurrences."""
        return sum(line.dollars_a_month or 0 for line in self.lines)

    @property
    def idle(self) -> float:
        """Dollars a month for workers that poll their queues."""
        return idle_month(self.queues, self.processes)

    def record(self) -> dict[str, Any]:
        """For machines."""
        return {
            "prices": {"region": REGION, "known_at": KNOWN_AT},
            "jobs": [asdict(line) for line in self.lines],
            "runs_dollars_a_month": self.runs,
            "polling": {"queues": self.queues, "processes": self.processes, "dollars_a_month": self.idle},
            "dollars_a_month": self.runs + self.idle,
        }


def bill(manifest: Manifest, jobs: Sequence[Job[Any]], start: datetime, *, schedules_with: str, processes: int) -> Bill:
    """What these jobs of the manifest cost a month; of the queues of workers that they are for, the polling."""
    known: dict[Schedule, float] = {}
    lines = [_line(job, start, schedules_with, known) for job in jobs]
    queues = [queue for queue in manifest.queues if any(job.target == queue for job in jobs)]
    return Bill(tuple(sorted(lines, key=lambda line: -(line.dollars_a_month or 0))), len(queues), processes)


def _line(job: Job[Any], start: datetime, schedules_with: str, known: dict[Schedule, float]) -> Line:
    cost = run_cost(job, schedules_with=schedules_with)
    schedule = job.schedule
    if schedule is None:
        return Line(job.name, "enqueued", None, None, cost.dollars, cost.unknown)
    if schedule not in known:
        known[schedule] = fired_a_month(schedule, start)
    fired = known[schedule] if job.enabled else 0.0
    by = "schedule" if schedules_with == "scheduler" or schedule.needs_scheduler else "rule"
    return Line(job.name, by, fired, fired * cost.dollars / MILLION, cost.dollars, cost.unknown)


def print_bill(found: Bill, count: int) -> None:
    """The dearest jobs, the sum, and what that rests on."""
    console = out()
    shown, rest = found.lines[:count], found.lines[count:]
    rows = [_row(line) for line in shown]
    if rest:
        fired, dollars = (sum(each or 0 for each in column) for column in zip(*map(_amounts, rest), strict=True))
        rows.append([f"{len(rest):,} more", "", _number(fired), _money(dollars), ""])
    if found.queues and found.processes:
        rows.append(["polling", _count(found.queues, "queue"), "", _money(found.idle), ""])
    rows.append(["sum", "", "", _money(found.runs + found.idle), ""])
    print_table(("job", "by", "fired a month", "$ a month", "$ a million"), rows)
    notes: defaultdict[str, list[str]] = defaultdict(list)
    for line in found.lines:
        for unknown in line.unknown:
            notes[unknown].append(line.job)
    if enqueued := [line.job for line in found.lines if line.fired_a_month is None]:
        notes["enqueued: how often is not known, and not in the sum"] = enqueued
    for note, jobs in notes.items():
        more = f" and {len(jobs) - _NAMED:,} more" if len(jobs) > _NAMED else ""
        console.print(f"{', '.join(jobs[:_NAMED])}{more}: {note}", style="dim")
    console.print(
        f"An estimate: list prices of {REGION} as known on {KNOWN_AT}, without free tiers; requests as counted for "
        "docs/cost.md, of runs that come one at a time and last some seconds; each job fired alone, though "
        "Rota(together=...) may have one rule for several; "
        f"{_count(found.processes, 'worker process', 'es')}, asking each queue {POLLS_AN_HOUR} times an hour. "
        "Not in it: servers, retries, logs, alarms, load balancers, data transfer.",
        style="dim",
    )


def _amounts(line: Line) -> tuple[float | None, float | None]:
    return line.fired_a_month, line.dollars_a_month


def _row(line: Line) -> list[str]:
    fired = "" if line.fired_a_month is None else _number(line.fired_a_month)
    dollars = "" if line.dollars_a_month is None else _money(line.dollars_a_month)
    return [line.job, line.by, fired, dollars, f"{line.dollars_a_million:.2f}"]


def _number(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 or number == 0 else f"{number:.2g}"


def _money(dollars: float) -> str:
    return f"{dollars:,.2f}" if dollars >= 0.005 or dollars == 0 else f"{dollars:.1g}" if dollars >= 1e-4 else "<0.0001"


def _count(number: int, what: str, plural: str = "s") -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}{plural}"
