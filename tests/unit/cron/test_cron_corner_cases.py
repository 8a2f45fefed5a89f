"""Days that schedules get wrong, named one by one; those of clocks that change are in test_cron_clock_changes.py."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from rota import Cron, ScheduleError

Year = list[int]
AwsYear = Callable[[tuple[str, ...], int], Year]

NEW_YORK = "America/New_York"
END = datetime(2199, 12, 31, tzinfo=UTC)
DAY = timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(cron: Cron, start: str, count: int) -> list[str]:
    return [f"{moment:%Y-%m-%d %H:%M}" for moment in islice(cron.between(at(start), END), count)]


def days(cron: Cron, start: str, count: int) -> list[str]:
    return [text[:10] for text in due(cron, start, count)]


def aws_fields(expression: str) -> list[str]:
    return expression.removeprefix("cron(").removesuffix(")").split()


# Leap days


def test_a_leap_day_comes_in_2096_and_not_in_2100() -> None:
    assert days(Cron("0 0 29 2 *"), "2092-03-01", 3) == ["2096-02-29", "2104-02-29", "2108-02-29"]
    assert Cron("0 0 29 2 *").latest(at("2104-02-28")) == at("2096-02-29")


def test_a_leap_day_or_a_weekday_is_that_weekday_in_years_without_one() -> None:
    cron = Cron("0 0 29 2 1")
    assert days(cron, "2100-02-01", 5) == ["2100-02-01", "2100-02-08", "2100-02-15", "2100-02-22", "2101-02-07"]
    assert days(cron, "2028-02-21", 3) == ["2028-02-21", "2028-02-28", "2028-02-29"]  # Monday, Monday, Tuesday


def test_the_last_day_of_february() -> None:
    assert days(Cron.aws("0 0 L 2 ? *"), "2096-01-01", 5) == [
        "2096-02-29",
        "2097-02-28",
        "2098-02-28",
        "2099-02-28",
        "2100-02-28",
    ]


def test_every_other_day_begins_anew_with_the_month() -> None:
    assert days(Cron("0 0 */2 * *"), "2027-02-27", 3) == ["2027-02-27", "2027-03-01", "2027-03-03"]
    assert days(Cron("0 0 */2 * *"), "2028-02-27", 3) == ["2028-02-27", "2028-02-29", "2028-03-01"]


# The 31st


def test_the_31st_comes_in_seven_months() -> None:
    months = [text[5:7] for text in days(Cron("0 0 31 * *"), "2026-01-01", 7)]
    assert months == ["01", "03", "05", "07", "08", "10", "12"]
    assert Cron("0 0 31 * *").latest(at("2026-07-30")) == at("2026-05-31")


@pytest.mark.parametrize("expression", ["0 0 31 2,4,6,9,11 *", "0 0 30 2 *", "0 0 30-31 2 *"])
def test_a_day_that_never_comes_is_refused_and_left_out_beside_a_weekday(expression: str) -> None:
    with pytest.raises(ScheduleError, match="no day ever matches it"):
        Cron(expression)
    month = expression.split()[3]
    (beside_a_weekday,) = Cron(expression.replace(" *", " SUN")).aws_expressions()
    assert aws_fields(beside_a_weekday)[4] == "1"
    assert aws_fields(beside_a_weekday)[3] == month


# L, LW, W


def test_the_last_working_day_of_a_month_that_ends_on_a_weekend() -> None:
    # 2026 ends 31 January on a Saturday, 28 February too, 31 May on a Sunday.
    assert days(Cron.aws("0 0 LW * ? 2026"), "2026-01-01", 5) == [
        "2026-01-30",
        "2026-02-27",
        "2026-03-31",
        "2026-04-30",
        "2026-05-29",
    ]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 15W 8 ? 2026", "2026-08-14"),  # Saturday: the Friday before
        ("0 0 15W 2 ? 2026", "2026-02-16"),  # Sunday: the Monday after
        ("0 0 15W 1 ? 2026", "2026-01-15"),  # Thursday: itself
        ("0 0 1W 8 ? 2026", "2026-08-03"),  # Saturday the 1st: on to Monday, not back into July
        ("0 0 1W 2 ? 2026", "2026-02-02"),  # Sunday the 1st
        ("0 0 31W 1 ? 2026", "2026-01-30"),  # Saturday the 31st
        ("0 0 31W 5 ? 2026", "2026-05-29"),  # Sunday the 31st: back to Friday, not on into June
        ("0 0 30W 8 ? 2026", "2026-08-31"),  # Sunday the 30th, with a Monday left in the month
        ("0 0 28W 2 ? 2027", "2027-02-26"),  # Sunday the last
        ("0 0 29W 2 ? 2032", "2032-02-27"),  # a leap day that is a Sunday
    ],
)
def test_the_working_day_nearest_to(expression: str, expected: str) -> None:
    assert days(Cron.aws(expression), "2026-01-01", 2) == [expected]


def test_31w_is_left_out_of_months_without_a_31st() -> None:
    assert [day[5:7] for day in days(Cron.aws("0 0 31W * ? 2026"), "2026-01-01", 12)] == [
        "01",
        "03",
        "05",
        "07",
        "08",
        "10",
        "12",
    ]


@pytest.mark.parametrize("day", [f"{day}W" for day in range(1, 32)] + ["L", "LW"])
def test_every_nearest_working_day_of_the_28_years_after_which_calendars_repeat(day: str, aws_year: AwsYear) -> None:
    cron = Cron.aws(f"0 0 {day} * ? *")
    theirs = [
        datetime(year, 1, 1, tzinfo=UTC) + place * DAY
        for year in range(2001, 2029)
        for place, times in enumerate(aws_year(cron.aws_expressions(), year))
        if times
    ]
    assert list(cron.between(at("2001-01-01"), at("2029-01-01"))) == theirs


# n#k and nL


def test_the_fifth_friday_comes_in_four_months_of_2026() -> None:
    for expression in ("0 0 ? * FRI#5 *", "0 0 ? * 6#5 *"):
        assert days(Cron.aws(expression), "2026-01-01", 4) == ["2026-01-30", "2026-05-29", "2026-07-31", "2026-10-30"]


def test_5l_is_the_last_thursday_since_aws_counts_sunday_as_1() -> None:
    assert days(Cron.aws("0 0 ? * 5L *"), "2026-01-01", 3) == ["2026-01-29", "2026-02-26", "2026-03-26"]
    assert days(Cron.aws("0 0 ? * THUL *"), "2026-01-01", 3) == ["2026-01-29", "2026-02-26", "2026-03-26"]


def test_the_last_friday_is_the_fifth_where_there_are_five() -> None:
    last, fifth = Cron.aws("0 0 ? * FRIL 2026"), Cron.aws("0 0 ? * FRI#5 2026")
    assert set(days(fifth, "2026-01-01", 12)) < set(days(last, "2026-01-01", 12))


def test_the_first_sunday_as_crontabs_write_it() -> None:
    assert Cron("0 0 1-7 * */7").aws_expressions() == ("cron(0 0 ? * 1#1 *)",)
    assert days(Cron("0 0 1-7 * */7"), "2026-01-01", 3) == ["2026-01-04", "2026-02-01", "2026-03-01"]


def test_friday_or_the_13th_is_not_friday_the_13th() -> None:
    assert days(Cron("0 0 13 * FRI"), "2026-01-02", 3) == ["2026-01-02", "2026-01-09", "2026-01-13"]
    assert days(Cron("0 0 13 * FRI"), "2026-02-13", 2) == ["2026-02-13", "2026-02-20"]  # both at once: one occurrence


# Ranges past the end


def test_the_new_year_within_a_range() -> None:
    assert days(Cron("0 0 1 NOV-FEB *"), "2026-10-01", 5) == [
        "2026-11-01",
        "2026-12-01",
        "2027-01-01",
        "2027-02-01",
        "2027-11-01",
    ]


def test_the_end_of_the_month_within_a_range() -> None:
    assert [day[5:] for day in days(Cron("0 0 30-2 * *"), "2027-02-01", 6)] == [
        "02-01",
        "02-02",
        "03-01",
        "03-02",
        "03-30",
        "03-31",
    ]


@pytest.mark.parametrize(
    ("weekday", "aws"), [("7-2", "1-3"), ("5-0", "1,6,7"), ("5-7", "1,6,7"), ("6-7", "1,7"), ("7-0", "1"), ("7-7", "1")]
)
def test_a_range_over_sunday(weekday: str, aws: str) -> None:
    assert Cron(f"0 0 * * {weekday}").aws_expressions() == (f"cron(0 0 ? * {aws} *)",)


# Both ends, and years


def test_between_has_its_start_and_not_its_end_to_the_microsecond() -> None:
    cron, moment, least = Cron("0 12 * * *"), at("2026-06-01T12:00"), timedelta(microseconds=1)
    assert list(cron.between(moment, moment + least)) == [moment]
    assert list(cron.between(moment, moment)) == []
    assert list(cron.between(moment + least, moment + DAY)) == []
    assert list(cron.between(moment + DAY, moment)) == []
    assert cron.latest(moment) == moment
    assert cron.latest(moment - least) == moment - DAY
    assert cron.next(moment) == moment + DAY
    assert cron.next(moment - least) == moment


def test_years_with_steps_lists_and_ranges() -> None:
    assert days(Cron.aws("0 0 1 1 ? 2026/4"), "2026-01-01", 3) == ["2026-01-01", "2030-01-01", "2034-01-01"]
    assert days(Cron.aws("0 0 1 1 ? 2026-2040/7"), "2026-01-01", 5) == ["2026-01-01", "2033-01-01", "2040-01-01"]
    assert days(Cron.aws("0 0 29 2 ? 2027-2029,2096"), "2026-01-01", 5) == ["2028-02-29", "2096-02-29"]
    assert Cron.aws("0 0 1 1 ? 2026-2040/7").latest(at("2033-01-01")) == at("2033-01-01")
    assert Cron.aws("0 0 1 1 ? 2026-2040/7").latest(at("2199-01-01")) == at("2040-01-01")


def test_a_year_ends_by_the_clock_on_the_wall() -> None:
    cron = Cron.aws("59 23 31 12 ? 2026", time_zone=NEW_YORK)
    assert due(cron, "2026-01-01", 2) == ["2027-01-01 04:59"]
    assert cron.next(at("2027-01-01T04:59")) is None
