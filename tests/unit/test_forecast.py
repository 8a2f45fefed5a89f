"""How many runs will start when."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rota import Cron, Every, Job, Once, Queue, Schedule
from rota.forecast import fired_a_month, forecast
from rota.windows import spread

NOW = datetime(2026, 11, 21, 15, 30, tzinfo=UTC)
WEEK = timedelta(days=7)
WORK = Queue(name="work")


def job(name: str, schedule: Schedule | None, *, enabled: bool = True) -> Job[None]:
    return Job(name=name, handler="b:c", target=WORK, schedule=schedule, enabled=enabled)


def test_starts_are_counted_by_minute_of_the_day():
    found = forecast(
        [
            job("a", Cron("0 2 * * *")),
            job("b", Cron("0 2 * * *")),
            job("c", Cron("0 2 * * MON")),
            job("d", Once(datetime(2026, 11, 24, 2, 30, 59, tzinfo=UTC))),
            job("off", Cron("0 2 * * *"), enabled=False),
            job("enqueued", None),
        ],
        start=NOW,
        end=NOW + WEEK,
    )
    assert {minute: (cell.total, cell.most) for minute, cell in found.cells.items()} == {120: (15, 3), 150: (1, 1)}
    assert found.cells[120].jobs == ("a", "b", "c")
    assert found.total == 16
    assert [cell.minute for cell in found.busiest(5)] == [120, 150]


def test_those_at_once_are_of_one_day():
    apart = [job("a", Cron("0 2 * * MON")), job("b", Cron("0 2 * * TUE")), job("c", Cron("30 2 * * MON"))]
    found = forecast([*apart, job("d", Cron("30 2 * * MON"))], start=NOW, end=NOW + WEEK)
    assert [(cell.minute, cell.total, cell.most) for cell in found.busiest(2)] == [(150, 2, 2), (120, 2, 1)]


def test_times_are_told_on_the_clocks_of_the_zone_through_a_change_of_them():
    start = datetime(2027, 3, 27, 12, tzinfo=UTC)
    found = forecast([job("a", Cron("0 6 * * *"))], start=start, end=start + timedelta(days=2), zone="Europe/Berlin")
    assert {minute: cell.total for minute, cell in found.cells.items()} == {8 * 60: 2}
    before = start - timedelta(days=2)
    found = forecast([job("a", Cron("0 6 * * *"))], start=before, end=before + timedelta(days=4), zone="Europe/Berlin")
    assert {minute: cell.total for minute, cell in found.cells.items()} == {7 * 60: 2, 8 * 60: 2}


@settings(max_examples=50)
@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "UTC"]),
    st.integers(0, 59),
    st.integers(0, 400),
)
def test_it_is_what_counting_the_occurrences_one_by_one_gives(zone, own, minute, day):
    start = NOW + timedelta(days=day)
    schedule = Cron(f"{minute} */3 * * *", time_zone=own, excluding=[date(2027, 3, 28)])
    found = forecast([job("a", schedule)], start=start, end=start + WEEK, zone=zone)
    local = (moment.astimezone(ZoneInfo(zone)) for moment in schedule.between(start, start + WEEK))
    expected = Counter(moment.hour * 60 + moment.minute for moment in local)
    assert {minute: cell.total for minute, cell in found.cells.items()} == expected


@pytest.mark.parametrize("day", ["2027-03-28", "2027-10-31"])
def test_the_first_instant_of_a_new_offset_is_told_by_it(day):
    start = datetime.fromisoformat(f"{day}T00:00:00Z")
    found = forecast([job("a", Cron("0 * * * *"))], start=start, end=start + timedelta(days=1), zone="Europe/Berlin")
    hours = ((start + timedelta(hours=hour)).astimezone(ZoneInfo("Europe/Berlin")).hour for hour in range(24))
    assert {minute: cell.total for minute, cell in found.cells.items()} == Counter(hour * 60 for hour in hours)


def test_jitter_is_counted_in():
    schedule = Cron("0 2 * * *", jitter=timedelta(hours=1))
    found = forecast([job("a", schedule), job("b", schedule)], start=NOW, end=NOW + WEEK)
    starts = [
        moment + spread(timedelta(hours=1), f"{name}@{moment:%Y-%m-%dT%H:%M:%SZ}")
        for name in "ab"
        for moment in schedule.between(NOW, NOW + WEEK)
    ]
    assert {minute: cell.total for minute, cell in found.cells.items()} == Counter(
        moment.hour * 60 + moment.minute for moment in starts
    )


def test_an_interval_that_counts_from_the_deploy_is_named_and_not_placed():
    found = forecast([job("a", Every(timedelta(minutes=7)))], start=NOW, end=NOW + WEEK)
    assert (found.total, found.unknown) == (0, ("a",))


@pytest.mark.parametrize(
    ("schedule", "a_year"),
    [
        (Cron("0 2 * * *"), 365),
        (Cron("*/5 * * * *", time_zone="Europe/Berlin"), 365 * 288),
        (Cron("0 9 * * MON-FRI"), 260),  # of the year from Saturday 2026-11-21 on, to the Friday before that day
        (Cron("0 9 1 * FRI"), 52 + 12),  # two expressions: 2027-01-01 and 2027-10-01, Fridays, are fired twice
        (Cron("0 0 31 * *"), 7),
        (Cron("0 2 * * *", excluding=[date(2026, 12, 25)]), 365),
        (Cron("0 2 * * *", end=datetime(2026, 11, 24, tzinfo=UTC)), 365),
        (Every(timedelta(hours=8)), 365 * 3),
        (Every(timedelta(days=5)), 73),
        (Once(datetime(2027, 1, 1, tzinfo=UTC)), 1),
        (Once(datetime(2020, 1, 1, tzinfo=UTC)), 0),
    ],
    ids=str,
)
def test_fired_a_month_are_a_twelfth_of_those_of_a_year(schedule, a_year):
    assert fired_a_month(schedule, NOW) * 12 == pytest.approx(a_year)
