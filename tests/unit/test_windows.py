"""What narrows a schedule: start, end, excluding, jitter and flexible windows."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rota import Cron, Endpoint, Every, Job, ManifestError, Once, ScheduleError
from rota.schedules import Schedule
from rota.windows import spread

BERLIN = ZoneInfo("Europe/Berlin")
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW: dict[str, Any] = {"start": NOW + 5 * DAY, "end": NOW + 9 * DAY, "excluding": [date(2026, 1, 7)]}


def days(schedule: Schedule) -> list[int]:
    return [moment.day for moment in schedule.between(NOW, NOW + 20 * DAY)]


@pytest.mark.parametrize(
    "schedule",
    [
        Cron("0 0 * * *", **WINDOW),
        Cron("0 0 1-31 * MON", **WINDOW),
        Cron.aws("0 0 * * ? *", **WINDOW),
        Every(DAY, **WINDOW),
    ],
)
def test_start_counts_and_end_does_not_and_what_is_excluded_is_left_out(schedule: Schedule) -> None:
    assert days(schedule) == [6, 8, 9]
    assert schedule.next(NOW) == NOW + 5 * DAY
    assert schedule.next(NOW + 5 * DAY) == NOW + 7 * DAY
    assert schedule.next(NOW + 8 * DAY) is None
    assert schedule.latest(NOW + 30 * DAY) == NOW + 8 * DAY
    assert schedule.latest(NOW + 6 * DAY + HOUR) == NOW + 5 * DAY
    assert schedule.latest(NOW + 4 * DAY) is None
    assert schedule.fired_by(NOW + 30 * DAY) == NOW + 30 * DAY  # AWS knows nothing of it


def test_a_single_instant_can_be_excluded() -> None:
    once = Once(NOW, excluding=[NOW.date()])
    assert once.next(NOW - DAY) is None
    assert once.latest(NOW + DAY) is None


def test_why_an_occurrence_does_not_run() -> None:
    cron = Cron("0 0 * * *", time_zone="Europe/Berlin", **WINDOW)
    assert cron.refusal(NOW) == "before its start: it begins at 2026-01-06T00:00:00+00:00"
    assert cron.refusal(NOW + 9 * DAY) == "after its end: it ended at 2026-01-10T00:00:00+00:00"
    assert cron.refusal(NOW + 6 * DAY - HOUR) == "excluded: 2026-01-07 00:00 Europe/Berlin"
    assert cron.refusal(NOW + 7 * DAY - HOUR) is None


def test_dates_are_those_of_the_schedules_zone() -> None:
    berlin = Cron("30 0 * * *", time_zone="Europe/Berlin", excluding={date(2026, 1, 7)})
    assert datetime(2026, 1, 6, 23, 30, tzinfo=UTC) not in list(berlin.between(NOW, NOW + 20 * DAY))
    assert datetime(2026, 1, 7, 23, 30, tzinfo=UTC) in list(berlin.between(NOW, NOW + 20 * DAY))


def test_a_calendar_is_asked_with_the_local_time() -> None:
    asked = []

    def closed(at: datetime) -> bool:
        asked.append(at)
        return at.hour >= 18

    shop = Cron("0 */6 * * *", time_zone="Europe/Berlin", excluding=closed)
    assert [at.astimezone(BERLIN).hour for at in islice(shop.between(NOW, NOW + DAY), 3)] == [6, 12, 0]
    assert all(at.tzinfo == BERLIN for at in asked)


class Holidays(dict[date, str]):
    """As those of the `holidays` package: a mapping that knows more dates than it lists."""

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and (day.month, day.day) == (1, 6)


def test_any_container_of_dates_will_do() -> None:
    assert days(Cron("0 0 * * *", excluding=Holidays()))[:7] == [1, 2, 3, 4, 5, 7, 8]


def test_what_excludes_everything_comes_to_an_end() -> None:
    never = Cron("0 0 * * *", excluding=lambda _: True)
    assert never.next(NOW) is None
    assert never.latest(NOW) is None


def test_half_a_year_of_excluded_minutes_is_looked_through() -> None:
    june = Cron("* * * * *", excluding=lambda at: at.month != 6)
    assert june.next(NOW) == datetime(2026, 6, 1, tzinfo=UTC)


def test_a_month_of_excluded_minutes_is_looked_through() -> None:
    closed = [NOW.date() + number * DAY for number in range(1, 32)]
    cron = Cron("* * * * *", excluding=closed)
    assert cron.next(NOW + DAY - MINUTE) == NOW + 32 * DAY
    assert cron.latest(NOW + 32 * DAY - MINUTE) == NOW + DAY - MINUTE


def test_a_calendar_that_fails_is_named() -> None:
    broken = Cron("0 0 * * *", excluding=lambda at: at.no_such_thing)  # type: ignore[attr-defined] # it fails
    with pytest.raises(ScheduleError, match=r"excluding <function .*> raised AttributeError: "):
        broken.next(NOW)


def test_schedules_are_the_same_if_their_windows_are() -> None:
    one, other = (Cron("0 0 * * *", excluding=dates) for dates in ([date(2026, 1, 7)], {date(2026, 1, 7)}))
    assert one == other
    assert hash(one) == hash(other)
    assert one != Cron("0 0 * * *")
    assert Cron("0 0 * * *", jitter=MINUTE) != Cron("0 0 * * *")
    assert hash(Cron("0 0 * * *", excluding=Holidays()))


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ({"start": datetime(2026, 1, 1)}, "Cron: start must be a datetime with a time zone"),
        ({"end": date(2026, 1, 1)}, "end must be a datetime with a time zone"),
        ({"start": NOW, "end": NOW}, "start must be before end; got 2026-01-01T00:00:00+00:00 and 2026-01-01T00"),
        ({"excluding": date(2026, 1, 1)}, "excluding must hold dates, such as [date(2027, 1, 1)], or be a callable"),
        ({"excluding": "2026-01-01"}, "got '2026-01-01'"),
        ({"excluding": ["2026-01-01"]}, "got '2026-01-01'"),
        ({"excluding": [NOW]}, "got datetime.datetime(2026, 1, 1"),
        ({"excluding": None}, "got None"),
        ({"jitter": timedelta()}, "jitter must be from 0:00:01 to 4:00:00; got 0:00:00"),
        ({"jitter": 30}, "jitter must be a timedelta; got 30"),
        ({"flexible_window": timedelta(seconds=90)}, "flexible_window must be whole minutes; got 0:01:30"),
        ({"flexible_window": 2 * DAY}, "flexible_window must be from 0:01:00 to 1 day, 0:00:00; got 2 days, 0:00:00"),
    ],
)
@pytest.mark.parametrize("make", [lambda **window: Cron("0 0 * * *", **window), lambda **w: Every(DAY, **w)])
def test_windows_that_cannot_be(make: Callable[..., Schedule], window: dict[str, Any], said: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        make(**window)
    assert said.removeprefix("Cron: ") in str(caught.value)


def test_servers_of_another_language_apply_no_window() -> None:
    elsewhere = Endpoint(name="web", path="/jobs", ledger=False)
    with pytest.raises(ManifestError, match="its schedule has start and excluding, which the servers that claim"):
        Job(name="a", target=elsewhere, schedule=Cron("0 0 * * *", start=NOW, excluding=[date(2026, 1, 7)]))
    Job(name="a", target=elsewhere, schedule=Cron("0 0 * * *", flexible_window=HOUR))  # that one is AWS's
    Job(name="a", target=elsewhere, handler="shop:clean", schedule=Cron("0 0 * * *", start=NOW))


@settings(max_examples=100)
@given(
    schedule=st.sampled_from([Cron("*/7 3 * * *", time_zone="Europe/Berlin"), Every(90 * MINUTE), Cron("0 0 13 * 5")]),
    start=st.integers(0, 500),
    length=st.integers(1, 500),
    excluded=st.frozensets(st.dates(date(2026, 1, 1), date(2026, 3, 1)), max_size=30),
)
def test_a_window_takes_away_and_changes_nothing(
    schedule: Cron | Every, start: int, length: int, excluded: frozenset[date]
) -> None:
    window: dict[str, Any] = {
        "start": NOW + start * HOUR,
        "end": NOW + (start + length) * HOUR,
        "excluding": excluded,
    }
    narrowed = (
        Every(schedule.interval, **window)
        if isinstance(schedule, Every)
        else Cron(schedule.expression, time_zone=schedule.time_zone, **window)
    )
    everything = list(schedule.between(NOW, NOW + 60 * DAY))
    left = list(narrowed.between(NOW, NOW + 60 * DAY))
    assert left == [moment for moment in everything if narrowed.refusal(moment) is None]
    zone = ZoneInfo(schedule.time_zone)
    assert all(window["start"] <= moment < window["end"] for moment in left)
    assert not {moment.astimezone(zone).date() for moment in left} & excluded
    for earlier, later in pairwise(left):
        assert narrowed.next(earlier) == later
        assert narrowed.latest(later - timedelta(microseconds=1)) == earlier


def test_jitter_is_the_same_for_a_run_and_spreads_runs() -> None:
    parts = [spread(HOUR, f"report@{number}") for number in range(1000)]
    assert all(timedelta() <= part < HOUR for part in parts)
    assert parts[0] == spread(HOUR, "report@0")
    quarters = [int(part / (HOUR / 4)) for part in parts]
    assert all(200 < quarters.count(quarter) < 300 for quarter in range(4))
    assert spread(None, "report@0") == timedelta()
