"""Five-field Unix cron, translated to the six-field grammar of EventBridge, exactly or not at all.

`cronsim` reads the expression (docs/adr/0004); what it finds are sets of numbers, and sets have one shortest spelling.
What needs more than one AWS expression, or has no equal there, is refused here.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import cast

from rota.cron_aws import DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH, WEEKDAYS, Field
from rota.errors import ScheduleError

_PLAIN_TERM = re.compile(r"(\*|[0-9]+|[A-Za-z]{3})(-([0-9]+|[A-Za-z]{3}))?(/[0-9]+)?")
_FIELDS = (MINUTE, HOUR, DAY_OF_MONTH, MONTH, Field("day-of-week", 0, 7, WEEKDAYS))


def to_aws(text: str) -> str:
    """The six-field expression of the same meaning.

    Raises `ScheduleError` for what is not Unix cron, and for what is but cannot be said in one AWS expression: both day
    fields restricted, `@` names, ranges that wrap around, a step after a single number.
    """
    from cronsim import CronSim, CronSimError

    fields = text.split()
    if len(fields) == 6:
        raise ScheduleError(f"{text!r} has 6 fields; write Cron.aws({text!r}) if it is an AWS expression")
    if len(fields) != 5:
        raise ScheduleError(
            f"{text!r} has {len(fields)} fields; a Unix cron expression has 5: "
            "minute hour day-of-month month day-of-week"
        )
    for field, value in zip(_FIELDS, fields, strict=True):
        try:
            _refuse_what_is_not_plain(field, value)
        except ScheduleError as error:
            raise ScheduleError(f"{text!r}: {error}") from None
    if fields[2] != "*" and fields[4] != "*":
        raise ScheduleError(
            f"{text!r} restricts day-of-month ({fields[2]}) and day-of-week ({fields[4]}): in Unix cron that means "
            "either, which one AWS expression cannot say; declare two jobs, one for each"
        )
    try:
        parsed = CronSim(text, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError:  # every field is right by itself
        raise ScheduleError(f"{text!r}: no day ever matches it") from None
    days_of_week = {day % 7 + 1 for day in cast("set[int]", parsed.weekdays)}
    by_week = fields[4] != "*"
    return " ".join(
        (
            _spell(parsed.minutes, MINUTE),
            _spell(parsed.hours, HOUR),
            "?" if by_week else _spell(parsed.days, DAY_OF_MONTH),
            _spell(parsed.months, MONTH),
            _spell(days_of_week, DAY_OF_WEEK, steps=False) if by_week else "?",
            "*",
        )
    )


def _refuse_what_is_not_plain(field: Field, value: str) -> None:
    for term in value.split(","):
        match = _PLAIN_TERM.fullmatch(term)
        if not match:
            raise field.refuse(value, "not Unix cron; for L, W, # and ? use Cron.aws(...)")
        start, last, step = match.group(1), match.group(3), match.group(4)
        if start == "*":
            if last:
                raise field.refuse(value, "a range cannot start with '*'")
        else:
            low = field.number(start)
            high = field.number(last) if last else low
            if low > high:
                raise field.refuse(
                    value, f"the range {start}-{last} runs backwards; write it as two, joined by a comma"
                )
            if step and low == high:
                # cron(8) implementations disagree: an error in some, "from there to the end" in others.
                raise field.refuse(
                    value,
                    f"it has a step after a single number; write a range before it, such as {low}-{field.high}{step}",
                )
        if step and not int(step[1:]):
            raise field.refuse(value, "expected a number above 0 after the '/', got '0'")


def _spell(values: Collection[int], field: Field, *, steps: bool = True) -> str:
    """The shortest spelling of a set of values: `*`, one value, a range, start/step, or a list."""
    ordered = sorted(values)
    first, last = ordered[0], ordered[-1]
    if len(ordered) == field.high - field.low + 1:
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
