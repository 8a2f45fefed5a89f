"""Schedules of public projects: each is expressed, with the meaning it had, or refused with a reason.

real_schedules.json has them as facts: what stands in which file of which project. Left out are expressions that a
program makes up as it starts, with a random minute, say.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from croniter import croniter

from rota import Cron, ScheduleError

Year = list[int]
SOURCES = json.loads((Path(__file__).parent / "real_schedules.json").read_text())
EXPRESSIONS = sorted({expression for source in SOURCES for expression in source["expressions"]})
STEP = "it has a step after a single number; write a range before it, such as "
REFUSED = {
    # The first is a slip: "every minute of 00:00 and 15:00". cron(8) of Debian and cronie take none of these.
    "* 0/15 * * *": f"hour field '0/15': {STEP}0-23/15",
    "2/17 * * * *": f"minute field '2/17': {STEP}2-59/17",
    "0 0/12 * * *": f"hour field '0/12': {STEP}0-23/12",
}
EXPRESSED = [expression for expression in EXPRESSIONS if expression not in REFUSED]


def test_there_are_many_of_several_projects() -> None:
    assert sum(len(source["expressions"]) for source in SOURCES) >= 150
    assert len({source["project"] for source in SOURCES}) >= 6


@pytest.mark.parametrize("expression", EXPRESSED)
def test_a_translation_means_what_stands_there(
    unix_year: Callable[[str, int], Year], aws_year: Callable[[tuple[str, ...], int], Year], expression: str
) -> None:
    for year in (2027, 2028):
        assert aws_year(Cron(expression).aws_expressions(), year) == unix_year(expression, year)


@pytest.mark.parametrize("expression", EXPRESSED)
@pytest.mark.parametrize("start", [datetime(2026, 2, 27, 22, 30), datetime(2027, 12, 31, 1, 1), datetime(2028, 2, 28)])
def test_croniter_agrees_with_the_preview(expression: str, start: datetime) -> None:
    reader = croniter(expression, start, ret_type=datetime)
    theirs = [reader.get_next().replace(tzinfo=UTC) for _ in range(60)]
    ours = [Cron(expression).next(start.replace(tzinfo=UTC))]
    ours.extend(islice(Cron(expression).between(theirs[1], datetime(2199, 1, 1, tzinfo=UTC)), 59))
    assert ours == theirs


@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_refused_is_said_with_field_value_and_way_out(expression: str) -> None:
    assert expression in EXPRESSIONS
    with pytest.raises(ScheduleError) as caught:
        Cron(expression)
    assert str(caught.value) == f"{expression!r}: {REFUSED[expression]}"


@pytest.mark.parametrize("expression", REFUSED)
def test_the_way_out_of_a_refusal_is_one(expression: str) -> None:
    field, written = REFUSED[expression].split("'")[1], REFUSED[expression].rsplit(" ", 1)[-1]
    assert Cron(expression.replace(field, written)).aws_expressions()
