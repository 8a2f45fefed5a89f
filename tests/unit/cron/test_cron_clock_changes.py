"""Where clocks change: a time that they skip does not occur, one that they show twice occurs once, the first time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rota import Cron

Year = list[int]
UnixYear = Callable[[str, int], Year]

BERLIN, NEW_YORK, LORD_HOWE, SAO_PAULO = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"
END = datetime(2199, 12, 31, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def _field(last: int) -> st.SearchStrategy[str]:
    values = st.lists(st.integers(0, last), min_size=1, max_size=6).map(lambda found: ",".join(map(str, found)))
    return st.one_of(st.just("*"), st.integers(1, last).map(lambda step: f"*/{step}"), values)


MINUTES, HOURS = _field(59), _field(23)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(cron: Cron, start: str, count: int) -> list[str]:
    return [f"{moment:%Y-%m-%d %H:%M}" for moment in islice(cron.between(at(start), END), count)]


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-10-25T01:00"),
        ("America/New_York", "2026-03-08T07:00"),
        ("America/New_York", "2026-11-01T06:00"),
        ("Australia/Lord_Howe", "2026-04-04T15:00"),
        ("Australia/Lord_Howe", "2026-10-03T15:30"),
        ("America/Sao_Paulo", "2018-11-04T03:00"),
        ("America/Sao_Paulo", "2019-02-17T02:00"),
        ("Pacific/Apia", "2011-12-30T10:00"),  # a day is skipped
        ("Atlantic/Azores", "2026-10-25T01:00"),  # 00:00 is repeated
        ("America/St_Johns", "2010-11-07T02:31"),  # at 00:01 back to 23:01 of the day before
        ("Antarctica/Troll", "2026-03-29T01:00"),  # two hours at once
        ("Antarctica/Troll", "2026-10-25T01:00"),
    ],
)
def test_where_clocks_change_each_time_that_they_show_counts_once(zone: str, change: str, unix_year: UnixYear) -> None:
    """The oracle walks through the instants of 50 hours, reads the clock, and leaves out what it shows again."""
    tz = ZoneInfo(zone)
    middle = datetime.fromisoformat(change).replace(tzinfo=UTC)
    walls = {
        instant: instant.astimezone(tz) for instant in (middle + place * MINUTE for place in range(-25 * 60, 25 * 60))
    }

    @settings(max_examples=25)
    @given(minute=MINUTES, hour=HOURS, offset=st.integers(-150, 150))
    @example(minute="*", hour="*", offset=29)
    def check(minute: str, hour: str, offset: int) -> None:
        text = f"{minute} {hour} * * *"
        bits = unix_year(text, 2026)[0]  # any day: it is due daily
        due = [at for at, wall in walls.items() if not wall.fold and bits >> wall.hour * 60 + wall.minute & 1]
        cron = Cron(text, time_zone=zone)
        first, last = next(iter(walls)), list(walls)[-1]
        assert list(cron.between(first, last + MINUTE)) == due
        assert list(cron.between(first, middle)) + list(cron.between(middle, last + MINUTE)) == due
        later = middle + offset * MINUTE
        assert list(cron.between(first, later)) + list(cron.between(later, last + MINUTE)) == due
        for instant in list(walls)[:: 7 * 60 + 3]:
            assert cron.latest(instant) == next((at for at in reversed(due) if at <= instant), cron.latest(instant))

    check()


# One by one


@pytest.mark.parametrize(
    ("zone", "expression", "start", "expected"),
    [
        # Clocks of Sao Paulo went from 00:00 to 01:00 on 4 November 2018: midnight did not occur.
        (SAO_PAULO, "0 0 * * *", "2018-11-03T00:00", ["2018-11-03 03:00", "2018-11-05 02:00"]),
        (SAO_PAULO, "30 0 * * *", "2018-11-03T00:00", ["2018-11-03 03:30", "2018-11-05 02:30"]),
        (SAO_PAULO, "0 1 * * *", "2018-11-04T00:00", ["2018-11-04 03:00", "2018-11-05 03:00"]),
        # and from 00:00 on 17 February 2019 back to 23:00 of the 16th, which came twice; midnight once.
        (SAO_PAULO, "30 23 * * *", "2019-02-16T12:00", ["2019-02-17 01:30", "2019-02-18 02:30"]),
        (SAO_PAULO, "0 0 * * *", "2019-02-16T12:00", ["2019-02-17 03:00", "2019-02-18 03:00"]),
        (SAO_PAULO, "0 0 * * *", "2026-11-01T00:00", ["2026-11-01 03:00", "2026-11-02 03:00"]),  # no more of it
        # New York, 8 March and 1 November 2026.
        (NEW_YORK, "0 2 * * *", "2026-03-08T00:00", ["2026-03-09 06:00", "2026-03-10 06:00"]),
        (NEW_YORK, "0 3 * * *", "2026-03-08T00:00", ["2026-03-08 07:00", "2026-03-09 07:00"]),
        (NEW_YORK, "0 1 * * *", "2026-11-01T00:00", ["2026-11-01 05:00", "2026-11-02 06:00"]),
        # Lord Howe, by half an hour: 02:00 to 02:30 is skipped, and 01:30 to 02:00 repeated.
        (LORD_HOWE, "0 2 * * *", "2026-10-03T00:00", ["2026-10-04 15:00", "2026-10-05 15:00"]),
        (LORD_HOWE, "30 2 * * *", "2026-10-03T00:00", ["2026-10-03 15:30", "2026-10-04 15:30"]),
        (LORD_HOWE, "30 1 * * *", "2026-04-04T00:00", ["2026-04-04 14:30", "2026-04-05 15:00"]),
        (LORD_HOWE, "0 2 * * *", "2026-04-04T00:00", ["2026-04-04 15:30", "2026-04-05 15:30"]),
        # Apia left out 30 December 2011.
        ("Pacific/Apia", "0 12 * * *", "2011-12-29T12:00", ["2011-12-29 22:00", "2011-12-30 22:00"]),
        ("Pacific/Apia", "0 12 30 12 *", "2011-01-01T00:00", ["2012-12-29 22:00", "2013-12-29 22:00"]),
    ],
)
def test_changes_of_clocks(zone: str, expression: str, start: str, expected: list[str]) -> None:
    assert due(Cron(expression, time_zone=zone), start, 2) == expected


def test_a_weekly_job_in_a_skipped_hour_waits_for_the_next_week() -> None:
    assert due(Cron("30 2 * * SUN", time_zone=BERLIN), "2026-03-23", 2) == ["2026-04-05 00:30", "2026-04-12 00:30"]


def test_a_yearly_job_in_a_skipped_hour_waits_for_the_next_year() -> None:
    assert due(Cron("30 2 29 3 *", time_zone=BERLIN), "2026-01-01", 1) == ["2027-03-29 00:30"]


def test_every_minute_over_the_repeated_hour_is_silent_for_that_hour() -> None:
    minutes = list(Cron("* * * * *", time_zone=BERLIN).between(at("2026-10-25T00:30"), at("2026-10-25T02:30")))
    assert minutes == [at("2026-10-25T00:30") + place * MINUTE for place in (*range(30), *range(90, 120))]


def test_every_minute_over_the_skipped_hour_misses_no_minute() -> None:
    minutes = list(Cron("* * * * *", time_zone=BERLIN).between(at("2026-03-29T00:30"), at("2026-03-29T01:30")))
    assert minutes == [at("2026-03-29T00:30") + place * MINUTE for place in range(60)]


@pytest.mark.parametrize(
    ("zone", "expression", "moment", "latest", "following"),
    [
        # While clocks show the hour again, the latest is that of its first showing, and the next comes after it.
        (BERLIN, "*/30 * * * *", "2026-10-25T01:45", "2026-10-25T00:30", "2026-10-25T02:00"),
        (NEW_YORK, "*/30 * * * *", "2026-11-01T06:45", "2026-11-01T05:30", "2026-11-01T07:00"),
        (LORD_HOWE, "*/10 * * * *", "2026-04-04T15:15", "2026-04-04T14:50", "2026-04-04T15:30"),
        (SAO_PAULO, "0 * * * *", "2019-02-17T02:30", "2019-02-17T01:00", "2019-02-17T03:00"),
        ("America/St_Johns", "0 0 * * *", "2010-11-07T03:00", "2010-11-07T02:30", "2010-11-08T03:30"),
    ],
)
def test_the_latest_and_the_next_while_an_hour_is_repeated(
    zone: str, expression: str, moment: str, latest: str, following: str
) -> None:
    cron = Cron(expression, time_zone=zone)
    assert cron.latest(at(moment)) == at(latest)
    assert cron.next(at(moment)) == at(following)
    assert list(cron.between(at(latest), at(following) + MINUTE)) == [at(latest), at(following)]


def test_a_skipped_time_is_listed_with_no_instant() -> None:
    cron = Cron("30 2 * * *", time_zone=BERLIN)
    assert list(cron.wall_times(at("2026-03-28T12:00"), at("2026-03-30T12:00"))) == [
        (datetime(2026, 3, 29, 2, 30), None),
        (datetime(2026, 3, 30, 2, 30), at("2026-03-30T00:30")),
    ]


def test_previews_that_meet_in_a_repeated_hour_have_each_occurrence_once() -> None:
    cron, start = Cron("*/7 * * * *", time_zone=BERLIN), at("2026-10-24T22:00")
    whole = list(cron.between(start, start + 8 * HOUR))
    for place in range(8 * 60):
        middle = start + place * MINUTE
        assert list(cron.between(start, middle)) + list(cron.between(middle, start + 8 * HOUR)) == whole
