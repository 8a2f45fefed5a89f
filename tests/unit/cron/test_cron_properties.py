"""Unix cron and what it is translated to mean the same, whatever is written.

Both are read by brute force over a year of minutes (conftest.py), and the preview is held against that, and against
libraries that know nothing of rota.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice

from aws_croniter import AwsCroniter
from croniter import croniter
from croniter.croniter import CroniterError
from cronsim import CronSim, CronSimError
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from pyawscron import AWSCron

from rota import Cron, ScheduleError

Year = list[int]
UnixYear = Callable[[str, int], Year]
AwsYear = Callable[[tuple[str, ...], int], Year]

MINUTE = timedelta(minutes=1)
STARTS = st.datetimes(datetime(2024, 1, 1), datetime(2031, 1, 1)).map(lambda at: at.replace(second=0, microsecond=0))
YEARS = st.sampled_from([2024, 2026, 2027, 2028, 2096, 2100])
MONTHS = "jan FEB Mar apr MAY Jun jul AUG Sep oct NOV dec".split()  # noqa: SIM905 - reads better
WEEKDAYS = "sun MON Tue wed THU Fri sat".split()  # noqa: SIM905


# Expressions


def _terms(low: int, high: int, names: list[str]) -> st.SearchStrategy[str]:
    number = st.integers(low, high).map(str)
    if names:
        number = st.one_of(number, st.sampled_from(names))
    span = st.tuples(number, number).map("-".join)  # as often as not past the end and on from the beginning
    step = st.integers(1, high + 3)
    stepped = st.tuples(st.one_of(span, st.just("*")), step).map(lambda two: f"{two[0]}/{two[1]}")
    return st.one_of(number, span, stepped, st.just("*"))


def _field(low: int, high: int, names: list[str] | None = None) -> st.SearchStrategy[str]:
    lists = st.lists(_terms(low, high, names or []), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), lists)


MONTH, WEEKDAY = _field(1, 12, MONTHS), _field(0, 7, WEEKDAYS)
ANY = st.tuples(_field(0, 59), _field(0, 23), _field(1, 31), MONTH, WEEKDAY)
WHOLE_WEEKS = st.tuples(
    _field(0, 59),
    _field(0, 23),
    st.lists(st.sampled_from(["1-7", "8-14", "15-21", "22-28", "29-31", "22-31"]), min_size=1, max_size=3).map(
        ",".join
    ),
    MONTH,
    st.sampled_from(["*/2", "*/3", "*/7", "*/2,fri", "*/4,1-2"]),
)
NAMED = st.sampled_from(["@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"])
UNIX = st.one_of(ANY.map(" ".join), ANY.map(" ".join), WHOLE_WEEKS.map(" ".join), NAMED)

AWS_DAYS = st.one_of(
    _field(1, 31), st.integers(1, 31).map(lambda day: f"{day}W"), st.sampled_from(["L", "LW"]), st.just("1/5")
)
AWS_WEEKDAYS = st.one_of(
    st.just("*"),
    st.lists(st.sampled_from([*WEEKDAYS, "1", "7", "2-6", "MON-FRI", "3-7"]), min_size=1, max_size=3).map(",".join),
    st.tuples(st.sampled_from([*WEEKDAYS, "1", "6", "7"]), st.integers(1, 5)).map(lambda two: f"{two[0]}#{two[1]}"),
    st.sampled_from([*WEEKDAYS, "1", "6", "7"]).map(lambda day: f"{day}L"),
)


def _forwards(fields: tuple[str, ...]) -> bool:
    """Whether no range runs past the end, which EventBridge does not take."""
    for field in fields:
        for term in field.split(","):
            first, dash, last = term.partition("/")[0].partition("-")
            if dash and _number(first) > _number(last):
                return False
    return True


def _number(text: str) -> int:
    if text.isdigit():
        return int(text)
    names = WEEKDAYS if text in WEEKDAYS else ["", *MONTHS]
    return names.index(text)


AWS_TIMES = st.tuples(_field(0, 59), _field(0, 23), MONTH).filter(_forwards)
AWS = st.one_of(
    st.tuples(AWS_TIMES, AWS_DAYS.filter(lambda day: _forwards((day,))), YEARS).map(
        lambda f: f"{f[0][0]} {f[0][1]} {f[1]} {f[0][2]} ? *"
    ),
    st.tuples(AWS_TIMES, AWS_WEEKDAYS).map(lambda f: f"{f[0][0]} {f[0][1]} ? {f[0][2]} {f[1]} *"),
)


# Reading them


def days_of(year: int) -> Iterator[datetime]:
    day = datetime(year, 1, 1, tzinfo=UTC)
    while day.year == year:
        yield day
        day += timedelta(days=1)


def mask(moments: Iterator[datetime], year: int) -> Year:
    """Instants as a year of minutes; each must be a whole minute, and there but once."""
    found = [0] * sum(1 for _ in days_of(year))
    for moment in moments:
        bit = 1 << moment.hour * 60 + moment.minute
        place = moment.timetuple().tm_yday - 1
        assert moment.year == year
        assert not moment.second
        assert not moment.microsecond
        assert not found[place] & bit, f"{moment} twice"
        found[place] |= bit
    return found


def refusal_is_right(text: str, said: str, unix_year: UnixYear) -> bool:
    """Whether it is one of the two refusals of a well-formed expression, says which, and is true."""
    assert repr(text) in said
    if "no day ever matches it" in said:
        # Calendars repeat after 28 years, and 2100 is not between these.
        return not any(any(unix_year(text, year)) for year in range(2001, 2029))
    _, _, day, _, weekday = text.split()
    assert "day-of-month" in said
    assert "day-of-week" in said
    assert "must both match" in said
    assert "excluding=" in said, "the way out"
    days, weekdays = unix_year(f"0 0 {day} 1 *", 2026)[:31], unix_year(f"0 0 * * {weekday}", 2026)[:7]
    weeks = [set(days[first : first + 7]) for first in range(0, 31, 7)]
    whole = all(len(week) == 1 for week in weeks)  # which AWS can say: MON#1 is a Monday of the first seven days
    return "*" in (day[0], weekday[0]) and not whole and not all(weekdays)


# Properties


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(text=UNIX, year=YEARS)
@example(text="0 0 30 2 1", year=2026)  # a half that never comes
@example(text="0 0 29 2 1", year=2028)  # a half that comes in leap years
@example(text="0 0 8-14,29-31 * */2", year=2026)  # both, of whole weeks
def test_the_translation_means_every_minute_of_a_year_what_the_source_means(
    unix_year: UnixYear, aws_year: AwsYear, text: str, year: int
) -> None:
    try:
        expressions = Cron(text).aws_expressions()
    except ScheduleError as refusal:
        assert refusal_is_right(text, str(refusal), unix_year)  # noqa: PT017 - most of them are not refused
        return
    assert aws_year(expressions, year) == unix_year(text, year)


@settings(max_examples=150)
@given(text=UNIX, year=YEARS, first=st.integers(0, 364))
def test_the_preview_of_a_unix_expression_is_what_it_means(
    unix_year: UnixYear, text: str, year: int, first: int
) -> None:
    try:
        cron = Cron(text)
    except ScheduleError:
        assume(False)
    preview_is_right(cron, unix_year(text, year), year, first)


@settings(max_examples=150)
@given(text=AWS, year=YEARS, first=st.integers(0, 364))
def test_the_preview_of_an_aws_expression_is_what_it_means(aws_year: AwsYear, text: str, year: int, first: int) -> None:
    meant = aws_year((f"cron({text})",), year)
    try:
        cron = Cron.aws(text)
    except ScheduleError as refusal:
        assert "no day ever matches it" in str(refusal)  # noqa: PT017
        assert not any(meant)
        return
    preview_is_right(cron, meant, year, first)


def preview_is_right(cron: Cron, meant: Year, year: int, first: int) -> None:
    """Over the whole year where it is due seldom, else over ten days from the `first`."""
    seldom = sum(day.bit_count() for day in meant) < 2000
    days = list(days_of(year))
    start, end = (0, len(days)) if seldom else (first, min(first + 10, len(days)))
    expected = [day if start <= place < end else 0 for place, day in enumerate(meant)]
    assert mask(cron.between(days[start], days[end - 1] + timedelta(days=1)), year) == expected


# Libraries that know nothing of rota


def unix_libraries(text: str, start: datetime, count: int) -> list[list[datetime]]:
    """The first occurrences from `start` on by each library that can read it, without a zone."""
    before = start - MINUTE
    found = []
    with suppress(CronSimError):
        found.append(list(islice(CronSim(text, before), count)))
    with suppress(CroniterError):
        reader = croniter(text, before, ret_type=datetime)
        found.append([reader.get_next() for _ in range(count)])
    return found


def steps_from_a_range_of_one(text: str) -> bool:
    """Whether it has a term like `0-0/2`, of which both libraries make `*/2` (test_cron_libraries.py)."""
    ranges = [term.split("/")[0].split("-") for term in re.split("[ ,]", text) if "/" in term and "-" in term]
    return any(_number(first) == _number(last) for first, last in ranges)


def test_where_cronsim_and_croniter_agree_the_preview_agrees_with_them() -> None:
    agreed: list[str] = []

    @settings(max_examples=300)
    @given(text=UNIX.filter(lambda text: not steps_from_a_range_of_one(text)), start=STARTS)
    def check(text: str, start: datetime) -> None:
        answers = unix_libraries(text, start, 30)
        if len(answers) < 2 or answers[0] != answers[1]:
            return
        try:
            preview = Cron(text).between(start.replace(tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC))
        except ScheduleError as refusal:
            assert "must both match" in str(refusal)  # noqa: PT017
            return
        agreed.append(text)
        assert [moment.replace(tzinfo=None) for moment in islice(preview, 30)] == answers[0]

    check()
    assert len(agreed) > 50, "or this shows little"


def aws_library(reader: type[AwsCroniter] | type[AWSCron], text: str, start: datetime, count: int) -> list[datetime]:
    found: list[datetime] = []
    cron, moment = reader(text), (start - MINUTE).replace(tzinfo=UTC)
    while len(found) < count and (following := cron.occurrence(moment).next()) is not None:
        moment = following
        found.append(following.replace(tzinfo=None))
    return found


def as_unix(text: str) -> str:
    """The expression in cronsim's and croniter's grammar, which have `L`, `#` and `W` too and count days from 0."""
    minute, hour, day, month, weekday, _ = text.split()
    if weekday[-1] in "Ll" and not weekday[0].isdigit():
        weekday = f"{[name.lower() for name in WEEKDAYS].index(weekday[:-1].lower()) + 1}L"
    place = weekday.find("#")
    days = weekday if place < 0 else weekday[:place]
    counted = "".join(str(int(char) - 1) if char.isdigit() else char for char in days)
    return f"{minute} {hour} {day} {month} {counted + weekday[len(days) :]}".replace("?", "*")


def test_where_libraries_of_aws_and_of_unix_cron_agree_the_preview_agrees_with_them() -> None:
    """aws-croniter is descended from pyawscron; that both agree with cronsim or croniter is what counts."""
    agreed: list[str] = []

    @settings(max_examples=250)
    @given(text=AWS, start=STARTS)
    @example(text="0 0 L * ? *", start=datetime(2026, 1, 1))
    @example(text="0 0 15W * ? *", start=datetime(2026, 1, 1))
    @example(text="0 0 ? * FRI#5 *", start=datetime(2026, 1, 1))
    @example(text="0 0 ? * 6L *", start=datetime(2026, 1, 1))
    def check(text: str, start: datetime) -> None:
        of_aws = []
        for reader in (AwsCroniter, AWSCron):
            try:
                of_aws.append(aws_library(reader, text, start, 10))
            except Exception:  # of any kind: an IndexError for what it does not know
                continue
        of_unix = unix_libraries(as_unix(text), start, 10)
        common = [answer for answer in of_aws if answer in of_unix]
        if not common:
            return
        agreed.append(text)
        preview = Cron.aws(text).between(start.replace(tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC))
        assert [moment.replace(tzinfo=None) for moment in islice(preview, 10)] == common[0]

    check()
    assert len(agreed) > 50, "or this shows little"
    assert {"0 0 L * ? *", "0 0 15W * ? *", "0 0 ? * FRI#5 *", "0 0 ? * 6L *"} <= set(agreed)
