"""Gaps between runs that are longer or shorter than usual, on the clocks of the schedule's zone."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from rota.manifest import Job
from rota.proof.clocks import skipped_gaps
from rota.proof.finding import Finding
from rota.proof.spelling import clock, span, told
from rota.schedules import Cron, Schedule
from rota.starts import Moment, Runs, datetime_of, runs_of

_WEEK = 7 * 24 * 60
WEEKLY = 0.3
"""Of how many weeks a time of a weekday must have a run to count as one of every week."""
MONTHLY = 1.25
"""How many times the shortest gap a usual one can be where months count: of 28 days, five weeks."""


class Gap(NamedTuple):
    """Two runs in a row, further apart or nearer than usual."""

    first: Moment
    second: Moment
    usual: timedelta
    """On the clocks."""


def unusual_gaps(schedule: Schedule, start: datetime, end: datetime, runs: Runs | None = None) -> Iterator[Gap]:
    """The gaps between runs from `start` to `end` that are unusual on the clocks of the schedule's zone.

    What is usual depends on the run at which a gap begins:

    - Where its time of its weekday has a run in three weeks of ten, or more, the usual gap is the commonest one after
      runs at that time of that weekday, and any other is unusual. So weekends are usual after Fridays, and the four
      minutes from :56 to the hour are usual in `*/7`.
    - Else, gaps after runs on the same day of the month, at the same time, are compared, where all are longer than a
      week: those more than a quarter longer than the shortest are unusual. So months of 28 to 31 days are usual, and
      first Fridays four or five weeks apart; two months without a 31st are not.
    - What came once is compared with nothing.

    A gap in which a change of clocks skips a run is left out: it is told as that.
    """
    runs = runs or runs_of(schedule, start, end)
    odd = list(_unusual(runs.walls))
    skips = skipped_gaps(schedule, start, end) if odd and isinstance(schedule, Cron) else frozenset()
    for place, usual in odd:
        first = runs.moment(place)
        if first.at not in skips:
            yield Gap(first, runs.moment(place + 1), timedelta(minutes=usual))


def _unusual(walls: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The places in `walls`, minutes, at which an unusual gap begins, each with the usual one."""
    if len(walls) < 3:
        return
    gaps = [second - first for first, second in pairwise(walls)]
    by_week: defaultdict[int, list[int]] = defaultdict(list)
    for place, wall in enumerate(walls[:-1]):
        by_week[wall % _WEEK].append(place)
    weeks = max(3, WEEKLY * (walls[-1] - walls[0]) / _WEEK)
    rest: list[int] = []
    found: list[tuple[int, int]] = []
    for places in by_week.values():
        if len(places) < weeks:
            rest += places
            continue
        lengths = Counter(gaps[place] for place in places)
        if len(lengths) > 1:
            usual = max(lengths, key=lambda length: (lengths[length], -length))
            found += [(place, usual) for place in places if gaps[place] != usual]
    found += _by_month(walls, gaps, rest)
    yield from sorted(found)


def _by_month(walls: Sequence[int], gaps: Sequence[int], places: Sequence[int]) -> Iterator[tuple[int, int]]:
    by_day: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place in places:
        wall = datetime_of(walls[place])
        by_day[wall.day, wall.hour, wall.minute].append(place)
    for same in by_day.values():
        longest = min(gaps[place] for place in same) * MONTHLY
        if longest > _WEEK * MONTHLY:
            usual = Counter(gaps[place] for place in same if gaps[place] <= longest).most_common(1)[0][0]
            yield from ((place, usual) for place in same if gaps[place] > longest)


def gap_findings(job: Job[Any], start: datetime, end: datetime, runs: Runs) -> Iterator[Finding]:
    """The unusual gaps among the runs of a job."""
    schedule = job.schedule
    if schedule is None:
        return
    for gap in unusual_gaps(schedule, start, end, runs):
        length = gap.second.wall - gap.first.wall
        reason, instead = _why(schedule, gap)
        yield Finding(
            kind="gap",
            jobs=(job.name,),
            zone=schedule.time_zone,
            moments=(gap.first, gap.second),
            count=1,
            what=f"{span(length)} from {clock(gap.first.wall)} to {told(gap.second, schedule.time_zone)}, "
            f"usually {span(gap.usual)}{reason}",
            instead=instead,
        )


def _why(schedule: Schedule, gap: Gap) -> tuple[str, str]:
    """What a gap comes of, and what could be written instead."""
    missed = (gap.first.wall + gap.usual).replace(tzinfo=ZoneInfo(schedule.time_zone))
    if missed < gap.second.at and (reason := schedule.refusal(missed.astimezone(UTC))):
        return f"; {reason}", "nothing, if that is meant; it can be accepted"
    day = gap.first.wall.day
    if day >= 29 and missed < gap.second.at:
        last = f'Cron.aws("{gap.first.wall.minute} {gap.first.wall.hour} L * ? *")'
        return f"; not every month has a {_ordinal(day)}", f"{last}, for the last day of each month"
    return "", "a schedule without that gap, or accept it where it is meant"


def _ordinal(day: int) -> str:
    return f"{day}st" if day == 31 else f"{day}th"
