"""The six-field cron grammar of EventBridge: parsing it, and the wall-clock times that it means.

Grammar: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html#eb-cron-expressions
(EventBridge Scheduler reads the same). Times here are naive: what a clock on the wall of the schedule's zone shows.
"""

import calendar
import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import groupby

from rota.errors import ScheduleError

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
FIRST_YEAR, LAST_YEAR = 1970, 2199


@dataclass(frozen=True)
class Field:
    """One of the six fields: its range, its names, and the place of the first name."""

    title: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.high - self.low + 1

    def refuse(self, text: str, why: str) -> ScheduleError:
        return ScheduleError(f"{self.title} field {text!r}: {why}")

    def number(self, text: str) -> int:
        if text.upper() in self.names:
            return self.names.index(text.upper()) + self.low
        if not text.isascii() or not text.isdigit() or not self.low <= int(text) <= self.high:
            names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
            raise self.refuse(text, f"expected a number from {self.low} to {self.high}{names}")
        return int(text)

    def values(self, text: str) -> frozenset[int]:
        """The values that a list of `*`, `a`, `a-b` and `.../step` means."""
        found: set[int] = set()
        for part in text.split(","):
            span, slash, step = part.partition("/")
            first, dash, last = span.partition("-")
            if span == "*":
                low, high = self.low, self.high
            elif dash:
                low, high = self.number(first), self.number(last)
                if low > high:
                    raise self.refuse(text, f"the range {span} runs backwards; write it as two, joined by a comma")
            else:
                low = self.number(first)
                high = self.high if slash else low
            if slash and (not step.isascii() or not step.isdigit() or int(step) < 1):
                raise self.refuse(text, f"expected a number above 0 after the '/', got {step!r}")
            found.update(range(low, high + 1, int(step) if slash else 1))
        return frozenset(found)


MINUTE = Field("minute", 0, 59)
HOUR = Field("hour", 0, 23)
DAY_OF_MONTH = Field("day-of-month", 1, 31)
MONTH = Field("month", 1, 12, MONTHS)
DAY_OF_WEEK = Field("day-of-week", 1, 7, WEEKDAYS)
YEAR = Field("year", FIRST_YEAR, LAST_YEAR)

DayRule = Callable[[date], bool]


