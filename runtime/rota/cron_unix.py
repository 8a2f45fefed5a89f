"""Five-field Unix cron, translated to the six-field grammar of EventBridge, exactly or not at all.

`cronsim` reads the expression (docs/adr/0018); what it finds are sets of numbers, and sets have one shortest spelling.
What has no equal there is refused here, with the field, its value and what to write instead.
"""

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import product
from typing import cast

from rota.cron_aws import DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH, WEEKDAYS, Field
from rota.errors import ScheduleError

NAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""The names that crontab(5) has for expressions. https://man7.org/linux/man-pages/man5/crontab.5.html"""

_TERM = re.compile(r"(\*|[0-9]+|[A-Za-z]{3})(-([0-9]+|[A-Za-z]{3}))?(/[0-9]+)?")
_WEEKDAY = Field("day-of-week", 0, 7, WEEKDAYS)
_FIELDS = (MINUTE, HOUR, DAY_OF_MONTH, MONTH, _WEEKDAY)
_PLACES = {place: range(place * 7 - 6, min(place * 7, 31) + 1) for place in range(1, 6)}
"""The days of the month on which a day of the week comes for the first, second ... fifth time."""
_LONGEST = {month: 29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31 for month in range(1, 13)}


@lru_cache(maxsize=4096)
def to_aws(text: str) -> tuple[str, ...]:
    """The six-field expressions that together have the same meaning: several where both day fields are restricted.

    Two restricted day fields mean either, unless one of them starts with `*`: then they mean both, as in the `cron` of
    Vixie, Debian and cronie. AWS can say both only of whole weeks of a month: its `MON#1` are the Mondays among the
    days 1 to 7.

    Raises `ScheduleError` for what is not Unix cron, and for what AWS cannot express.
    """
    from cronsim import CronSim, CronSimError

    fields = _fields(text)
    plain = []
    for field, value in zip(_FIELDS, fields, strict=True):
        try:
            plain.append(_plain(field, value))
        except ScheduleError as error:
            raise ScheduleError(f"{text!r}: {error}") from None
    try:
        parsed = CronSim(" ".join(plain), datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError:  # every field is right by itself
        raise ScheduleError(
            f"{text!r}: no day ever matches it, for month {fields[3]} has no day-of-month {fields[2]}; write a day "
            "that it has"
        ) from None
    days = parsed.days
    weekdays = {day % 7 for day in cast("set[int]", parsed.weekdays)}
    times = f"{_spell(parsed.minutes, MINUTE)} {_spell(parsed.hours, HOUR)}"
    months = _spell(parsed.months, MONTH)
    is_both = fields[2].startswith("*") or fields[4].startswith("*")
    try:
        pairs = list(_both(days, weekdays) if is_both else _either(days, weekdays, parsed.months))
    except ScheduleError as error:
        raise ScheduleError(f"{text!r}: {error}") from None
    return tuple(f"{times} {of_month} {months} {of_week} *" for of_month, of_week in pairs)


def _fields(text: str) -> list[str]:
    bare = text.strip().lower()
    if bare.startswith("@"):
        if bare in NAMES:
            return NAMES[bare].split()
        way_out = {
            "@reboot": "that is when a machine starts, which is no time; leave it to the machine, to systemd say",
            "@every": "write Every(timedelta(minutes=...))",
        }.get(bare.split()[0], f"there are {', '.join(NAMES)}")
        raise ScheduleError(f"{text!r}: {way_out}")
    fields = text.split()
    if len(fields) == 6:
        raise ScheduleError(f"{text!r} has 6 fields; write Cron.aws({text!r}) if it is an AWS expression")
    if len(fields) != 5:
        raise ScheduleError(
            f"{text!r} has {len(fields)} fields; a Unix cron expression has 5: "
            "minute hour day-of-month month day-of-week"
        )
    return fields


def _plain(field: Field, value: str) -> str:
    """The field as `cronsim` reads it, which knows no range that runs past the end: those as lists of numbers."""
    return ",".join(_plain_term(field, value, term) for term in value.split(","))


def _plain_term(field: Field, value: str, term: str) -> str:
    match = _TERM.fullmatch(term)
    if not match:
        raise field.refuse(value, "not Unix cron; for L, W, # and ? use Cron.aws(...)")
    start, last, step = match.group(1), match.group(3), match.group(4)
    if step and not int(step[1:]):
        raise field.refuse(value, "expected a number above 0 after the '/', got '0'")
    if start == "*":
        if last:
            raise field.refuse(value, "a range cannot start with '*'")
        return term
    low = field.number(start)
    high = field.number(last) if last else low
    if step and not last:
        # cron(8) implementations disagree: an error in some, that number alone or "from there to the end" in others.
        raise field.refuse(
            value, f"it has a step after a single number; write a range before it, such as {low}-{field.high}{step}"
        )
    if low == high:
        return str(low)  # whatever its step, which cronsim would count to the field's end
    if low < high:
        return term
    size = len(DAY_OF_WEEK if field is _WEEKDAY else field)
    wrapped = range(low, high + size + 1, int(step[1:]) if step else 1)
    return ",".join(str((number - field.low) % size + field.low) for number in wrapped)


def _either(days: set[int], weekdays: set[int], months: set[int]) -> Iterator[tuple[str, str]]:
    """The day fields that mean any of these days, or any of these days of the week."""
    if len(days) == len(DAY_OF_MONTH) or len(weekdays) == len(DAY_OF_WEEK):
        yield "*", "?"
        return
    if any(day <= _LONGEST[month] for day in days for month in months):  # else that half never comes
        yield _spell(days, DAY_OF_MONTH), "?"
    yield "?", _spell(_of_aws(weekdays), DAY_OF_WEEK, steps=False)


def _both(days: set[int], weekdays: set[int]) -> Iterator[tuple[str, str]]:
    """The day fields that mean those of these days of the week that are one of these days."""
    if len(weekdays) == len(DAY_OF_WEEK):
        yield _spell(days, DAY_OF_MONTH), "?"
        return
    if len(days) == len(DAY_OF_MONTH):
        yield "?", _spell(_of_aws(weekdays), DAY_OF_WEEK, steps=False)
        return
    places = [place for place, block in _PLACES.items() if days.issuperset(block)]
    if days != {day for place in places for day in _PLACES[place]}:
        raise ScheduleError(
            f"day-of-month {_spell(days, DAY_OF_MONTH)} and day-of-week {_names(weekdays)} must both match, for one of "
            "these fields starts with '*'; AWS can say that of whole weeks of a month alone (days 1-7 as MON#1, 8-14 "
            "as MON#2, ...). Restrict one of them and exclude the rest: Cron(..., excluding=lambda at: ...)"
        )
    for day, place in product(_of_aws(weekdays), places):
        yield "?", f"{day}#{place}"


def _of_aws(weekdays: set[int]) -> list[int]:
    """The days of the week as AWS counts them: Sunday is 1."""
    return sorted(day + 1 for day in weekdays)


def _names(weekdays: set[int]) -> str:
    return " or ".join(WEEKDAYS[day] for day in sorted(weekdays))


def _spell(values: Collection[int], field: Field, *, steps: bool = True) -> str:
    """The shortest spelling of a set of values: `*`, one value, a range, start/step, or a list."""
    ordered = sorted(values)
    first, last = ordered[0], ordered[-1]
    if len(ordered) == len(field):
        return "*"
    if len(ordered) == 1:
        return str(first)
    if last - first == len(ordered) - 1 and len(ordered) > 2:
        return f"{first}-{last}"
    step = ordered[1] - first
    if steps and len(ordered) > 2 and ordered == list(range(first, field.high + 1, step)):
        return f"{first}/{step}"
    return ",".join(map(str, ordered))


def spell_times(minutes_of_day: Collection[int]) -> tuple[str, ...]:
    """The expressions that together fire daily at just these minutes after midnight: one for each set of hours."""
    minutes_by_hours: dict[tuple[int, ...], set[int]] = {}
    for minute in range(60):
        hours = tuple(h for h in range(24) if h * 60 + minute in minutes_of_day)
        if hours:
            minutes_by_hours.setdefault(hours, set()).add(minute)
    return tuple(
        f"{_spell(minutes, MINUTE)} {_spell(hours, HOUR)} * * ? *" for hours, minutes in minutes_by_hours.items()
    )
