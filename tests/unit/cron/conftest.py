"""Two readers of cron for tests, by brute force: they share no code with rota, and none with each other.

What is due in a year is a list of whole numbers, one a day from 1 January on: bit m of it says that something is due m
minutes after midnight.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import cache

import pytest

Year = list[int]
MONTHS = {
    "jan": 1,
    "feb": 2,
    "mar": 3,
    "apr": 4,
    "may": 5,
    "jun": 6,
    "jul": 7,
    "aug": 8,
    "sep": 9,
    "oct": 10,
    "nov": 11,
    "dec": 12,
}
DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@cache
def dates(year: int) -> tuple[date, ...]:
    first = date(year, 1, 1)
    return tuple(first + timedelta(days=n) for n in range(366) if (first + timedelta(days=n)).year == year)


def at_times(hours: Callable[[int], bool], minutes: Callable[[int], bool]) -> int:
    return sum(1 << hour * 60 + minute for hour in range(24) if hours(hour) for minute in range(60) if minutes(minute))


# cron(8): each term is asked of each value whether it means it.


def unix_year(text: str, year: int) -> Year:
    """What a Unix expression means, after cron(8) of Vixie, Debian and cronie, ranges past the end as BusyBox reads."""
    minute, hour, day, month, weekday = ALIASES.get(text.strip(), text).split()
    mask = at_times(lambda value: _means(hour, value, 0, 23), lambda value: _means(minute, value, 0, 59))
    is_both = day[0] == "*" or weekday[0] == "*"

    def is_due(when: date) -> bool:
        by_day = _means(day, when.day, 1, 31)
        sunday_is_7 = when.isoweekday() % 7 == 0 and _means(weekday, 7, 0, 6)
        by_weekday = sunday_is_7 or _means(weekday, when.isoweekday() % 7, 0, 6)
        return _means(month, when.month, 1, 12) and (by_day and by_weekday if is_both else by_day or by_weekday)

    return [mask if is_due(when) else 0 for when in dates(year)]


@cache
def _means(field: str, value: int, low: int, high: int) -> bool:
    return any(_term_means(term, value, low, high) for term in field.lower().split(","))


def _term_means(term: str, value: int, low: int, high: int) -> bool:
    span, _, step = term.partition("/")
    if span == "*":
        return (value - low) % int(step or 1) == 0
    if "-" not in span:
        assert not step, "cron(8) implementations disagree about a step after a single number"
        return value == _unix_number(span)
    first, last = (_unix_number(part) for part in span.split("-"))
    if first > last:  # past the end, and on from the beginning
        size = high - low + 1
        return (value - first) % size <= (last - first) % size and (value - first) % size % int(step or 1) == 0
    return first <= value <= last and (value - first) % int(step or 1) == 0


def _unix_number(text: str) -> int:
    return {**MONTHS, **DAYS}[text] if text.isalpha() else int(text)


# The six fields of EventBridge: each field becomes its set of numbers, after
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html#eb-cron-expressions


def aws_year(expressions: Iterable[str], year: int) -> Year:
    """What these expressions of EventBridge mean together. What its grammar does not have fails."""
    found = [0] * len(dates(year))
    for expression in expressions:
        wrapped = re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)", expression)
        assert wrapped, expression
        minute, hour, day, month, weekday, years = (field.lower() for field in wrapped.groups())
        assert [day, weekday].count("?") == 1, f"{expression}: just one of the day fields is '?'"
        if year not in _aws_set(years, 1970, 2199):
            continue
        mask = at_times(_aws_set(hour, 0, 23).__contains__, _aws_set(minute, 0, 59).__contains__)
        months = _aws_set(month, 1, 12, MONTHS)
        matching = {
            (when.month, number)
            for when in dates(year)
            if when.day == 1 and when.month in months
            for number in (_aws_days(day, when) if weekday == "?" else _aws_weekdays(weekday, when))
        }
        for place, when in enumerate(dates(year)):
            if (when.month, when.day) in matching:
                found[place] |= mask
    return found


def _aws_set(text: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    name = "|".join([r"\d+", *(names or {})])
    found: set[int] = set()
    for term in text.split(","):
        parts = re.fullmatch(rf"(?:(\*)|({name})(?:-({name}))?)(?:/(\d+))?", term)
        assert parts, f"{text} has {term}, which EventBridge does not know"
        star, first, last, step = parts.groups()
        bounds = [int((names or {}).get(number, number)) for number in (first, last) if number]
        start = low if star else bounds[0]
        stop = high if star or (step and not last) else bounds[-1]
        assert low <= start <= stop <= high, f"{text}: {term} is not within {low} and {high}, or runs backwards"
        assert step is None or int(step) > 0, text
        found |= set(range(start, stop + 1, int(step or 1)))
    return found


@cache
def _month(first: date) -> list[date]:
    return [when for when in dates(first.year) if when.month == first.month]


def _aws_days(text: str, first: date) -> set[int]:
    month = _month(first)
    working = [when.day for when in month if when.isoweekday() < 6]
    if text == "l":
        return {month[-1].day}
    if text == "lw":
        return {working[-1]}
    if nearest := re.fullmatch(r"(\d+)w", text):
        target = int(nearest.group(1))
        assert 1 <= target <= 31, text
        return {min(working, key=lambda day: abs(day - target))} if target <= month[-1].day else set()
    return _aws_set(text, 1, 31)


def _aws_weekdays(text: str, first: date) -> set[int]:
    names = {name: place + 1 for name, place in DAYS.items()}
    assert "/" not in text, f"{text}: EventBridge takes no '/' among days of the week"
    month = _month(first)
    if text == "l":
        text = "7"
    if special := re.fullmatch(r"(\w{3}|\d)(?:#(\d)|(l))", text):
        name, place, _ = special.groups()
        (wanted,) = _aws_set(name, 1, 7, names)
        such = [when.day for when in month if when.isoweekday() % 7 + 1 == wanted]
        assert place is None or 1 <= int(place) <= 5, text
        return set(such[int(place) - 1 : int(place)]) if place else {such[-1]}
    return {when.day for when in month if when.isoweekday() % 7 + 1 in _aws_set(text, 1, 7, names)}


@pytest.fixture(scope="session", name="unix_year")
def unix_reader() -> Callable[[str, int], Year]:
    return unix_year


@pytest.fixture(scope="session", name="aws_year")
def aws_reader() -> Callable[[Iterable[str], int], Year]:
    return aws_year