def _last_day(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _aws_weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _nearest_weekday(day: date, target: int) -> int:
    """The day of the month of the weekday nearest to `target`, never leaving the month."""
    last = _last_day(day)
    weekday = date(day.year, day.month, target).weekday()
    if weekday == calendar.SATURDAY:
        return target - 1 if target > 1 else target + 2
    if weekday == calendar.SUNDAY:
        return target + 1 if target < last else target - 2
    return target


def _before_letter(field: Field, text: str) -> int:
    try:
        return field.number(text[:-1])
    except ScheduleError:
        raise field.refuse(text, f"expected one day from {field.low} to {field.high} before the {text[-1]!r}") from None


def _day_of_month_rule(text: str) -> DayRule:
    upper = text.upper()
    if upper == "L":
        return lambda day: day.day == _last_day(day)
    if upper == "LW":
        return lambda day: day.day == _nearest_weekday(day, _last_day(day))
    if upper.endswith("W"):
        target = _before_letter(DAY_OF_MONTH, text)
        return lambda day: target <= _last_day(day) and day.day == _nearest_weekday(day, target)
    days = DAY_OF_MONTH.values(text)
    return lambda day: day.day in days


def _day_of_week_rule(text: str) -> DayRule:
    upper = text.upper()
    if "/" in text:
        raise DAY_OF_WEEK.refuse(text, "EventBridge takes no '/' here; write the days as a list, such as MON,WED,FRI")
    if upper == "L":
        return lambda day: _aws_weekday(day) == DAY_OF_WEEK.high
    if upper.endswith("L"):
        wanted = _before_letter(DAY_OF_WEEK, text)
        return lambda day: _aws_weekday(day) == wanted and day.day + 7 > _last_day(day)
    if "#" in text:
        name, _, place = text.partition("#")
        wanted = DAY_OF_WEEK.number(name)
        if place not in ("1", "2", "3", "4", "5"):
            raise DAY_OF_WEEK.refuse(text, f"expected 1 to 5 after the '#', got {place!r}")
        return lambda day: _aws_weekday(day) == wanted and (day.day + 6) // 7 == int(place)
    days = DAY_OF_WEEK.values(text)
    return lambda day: _aws_weekday(day) in days


@dataclass(frozen=True)
class AwsCron:
    """A parsed six-field expression.

    Raises `ScheduleError`, naming field, value and rule, for what EventBridge would refuse or never fire.
    """

    text: str

    def __post_init__(self) -> None:
        fields = self.text.split()
        if len(fields) != 6:
            raise ScheduleError(
                f"{self.text!r} has {len(fields)} fields; an AWS cron expression has 6: "
                "minute hour day-of-month month day-of-week year"
            )
        if (fields[2] == "?") == (fields[4] == "?"):
            raise ScheduleError(f"{self.text!r}: exactly one of day-of-month and day-of-week must be '?'")
        if not self.times or not any(True for _ in self.days(date(min(self._years), 1, 1), 1)):
            raise ScheduleError(f"{self.text!r}: no day ever matches it")

    @cached_property
    def times(self) -> tuple[time, ...]:
        """The times of a matching day, in order."""
        minute, hour, *_ = self.text.split()
        return tuple(time(h, m) for h in sorted(HOUR.values(hour)) for m in sorted(MINUTE.values(minute)))

    @cached_property
    def _years(self) -> frozenset[int]:
        return YEAR.values(self.text.split()[5])

    @cached_property
    def _months(self) -> frozenset[int]:
        return MONTH.values(self.text.split()[3])

    @cached_property
    def _day_rule(self) -> DayRule:
        _, _, day_of_month, _, day_of_week, _ = self.text.split()
        return _day_of_month_rule(day_of_month) if day_of_week == "?" else _day_of_week_rule(day_of_week)

    def days(self, start: date, direction: int) -> Iterator[date]:
        """Matching days from `start` on, forwards (1) or backwards (-1), skipping whole months that cannot match."""
        first, last = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
        day, step = max(start, first) if direction > 0 else min(start, last), timedelta(days=direction)
        while first <= day <= last:
            if day.year not in self._years or day.month not in self._months:
                edge = day.replace(day=_last_day(day)) if direction > 0 else day.replace(day=1)
                day = edge + step
                continue
            if self._day_rule(day):
                yield day
            day += step


class AwsCrons:
    """Expressions that together mean one schedule: of the same times, on the days of any of them."""

    def __init__(self, crons: Sequence[AwsCron]) -> None:
        self._crons = crons
        self.times = crons[0].times
        """The times of a matching day, in order."""

    def days(self, start: date, direction: int) -> Iterator[date]:
        """Matching days from `start` on, forwards (1) or backwards (-1), each once."""
        if len(self._crons) == 1:
            yield from self._crons[0].days(start, direction)
            return
        found = heapq.merge(*(cron.days(start, direction) for cron in self._crons), reverse=direction < 0)
        yield from (day for day, _ in groupby(found))

    def after(self, wall: datetime) -> Iterator[datetime]:
        """Matching wall-clock times later than `wall`, earliest first."""
        for day in self.days(wall.date(), 1):
            skipped = bisect_right(self.times, wall.time()) if day == wall.date() else 0
            yield from (datetime.combine(day, self.times[place]) for place in range(skipped, len(self.times)))

    def until(self, wall: datetime) -> Iterator[datetime]:
        """Matching wall-clock times not later than `wall`, latest first."""
        for day in self.days(wall.date(), -1):
            past = bisect_right(self.times, wall.time()) if day == wall.date() else len(self.times)
            yield from (datetime.combine(day, self.times[place]) for place in reversed(range(past)))
