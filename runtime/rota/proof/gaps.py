"""Gaps between runs that are longer or shorter than usual, on the clocks of the schedule's zone."""

import re
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

_DAY = 24 * 60
_WEEK = 7 * _DAY
WEEKLY = 0.3
"""Of how many weeks a time of a weekday must have a run to count as one of every week."""
MONTHLY = 1.25
"""How many times the shortest gap a usual one can be where months count: of 28 days, five weeks."""
_STEP = re.compile(r"cron\(\S+ \S+ (\d+)/(\d+) ")


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
      runs at that time of that weekday. A longer one is unusual where the run that would end the usual one is left out,
      by `excluding` for one: what the expression itself does not name (`1-15`) is not missed.
    - Else, gaps after runs on the same day of the month, at the same time, are compared, where all are longer than a
      week: those more than a quarter longer than the shortest are unusual. So months of 28 to 31 days are usual, and
      first Fridays four or five weeks apart; two months without a 31st are not.
    - Every so many days (`*/7`) begins anew on the 1st: the shorter gap before it is unusual.
    - What came once is compared with nothing.

    A gap in which a change of clocks skips a run is left out: it is told as that.
    """
    walls = (runs := runs or runs_of(schedule, start, end)).walls
    if len(walls) < 3:
        return
    weekly, rest = _by_week(walls)
    odd = dict(_by_month(walls, rest)) | dict(_by_step(walls, schedule))
    odd |= {place: usual for place, usual in weekly if _refusal(schedule, datetime_of(walls[place] + usual))}
    skips = skipped_gaps(schedule, start, end) if odd and isinstance(schedule, Cron) else frozenset()
    for place, usual in sorted(odd.items()):
        first = runs.moment(place)
        if first.at not in skips:
            yield Gap(first, runs.moment(place + 1), timedelta(minutes=usual))


def _by_week(walls: Sequence[int]) -> tuple[list[tuple[int, int]], list[int]]:
    """The places in `walls`, minutes, at which a gap begins that is longer than usual after that time of that weekday,
    each with the usual one; and the places of those that do not come weekly."""
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
        lengths = Counter(walls[place + 1] - walls[place] for place in places)
        usual = max(lengths, key=lambda length: (lengths[length], -length))
        if max(lengths) > usual:
            found += [(place, usual) for place in places if walls[place + 1] - walls[place] > usual]
    return found, rest


def _by_month(walls: Sequence[int], places: Sequence[int]) -> Iterator[tuple[int, int]]:
    by_day: defaultdict[Hashable, list[tuple[int, int]]] = defaultdict(list)
    for place in places:
        wall = datetime_of(walls[place])
        by_day[wall.day, wall.hour, wall.minute].append((place, walls[place + 1] - walls[place]))
    for same in by_day.values():
        longest = min(gap for _, gap in same) * MONTHLY
        if longest > _WEEK * MONTHLY:
            usual = Counter(gap for _, gap in same if gap <= longest).most_common(1)[0][0]
            yield from ((place, usual) for place, gap in same if gap > longest)


def _by_step(walls: Sequence[int], schedule: Schedule) -> Iterator[tuple[int, int]]:
    """The gaps over the end of a month that are shorter than the days between the others."""
    found = [_STEP.match(text) for text in schedule.aws_expressions()]
    steps = {(int(each[1]), int(each[2])) for each in found if each}
    if len(steps) != 1 or not all(found):
        return
    ((first, step),) = steps
    if first + step > 28:
        return  # once a month, in some of them
    for place, (wall, following) in enumerate(pairwise(walls)):
        if 0 < (days := following // _DAY - wall // _DAY) < step:
            yield place, following - wall + (step - days) * _DAY


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
    missed = gap.first.wall + gap.usual
    if missed > gap.second.wall:
        return "; days are counted anew each month", "days of the week, or accept it where it is meant"
    if reason := _refusal(schedule, missed):
        return f"; {reason}", "nothing, if that is meant; it can be accepted"
    day = gap.first.wall.day
    if day >= 29:
        last = f'Cron.aws("{gap.first.wall.minute} {gap.first.wall.hour} L * ? *")'
        return f"; not every month has a {_ordinal(day)}", f"{last}, for the last day of each month"
    return "", "a schedule without that gap, or accept it where it is meant"


def _refusal(schedule: Schedule, wall: datetime) -> str | None:
    """Why nothing runs at this time of the schedule's zone, if something is in the way."""
    return schedule.refusal(wall.replace(tzinfo=ZoneInfo(schedule.time_zone)).astimezone(UTC))


def _ordinal(day: int) -> str:
    return f"{day}st" if day == 31 else f"{day}th"
