"""How many runs will start when: by minute of the day, and a month. Pure arithmetic over schedules."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from rota.cron_aws import AwsCron
from rota.manifest import Job
from rota.schedules import Cron, Every, Schedule
from rota.starts import counts_from_deploy, minutes_of_day, runs_of, starts_of

DAY_MINUTES = 24 * 60
_YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Cell:
    """One minute of the day, over all days looked at."""

    minute: int
    """Since midnight, as clocks show it."""
    total: int
    """How many runs start then, on all days together."""
    most: int
    """How many do on the fullest day."""
    _parts: tuple[tuple[tuple[str, ...], int], ...]

    @property
    def jobs(self) -> tuple[str, ...]:
        """The jobs, those of the most starts first."""
        starts: Counter[str] = Counter()
        for names, count in self._parts:
            for name in names:
                starts[name] += count
        return tuple(sorted(starts, key=lambda name: (-starts[name], name)))


@dataclass(frozen=True)
class Forecast:
    """The starts of some jobs from `start` to `end`, on the clocks of a zone."""

    start: datetime
    end: datetime
    zone: str
    cells: Mapping[int, Cell]
    """By minute of the day; minutes at which nothing starts have none."""
    unknown: tuple[str, ...]
    """Jobs whose occurrences only AWS knows: an interval that counts from the deploy."""

    @cached_property
    def total(self) -> int:
        """All starts."""
        return sum(cell.total for cell in self.cells.values())

    def busiest(self, count: int) -> list[Cell]:
        """The minutes at which the most runs start at once; of those alike, the ones of most starts on all days."""
        return sorted(self.cells.values(), key=lambda cell: (-cell.most, -cell.total, cell.minute))[:count]


def forecast(jobs: Sequence[Job[Any]], *, start: datetime, end: datetime, zone: str = "UTC") -> Forecast:
    """When runs of these jobs start, from `start` (included) to `end` (excluded), both aware.

    Each counts once, however many targets its job has. `jitter` is counted in; a `flexible_window` is not, for only AWS
    knows it. Jobs without a schedule, or not enabled, have no starts; those that count from the deploy are named.
    """
    due = [job for job in jobs if job.schedule is not None and job.enabled]
    alike: defaultdict[object, list[Job[Any]]] = defaultdict(list)
    for job in due:
        if job.schedule is not None and not counts_from_deploy(job):
            alike[job.schedule if job.schedule.jitter is None else job.name].append(job)
    at_once: Counter[int] = Counter()
    day_of: dict[int, int] = {}
    parts: defaultdict[int, list[tuple[tuple[str, ...], int]]] = defaultdict(list)
    for same in alike.values():
        starts = _starts(same[0], start, end)
        days = minutes_of_day(starts, zone)
        for instant, minute in zip(starts, days, strict=True):
            at_once[instant] += len(same)
            day_of[instant] = minute
        names = tuple(job.name for job in same)
        for minute, count in Counter(days).items():
            parts[minute].append((names, count))
    most: dict[int, int] = {}
    for instant, count in at_once.items():
        most[day_of[instant]] = max(count, most.get(day_of[instant], 0))
    cells = {
        minute: Cell(minute, sum(len(names) * count for names, count in found), most[minute], tuple(found))
        for minute, found in sorted(parts.items())
    }
    return Forecast(start, end, zone, cells, tuple(job.name for job in due if counts_from_deploy(job)))


def _starts(job: Job[Any], start: datetime, end: datetime) -> "array[int]":
    schedule = job.schedule
    return starts_of(job, runs_of(schedule, start, end)) if schedule is not None else array("i")


def fired_a_month(schedule: Schedule, start: datetime) -> float:
    """How often AWS fires it a month, on average over the year from `start` on: `start`, `end` and `excluding` of the
    schedule do not count, for servers apply them, to what was fired. Two expressions that fire at one minute are two.
    """
    if isinstance(schedule, Every):
        return _YEAR / schedule.interval / 12
    if isinstance(schedule, Cron):
        # Days and times are counted apart: a year of minutes need not be listed. Changes of clocks hardly count.
        crons = [AwsCron(text[len("cron(") : -1]) for text in schedule.aws_expressions()]
        first = start.astimezone(ZoneInfo(schedule.time_zone)).date()
        return sum(len(cron.times) * _count_days(cron, first, first + _YEAR) for cron in crons) / 12
    moment = schedule.fired_by(start + _YEAR)
    return 0.0 if moment is None or moment < start else 1 / 12


def _count_days(cron: AwsCron, first: date, last: date) -> int:
    return sum(1 for _ in takewhile(lambda day: day < last, cron.days(first, 1)))
