"""When a job is due."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from rota import Cron, Every, Once, Schedule, ScheduleError
from rota.cron_aws import AwsCron, AwsCrons

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def coming(schedule: Schedule, after: str, count: int = 3) -> list[str]:
    found: list[str] = []
    moment = schedule.next(at(after))
    while moment is not None and len(found) < count:
        found.append(f"{moment:%Y-%m-%d %H:%M}")
        moment = schedule.next(moment)
    return found


def days(expression: str, after: str, count: int = 4) -> list[str]:
    """The days of an AWS expression at midnight, without the year."""
    return [text[5:10] for text in coming(Cron.aws(f"0 0 {expression}"), after, count)]


# Random Unix expressions. cronsim reads the source and iterates over naive times by itself: an independent answer.


def _terms(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).filter(lambda two: two[0] < two[1]).map(lambda two: f"{two[0]}-{two[1]}")
    step = st.integers(1, high + 3)
    stepped = st.tuples(st.one_of(span, st.just("*")), step).map(lambda two: f"{two[0]}/{two[1]}")
    return st.lists(st.one_of(number.map(str), span, stepped), min_size=1, max_size=3).map(",".join)


def _field(low: int, high: int, names: str = "") -> st.SearchStrategy[str]:
    named = [st.sampled_from(names.split())] if names else []
    return st.one_of(st.just("*"), _terms(low, high), *named)


MONTHS, WEEKDAYS = "JAN feb Mar DEC jan-mar", "SUN mon Tue SAT mon-fri MON-WED,SAT"
TIMES = st.tuples(_field(0, 59), _field(0, 23))
BY_MONTH_DAY = st.tuples(TIMES, _field(1, 31), _field(1, 12, MONTHS)).map(
    lambda f: f"{f[0][0]} {f[0][1]} {f[1]} {f[2]} *"
)
BY_WEEKDAY = st.tuples(TIMES, _field(1, 12, MONTHS), _field(0, 7, WEEKDAYS)).map(
    lambda f: f"{f[0][0]} {f[0][1]} * {f[1]} {f[2]}"
)
UNIX = st.one_of(BY_MONTH_DAY, BY_WEEKDAY)
WALLS = st.datetimes(datetime(2024, 1, 1), datetime(2032, 1, 1))
INSTANTS = st.datetimes(datetime(2015, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC))


@settings(max_examples=250)
@given(expression=UNIX, wall=WALLS)
def test_a_translation_means_what_the_unix_expression_means(expression: str, wall: datetime) -> None:
    try:
        cron = Cron(expression)
    except ScheduleError as refusal:
        assert "no day ever matches" in str(refusal)  # noqa: PT017 - most of them are not refused
        return
    texts = [aws.removeprefix("cron(").removesuffix(")") for aws in cron.aws_expressions()]
    translated = AwsCrons([AwsCron(text) for text in texts])
    assert list(islice(translated.after(wall), 12)) == list(islice(CronSim(expression, wall), 12))
    backwards = CronSim(expression, wall + timedelta(microseconds=1), reverse=True)
    assert list(islice(translated.until(wall), 12)) == list(islice(backwards, 12))


@settings(max_examples=150)
@given(expression=UNIX, zone=st.sampled_from(["UTC", BERLIN, NEW_YORK, LORD_HOWE, "Asia/Kathmandu"]), moment=INSTANTS)
def test_next_and_latest_agree(expression: str, zone: str, moment: datetime) -> None:
    try:
        cron = Cron(expression, time_zone=zone)
    except ScheduleError:
        return
    following, last = cron.next(moment), cron.latest(moment)
    assert following is not None
    assert last is not None
    assert last <= moment < following
    assert last.tzinfo is following.tzinfo is UTC
    assert cron.latest(last) == last
    assert cron.next(last) == following
    assert cron.latest(following) == following
    assert cron.latest(following - timedelta(microseconds=1)) == last


@settings(max_examples=60)
@given(
    expression=st.sampled_from(["*/7 * * * *", "30 1-3 * * *", "0 2 * * *", "59 1,2 * * *", "15 */2 * * *"]),
    change=st.sampled_from(
        [
            (BERLIN, "2026-03-29T01:00"),
            (BERLIN, "2026-10-25T01:00"),
            (NEW_YORK, "2026-03-08T07:00"),
            (NEW_YORK, "2026-11-01T06:00"),
            (LORD_HOWE, "2026-04-04T15:00"),
            (LORD_HOWE, "2026-10-03T15:30"),
            ("Pacific/Apia", "2011-12-30T10:00"),
        ]
    ),
    offset=st.integers(-180, 180),
)
def test_around_a_change_of_clocks_every_shown_time_counts_once(
    expression: str, change: tuple[str, str], offset: int
) -> None:
    """The oracle walks through the instants, looks at the clock on the wall, and counts a repeated time once."""
    zone, when = ZoneInfo(change[0]), at(change[1])
    cron, start = Cron(expression, time_zone=change[0]), at(change[1]) + timedelta(minutes=offset)
    plain = Cron(expression)
    shown = [start + timedelta(minutes=minute) for minute in range(600)]
    due = []
    for instant in shown:
        wall = instant.astimezone(zone)
        if not wall.fold and plain.latest(wall.replace(tzinfo=UTC)) == wall.replace(tzinfo=UTC):
            due.append(instant)
    assert list(cron.between(start, shown[-1] + timedelta(minutes=1))) == due
    assert when.tzinfo is UTC
    for instant in shown[::37]:
        assert cron.latest(instant) == next((one for one in reversed(due) if one <= instant), cron.latest(instant))


# Clocks that change


@pytest.mark.parametrize(
    ("zone", "expression", "after", "expected"),
    [
        # Berlin goes from 02:00 to 03:00 on 29 March 2026: half past two does not occur.
        (BERLIN, "30 2 * * *", "2026-03-28T00:00", ["2026-03-28 01:30", "2026-03-30 00:30"]),
        # and shows 02:00 to 03:00 twice on 25 October: half past two occurs once, the first time.
        (BERLIN, "30 2 * * *", "2026-10-24T12:00", ["2026-10-25 00:30", "2026-10-26 01:30"]),
        # What falls on each hour leaves out the hour that is repeated.
        (BERLIN, "0 * * * *", "2026-10-24T23:30", ["2026-10-25 00:00", "2026-10-25 02:00", "2026-10-25 03:00"]),
        (BERLIN, "0 * * * *", "2026-03-28T23:30", ["2026-03-29 00:00", "2026-03-29 01:00", "2026-03-29 02:00"]),
        (NEW_YORK, "30 2 * * *", "2026-03-07T12:00", ["2026-03-09 06:30", "2026-03-10 06:30"]),
        (NEW_YORK, "30 1 * * *", "2026-10-31T12:00", ["2026-11-01 05:30", "2026-11-02 06:30"]),
        # Lord Howe changes by half an hour.
        (LORD_HOWE, "15 2 * * *", "2026-10-02T15:30", ["2026-10-02 15:45", "2026-10-04 15:15"]),
        (LORD_HOWE, "45 1 * * *", "2026-04-03T15:00", ["2026-04-04 14:45", "2026-04-05 15:15"]),
    ],
)
def test_changes_of_clocks(zone: str, expression: str, after: str, expected: list[str]) -> None:
    assert coming(Cron(expression, time_zone=zone), after, len(expected)) == expected


def test_in_the_repeated_hour_the_latest_is_that_of_its_first_showing() -> None:
    cron = Cron("30 2 * * *", time_zone=BERLIN)
    assert cron.latest(at("2026-10-25T00:29")) == at("2026-10-24T00:30")
    assert cron.latest(at("2026-10-25T01:10")) == at("2026-10-25T00:30"), "clocks show 02:10 again"
    assert cron.next(at("2026-10-25T01:10")) == at("2026-10-26T01:30")


# The calendar


def test_leap_days() -> None:
    assert coming(Cron("0 12 29 2 *"), "2026-01-01T00:00", 2) == ["2028-02-29 12:00", "2032-02-29 12:00"]
    assert coming(Cron.aws("0 0 29 FEB ? *"), "2096-03-01T00:00", 1) == ["2104-02-29 00:00"], "2100 is no leap year"


def test_months_without_a_31st_are_left_out() -> None:
    assert days("31 * ? *", "2026-01-01T00:00") == ["01-31", "03-31", "05-31", "07-31"]


def test_the_last_day_of_the_month() -> None:
    assert days("L * ? *", "2028-01-01T00:00") == ["01-31", "02-29", "03-31", "04-30"]


def test_the_last_working_day_of_the_month() -> None:
    # 31 January 2026 is a Saturday, 31 May a Sunday.
    assert days("LW * ? *", "2026-01-01T00:00") == ["01-30", "02-27", "03-31", "04-30"]
    assert days("LW 5 ? *", "2026-01-01T00:00", 1) == ["05-29"]


def test_the_nearest_working_day_never_leaves_the_month() -> None:
    assert days("15W 2,3,8,11 ? 2026", "2026-01-01T00:00") == ["02-16", "03-16", "08-14", "11-16"]
    assert days("1W 8 ? 2026", "2026-01-01T00:00", 1) == ["08-03"], "Saturday the 1st: not back into July"
    assert days("31W 5 ? 2026", "2026-01-01T00:00", 1) == ["05-29"], "Sunday the 31st: not on into June"
    assert days("31W * ? 2026", "2026-03-01T00:00", 3) == ["03-31", "05-29", "07-31"]


def test_the_nth_weekday() -> None:
    assert days("? * 6#3 *", "2026-01-01T00:00") == ["01-16", "02-20", "03-20", "04-17"], "third Friday"
    assert days("? * 6#5 2026", "2026-01-01T00:00") == ["01-30", "05-29", "07-31", "10-30"], "not every month has five"
    assert days("? * MON#1 *", "2026-01-01T00:00", 2) == ["01-05", "02-02"]


def test_the_last_weekday() -> None:
    assert days("? * 6L *", "2026-01-01T00:00", 2) == ["01-30", "02-27"]
    assert days("? * friL *", "2026-01-01T00:00", 2) == ["01-30", "02-27"]
    assert days("? * L *", "2026-01-01T00:00", 2) == ["01-03", "01-10"], "the last of a week is Saturday"


def test_the_year() -> None:
    assert coming(Cron.aws("0 0 1 1 ? 2030,2040-2041"), "2026-01-01T00:00", 9) == [
        "2030-01-01 00:00",
        "2040-01-01 00:00",
        "2041-01-01 00:00",
    ]
    past = Cron.aws("0 0 1 1 ? 2020")
    assert past.next(at("2026-01-01T00:00")) is None
    assert past.latest(at("2026-01-01T00:00")) == at("2020-01-01T00:00")
    assert past.latest(at("2019-01-01T00:00")) is None


def test_the_first_and_the_last_years() -> None:
    daily = Cron("0 0 * * *")
    assert daily.next(at("1970-01-01T00:00")) == at("1970-01-02T00:00")
    assert daily.next(at("1960-01-01T00:00")) == at("1970-01-01T00:00")
    assert daily.latest(at("2199-12-31T12:00")) == at("2199-12-31T00:00")
    assert daily.latest(at("2300-01-01T00:00")) == at("2199-12-31T00:00")
    assert daily.next(at("2199-12-31T12:00")) is None
    assert daily.latest(at("1969-12-31T12:00")) is None


@pytest.mark.parametrize("sunday", ["0", "7", "SUN", "sun", "0,7"])
def test_unix_sunday_is_both_0_and_7_and_1_for_aws(sunday: str) -> None:
    assert Cron(f"0 0 * * {sunday}").aws_expressions() == ("cron(0 0 ? * 1 *)",)


@pytest.mark.parametrize(
    ("unix", "aws"),
    [
        ("* * * * *", "* * * * ? *"),
        ("*/5 * * * *", "0/5 * * * ? *"),
        ("0 2 * * *", "0 2 * * ? *"),
        ("30 9-17 * * 1-5", "30 9-17 ? * 2-6 *"),
        ("0 0 1,15 * *", "0 0 1,15 * ? *"),
        ("0 0 1 */3 *", "0 0 1 1/3 ? *"),
        ("0 0 * * 5-7", "0 0 ? * 1,6,7 *"),
        ("0 0 * * */2", "0 0 ? * 1,3,5,7 *"),
        ("0 0 * JAN MON", "0 0 ? 1 2 *"),
        ("  0   2 * * *  ", "0 2 * * ? *"),
    ],
)
def test_translations(unix: str, aws: str) -> None:
    assert Cron(unix).aws_expressions() == (f"cron({aws})",)


@pytest.mark.parametrize(
    ("unix", "aws"),
    [
        ("0 0 13 * 5", ["0 0 13 * ? *", "0 0 ? * 6 *"]),  # either
        ("0 0 1-31 * MON", ["0 0 * * ? *"]),  # any day, or Monday
        ("0 0 31 2 MON", ["0 0 ? 2 2 *"]),  # the 31st of February never comes
        ("0 0 */100,2-7 * MON,WED", ["0 0 ? * 2#1 *", "0 0 ? * 4#1 *"]),  # both: the first Monday, the first Wednesday
        ("0 0 1-7,29-31 * */2", [f"0 0 ? * {day}#{place} *" for day in (1, 3, 5, 7) for place in (1, 5)]),
        ("0 0 1-7 * */1", ["0 0 1-7 * ? *"]),
        ("0 22-2 * * FRI-MON", ["0 0,1,2,22,23 ? * 1,2,6,7 *"]),
        ("0 22-4/3 1 NOV-FEB *", ["0 1,4,22 1 1,2,11,12 ? *"]),  # steps go on past the end
        ("0 0 * * 7-2", ["0 0 ? * 1-3 *"]),
        ("0 0 * * 7-0", ["0 0 ? * 1 *"]),
        ("0 0 * * 5-1/2", ["0 0 ? * 1,6 *"]),
        ("5-5/15 * * * *", ["5 * * * ? *"]),
        ("@hourly", ["0 * * * ? *"]),
        ("@Midnight", ["0 0 * * ? *"]),
        ("@weekly", ["0 0 ? * 1 *"]),
        ("@monthly", ["0 0 1 * ? *"]),
        ("@annually", ["0 0 1 1 ? *"]),
    ],
)
def test_translations_to_what_several_expressions_may_mean(unix: str, aws: list[str]) -> None:
    assert Cron(unix).aws_expressions() == tuple(f"cron({text})" for text in aws)


def test_two_expressions_that_fire_at_one_minute_are_one_occurrence() -> None:
    thirteenth_or_friday = Cron("0 0 13 * 5")
    found = list(thirteenth_or_friday.between(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)))
    assert [moment.day for moment in found] == [6, 13, 20, 27]
    assert thirteenth_or_friday.latest(datetime(2026, 11, 19, tzinfo=UTC)) == datetime(2026, 11, 13, tzinfo=UTC)


def test_an_aws_expression_is_taken_as_it_is_with_or_without_its_wrapping() -> None:
    assert Cron.aws("0 18 ? * MON-FRI *") == Cron.aws("cron(0 18 ? * MON-FRI *)") == Cron.aws(" 0  18 ? * MON-FRI * ")
    assert Cron.aws("cron(0 18 ? * MON-FRI *)").aws_expressions() == ("cron(0 18 ? * MON-FRI *)",)


# What is refused, in which words


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 0 */2 * MON", "'0 0 */2 * MON': day-of-month 1/2 and day-of-week MON must both match, for one of these"),
        ("0 0 */2 * MON", "exclude the rest: Cron(..., excluding=lambda at: ...)"),
        ("@reboot", "'@reboot': that is when a machine starts, which is no time"),
        ("@every 5m", "write Every(timedelta(minutes=...))"),
        ("@often", "there are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly"),
        ("60 * * * *", "minute field '60': expected a number from 0 to 59"),
        ("* 24 * * *", "hour field '24': expected a number from 0 to 23"),
        ("0 0 0 * *", "day-of-month field '0': expected a number from 1 to 31"),
        ("0 0 * 13 *", "month field '13': expected a number from 1 to 12 or JAN to DEC"),
        ("0 0 * foo *", "month field 'foo': expected a number from 1 to 12 or JAN to DEC"),
        ("0 0 * * 8", "day-of-week field '8': expected a number from 0 to 7 or SUN to SAT"),
        ("*/0 * * * *", "expected a number above 0 after the '/', got '0'"),
        (
            "5/15 * * * *",
            "minute field '5/15': it has a step after a single number; write a range before it, such as 5-59/15",
        ),
        ("0 5/3 * * *", "such as 5-23/3"),
        ("*-5 * * * *", "a range cannot start with '*'"),
        ("0 0 L * *", "day-of-month field 'L': not Unix cron; for L, W, # and ? use Cron.aws(...)"),
        ("0 0 * * 5#2", "use Cron.aws(...)"),
        ("0 0 ? * 1", "use Cron.aws(...)"),
        ("1,,2 * * * *", "minute field '1,,2': not Unix cron"),
        ("0 0 30 2 *", "no day ever matches it"),
        ("0 0 31 4,6 *", "no day ever matches it"),
        ("daily", "has 1 fields; a Unix cron expression has 5: minute hour day-of-month month day-of-week"),
        ("0 2 * * ? *", "has 6 fields; write Cron.aws('0 2 * * ? *') if it is an AWS expression"),
        ("", "has 0 fields"),
    ],
)
def test_refused_unix_expressions(expression: str, said: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        Cron(expression)
    assert said in str(caught.value)
    assert repr(expression) in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 2 * * *", "has 5 fields; an AWS cron expression has 6: minute hour day-of-month month day-of-week year"),
        ("0 2 * * * *", "exactly one of day-of-month and day-of-week must be '?'"),
        ("0 2 ? * ? *", "exactly one of day-of-month and day-of-week must be '?'"),
        ("60 2 * * ? *", "minute field '60': expected a number from 0 to 59"),
        ("0 24 * * ? *", "hour field '24': expected a number from 0 to 23"),
        ("0 ? * * ? *", "hour field '?'"),
        ("0 2 32 * ? *", "day-of-month field '32'"),
        ("0 2 W * ? *", "day-of-month field 'W': expected one day from 1 to 31 before the 'W'"),
        ("0 2 1-5W * ? *", "day-of-month field '1-5W': expected one day from 1 to 31 before the 'W'"),
        ("0 2 ? * 0 *", "day-of-week field '0': expected a number from 1 to 7 or SUN to SAT"),
        ("0 2 ? * 2/2 *", "day-of-week field '2/2': EventBridge takes no '/' here; write the days as a list"),
        ("0 2 ? * 6#6 *", "day-of-week field '6#6': expected 1 to 5 after the '#', got '6'"),
        ("0 2 ? * MON,XL *", "day-of-week field 'MON,XL': expected one day from 1 to 7 before the 'L'"),
        ("0 2 * * ? 1969", "year field '1969': expected a number from 1970 to 2199"),
        ("0 2 30 FEB ? *", "no day ever matches it"),
        ("0 2 29 2 ? 2026", "no day ever matches it"),
        ("0 2 ? * FRI-MON *", "the range FRI-MON runs backwards"),
        ("0/x 2 * * ? *", "expected a number above 0 after the '/', got 'x'"),
    ],
)
def test_refused_aws_expressions(expression: str, said: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        Cron.aws(expression)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "", "../etc/passwd", "Europe", "localtime", "Factory", "posix/UTC", None]
)
def test_a_zone_that_is_none(zone: Any) -> None:
    with pytest.raises(ScheduleError, match="is not an IANA name such as 'Europe/Berlin' or 'UTC'"):
        Cron("0 2 * * *", time_zone=zone)


@pytest.mark.parametrize("schedule", [Cron("0 2 * * *"), Every(timedelta(minutes=5)), Once(at("2030-01-01"))])
def test_an_instant_without_a_zone_is_refused(schedule: Schedule) -> None:
    for ask in (schedule.next, schedule.latest):
        with pytest.raises(ScheduleError, match="must be a datetime with a time zone"):
            ask(datetime(2026, 1, 1))


def test_instants_of_any_zone_are_understood() -> None:
    cron = Cron("0 2 * * *")
    assert cron.next(datetime(2026, 1, 1, 3, 30, tzinfo=timezone(timedelta(hours=2)))) == at("2026-01-01T02:00")


def test_between_includes_the_start_and_not_the_end() -> None:
    hourly = Cron("0 * * * *")
    assert list(hourly.between(at("2026-01-01T01:00"), at("2026-01-01T03:00"))) == [
        at("2026-01-01T01:00"),
        at("2026-01-01T02:00"),
    ]


def test_how_schedules_read() -> None:
    assert str(Cron("0 2 * * *")) == "0 2 * * *"
    assert str(Cron("0 2 * * *", time_zone=BERLIN)) == "0 2 * * * Europe/Berlin"
    assert str(Every(timedelta(minutes=5))) == "every 0:05:00"
    assert str(Once(datetime(2030, 1, 1, 1, tzinfo=ZoneInfo(BERLIN)))) == "once at 2030-01-01T00:00:00Z"


# Every

ALIGNED = [minutes for minutes in range(1, 1441) if 1440 % minutes == 0]


@pytest.mark.parametrize("minutes", ALIGNED)
def test_what_divides_the_day_becomes_expressions_for_just_its_instants(minutes: int) -> None:
    every = Every(timedelta(minutes=minutes))
    crons = [Cron.aws(expression) for expression in every.aws_expressions()]
    start, end = at("2028-02-28"), at("2028-03-01")
    wanted = [start + timedelta(minutes=minute) for minute in range(0, 2 * 1440, minutes)]
    assert sorted(moment for cron in crons for moment in cron.between(start, end)) == wanted
    assert list(every.between(start, end)) == wanted


def test_common_intervals_need_one_expression() -> None:
    assert Every(timedelta(minutes=1)).aws_expressions() == ("cron(* * * * ? *)",)
    assert Every(timedelta(minutes=5)).aws_expressions() == ("cron(0/5 * * * ? *)",)
    assert Every(timedelta(hours=8)).aws_expressions() == ("cron(0 0/8 * * ? *)",)
    assert Every(timedelta(days=1)).aws_expressions() == ("cron(0 0 * * ? *)",)
    assert set(Every(timedelta(minutes=90)).aws_expressions()) == {"cron(0 0/3 * * ? *)", "cron(30 1/3 * * ? *)"}


@pytest.mark.parametrize(
    ("interval", "rate"),
    [
        (timedelta(minutes=7), "rate(7 minutes)"),
        (timedelta(hours=5), "rate(5 hours)"),
        (timedelta(days=2), "rate(2 days)"),
        (timedelta(days=1, minutes=1), "rate(1441 minutes)"),
        (timedelta(days=1, hours=1), "rate(25 hours)"),
    ],
)
def test_what_does_not_divide_the_day_counts_from_the_deploy(interval: timedelta, rate: str) -> None:
    every = Every(interval)
    assert not every.aligned
    assert every.aws_expressions() == (rate,)
    for ask in (every.next, every.latest):
        with pytest.raises(ScheduleError, match="counts from the deploy: only AWS knows its occurrences"):
            ask(at("2026-01-01"))


@given(minutes=st.sampled_from(ALIGNED), moment=INSTANTS)
def test_the_instants_of_every_surround_any_other(minutes: int, moment: datetime) -> None:
    every = Every(timedelta(minutes=minutes))
    last, following = every.latest(moment), every.next(moment)
    assert last is not None
    assert following is not None
    assert last <= moment < following == last + timedelta(minutes=minutes)
    assert every.latest(last) == last


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        (timedelta(seconds=30), "interval must be from 0:01:00 to 366 days"),
        (timedelta(), "interval must be from 0:01:00"),
        (timedelta(days=367), "interval must be from 0:01:00 to 366 days"),
        (timedelta(minutes=1, seconds=30), "interval must be whole minutes, the precision of EventBridge; got 0:01:30"),
        (5, "interval must be a timedelta; got 5"),
    ],
)
def test_refused_intervals(interval: timedelta, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        Every(interval)


# Once


def test_once_is_one_instant() -> None:
    once = Once(datetime(2030, 6, 1, 12, 0, 30, tzinfo=ZoneInfo(BERLIN)))
    instant = at("2030-06-01T10:00:30")
    assert once.aws_expressions() == ("at(2030-06-01T10:00:30)",)
    assert once.next(instant - timedelta(seconds=1)) == instant
    assert once.next(instant) is None
    assert once.latest(instant) == instant
    assert once.latest(instant - timedelta(seconds=1)) is None


def test_refused_instants() -> None:
    with pytest.raises(ScheduleError, match="Once: at must be a datetime with a time zone"):
        Once(datetime(2030, 1, 1))
    with pytest.raises(ScheduleError, match="Once: at must be in whole seconds; got 2030"):
        Once(datetime(2030, 1, 1, microsecond=5, tzinfo=UTC))
