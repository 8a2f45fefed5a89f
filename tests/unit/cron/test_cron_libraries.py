"""What cron libraries make of expressions that tell them apart: the evidence of docs/adr/0018.

Characterisations of the versions in constraints.txt. One that fails after an upgrade is news, not a defect of rota: say
it in the decision, and read there what follows from it.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger
from aws_croniter import AwsCroniter
from croniter import croniter
from cronsim import CronSim, CronSimError
from pyawscron import AWSCron

from rota import Cron, ScheduleError

Reader = Callable[[str], list[str]]
START = datetime(2026, 1, 1)  # a Thursday
JUST_BEFORE = START - timedelta(minutes=1)
REFUSED = ["refused"]


def told(moments: list[datetime]) -> list[str]:
    return [f"{moment:%m-%d %H:%M}" if moment.year == 2026 else f"{moment:%Y-%m-%d %H:%M}" for moment in moments]


def reading(read: Callable[[str], list[datetime]]) -> Reader:
    def first_four(text: str) -> list[str]:
        with suppress(Exception):  # each has errors of its own, an IndexError among them
            return told(read(text))
        return REFUSED

    return first_four


def _apscheduler(text: str) -> list[datetime]:
    trigger, found, now = CronTrigger.from_crontab(text, timezone=UTC), [], START.replace(tzinfo=UTC)
    while len(found) < 4 and (moment := trigger.get_next_fire_time(None, now)):
        found.append(moment)
        now = moment + timedelta(seconds=1)
    return found


def _croniter(text: str) -> list[datetime]:
    reader = croniter(text, JUST_BEFORE, ret_type=datetime)
    return [reader.get_next() for _ in range(4)]


def _chained(reader: type[AwsCroniter] | type[AWSCron], text: str) -> list[datetime]:
    cron, found, now = reader(text), [], JUST_BEFORE.replace(tzinfo=UTC)
    while len(found) < 4 and (moment := cron.occurrence(now).next()):
        found.append(moment)
        now = moment
    return found


def _rota(cron: Cron) -> list[datetime]:
    return list(islice(cron.between(START.replace(tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC)), 4))


cronsim_reads = reading(lambda text: list(islice(CronSim(text, JUST_BEFORE), 4)))
croniter_reads = reading(_croniter)
apscheduler_reads = reading(_apscheduler)
pyawscron_reads = reading(lambda text: _chained(AWSCron, text))
aws_croniter_reads = reading(lambda text: _chained(AwsCroniter, text))
rota_reads = reading(lambda text: _rota(Cron(text)))
rota_reads_aws = reading(lambda text: _rota(Cron.aws(text)))

NIGHT = ["01-01 00:00", "01-01 01:00", "01-01 02:00", "01-01 22:00"]
WEEKENDS = ["01-03 00:00", "01-04 00:00", "01-10 00:00", "01-11 00:00"]
SUNDAYS = ["01-04 00:00", "01-11 00:00", "01-18 00:00", "01-25 00:00"]
FIRST_OR_MONDAY = ["01-01 00:00", "01-05 00:00", "01-12 00:00", "01-19 00:00"]
ODD_AND_MONDAY = ["01-05 00:00", "01-19 00:00", "02-09 00:00", "02-23 00:00"]
ODD_OR_MONDAY = ["01-01 00:00", "01-03 00:00", "01-05 00:00", "01-07 00:00"]
HOURLY_AT_5 = ["01-01 00:05", "01-01 01:05", "01-01 02:05", "01-01 03:05"]
FROM_0_BY_20 = ["01-01 00:00", "01-01 00:20", "01-01 00:40", "01-01 01:00"]
FROM_5_BY_20 = ["01-01 00:05", "01-01 00:25", "01-01 00:45", "01-01 01:05"]


@pytest.mark.parametrize(
    ("expression", "right", "by_cronsim", "by_croniter", "by_apscheduler"),
    [
        # Ranges past the end
        ("0 22-2 * * *", NIGHT, REFUSED, NIGHT, REFUSED),
        ("0 0 * * SAT-SUN", WEEKENDS, REFUSED, WEEKENDS, WEEKENDS),
        (
            "0 22-4/3 * * *",
            ["01-01 01:00", "01-01 04:00", "01-01 22:00", "01-02 01:00"],
            REFUSED,
            ["01-01 02:00", "01-01 22:00", "01-02 02:00", "01-02 22:00"],  # wrong
            REFUSED,
        ),
        # Sunday
        ("0 0 * * 7", SUNDAYS, SUNDAYS, SUNDAYS, REFUSED),
        ("0 0 * * 0-7/7", SUNDAYS, SUNDAYS, SUNDAYS, REFUSED),
        ("0 0 * * 0", SUNDAYS, SUNDAYS, SUNDAYS, ["01-05 00:00", "01-12 00:00", "01-19 00:00", "01-26 00:00"]),  # wrong
        # Both day fields
        (
            "0 0 1 * 1",
            FIRST_OR_MONDAY,
            FIRST_OR_MONDAY,
            FIRST_OR_MONDAY,
            ["09-01 00:00", "12-01 00:00", "2027-06-01 00:00", "2028-02-01 00:00"],  # both, and Tuesdays: wrong twice
        ),
        ("0 0 */2 * MON", REFUSED, ODD_AND_MONDAY, ODD_OR_MONDAY, ODD_AND_MONDAY),  # rota: right, and not sayable
        ("0 0 1-31/2 * MON", ODD_OR_MONDAY, ODD_OR_MONDAY, ODD_OR_MONDAY, ODD_AND_MONDAY),
        # Steps
        ("5/20 * * * *", REFUSED, FROM_5_BY_20, FROM_5_BY_20, FROM_5_BY_20),  # cron(8) implementations disagree
        ("5-5/20 * * * *", HOURLY_AT_5, FROM_5_BY_20, FROM_0_BY_20, REFUSED),  # all wrong
        ("5-10/20 * * * *", HOURLY_AT_5, HOURLY_AT_5, HOURLY_AT_5, REFUSED),
        # Names
        ("@weekly", SUNDAYS, REFUSED, SUNDAYS, REFUSED),
        # Not Unix cron
        (
            "0 0 * * FRI#5",
            REFUSED,
            *[["01-30 00:00", "05-29 00:00", "07-31 00:00", "10-30 00:00"]] * 2,
            ["01-02 00:00", "01-09 00:00", "01-16 00:00", "01-23 00:00"],
        ),
    ],
)
def test_unix_cron(
    expression: str, right: list[str], by_cronsim: list[str], by_croniter: list[str], by_apscheduler: list[str]
) -> None:
    assert rota_reads(expression) == right
    assert cronsim_reads(expression) == by_cronsim
    assert croniter_reads(expression) == by_croniter
    assert apscheduler_reads(expression) == by_apscheduler


LAST_DAYS = ["01-31 00:00", "02-28 00:00", "03-31 00:00", "04-30 00:00"]
SATURDAYS = ["01-03 00:00", "01-10 00:00", "01-17 00:00", "01-24 00:00"]
LEAP_DAYS = ["2028-02-29 00:00", "2032-02-29 00:00", "2036-02-29 00:00", "2040-02-29 00:00"]
THIRTY_FIRSTS = ["01-31 00:00", "03-31 00:00", "05-31 00:00", "07-31 00:00"]


@pytest.mark.parametrize(
    ("expression", "right", "by_pyawscron", "by_aws_croniter"),
    [
        ("0 0 L * ? *", LAST_DAYS, LAST_DAYS, LAST_DAYS),
        ("0 0 LW * ? *", ["01-30 00:00", "02-27 00:00", "03-31 00:00", "04-30 00:00"], REFUSED, REFUSED),
        ("0 0 15W * ? *", *[["01-15 00:00", "02-16 00:00", "03-16 00:00", "04-15 00:00"]] * 3),
        ("0 0 1W 8 ? 2026", *[["08-03 00:00"]] * 3),
        ("0 0 ? * 6#5 *", *[["01-30 00:00", "05-29 00:00", "07-31 00:00", "10-30 00:00"]] * 3),
        ("0 0 ? * FRIL *", *[["01-30 00:00", "02-27 00:00", "03-27 00:00", "04-24 00:00"]] * 3),
        ("0 0 ? * L *", SATURDAYS, REFUSED, []),
        ("0 0 31 * ? *", THIRTY_FIRSTS, REFUSED, THIRTY_FIRSTS),
        ("0 0 29 2 ? *", LEAP_DAYS, REFUSED, LEAP_DAYS),
        # It loses the leap day after the eight years around 2100 that have none.
        ("0 0 29 2 ? 2096-2104", ["2096-02-29 00:00", "2104-02-29 00:00"], REFUSED, ["2096-02-29 00:00"]),
        (
            "0 0 1 1 ? 2026/3",
            *[["01-01 00:00", "2029-01-01 00:00", "2032-01-01 00:00", "2035-01-01 00:00"]] * 2,
            REFUSED,
        ),
        # What EventBridge's grammar does not have
        ("0 0 1 * MON *", REFUSED, ["01-01 00:00", "02-01 00:00", "03-01 00:00", "04-01 00:00"], REFUSED),
        ("0 0 ? * 2/2 *", REFUSED, ["01-02 00:00", "01-05 00:00", "01-07 00:00", "01-09 00:00"], REFUSED),
        ("0 0 L-3 * ? *", REFUSED, *[["01-28 00:00", "02-25 00:00", "03-28 00:00", "04-27 00:00"]] * 2),
        ("0 0 ? * SAT-SUN *", REFUSED, REFUSED, WEEKENDS),
        ("0 0 30 2 ? *", REFUSED, REFUSED, []),
    ],
)
def test_aws_cron(expression: str, right: list[str], by_pyawscron: list[str], by_aws_croniter: list[str]) -> None:
    assert rota_reads_aws(expression) == right
    assert pyawscron_reads(expression) == by_pyawscron
    assert aws_croniter_reads(expression) == by_aws_croniter


def test_refusals_of_cronsim_name_the_field_alone_and_those_of_rota_the_value_and_the_way_out() -> None:
    with pytest.raises(CronSimError) as caught:
        CronSim("0 25 * * *", START)
    assert str(caught.value) == "Bad hour"
    with pytest.raises(ScheduleError, match="hour field '25': expected a number from 0 to 23"):
        Cron("0 25 * * *")


SPRING, AUTUMN = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "start", "right", "by_cronsim", "by_croniter"),
    [
        # Berlin skips 02:30 on 29 March 2026: EventBridge Scheduler leaves it out. Debian's cron runs it at 03:00.
        ("30 2 * * *", SPRING, ["03-30 00:30", "03-31 00:30"], *[["03-29 01:00", "03-30 00:30"]] * 2),
        # It shows 02:30 twice on 25 October: EventBridge Scheduler runs it once, and so what is due hourly, too.
        ("30 2 * * *", AUTUMN, *[["10-25 00:30", "10-26 01:30"]] * 2, ["10-25 00:30", "10-25 01:30"]),
        (
            "30 * * * *",
            AUTUMN.replace(hour=23, minute=45),
            ["10-25 00:30", "10-25 02:30"],
            *[["10-25 00:30", "10-25 01:30"]] * 2,
        ),
    ],
)
def test_no_library_does_where_clocks_change_what_eventbridge_scheduler_does(
    expression: str, start: datetime, right: list[str], by_cronsim: list[str], by_croniter: list[str]
) -> None:
    local = start.astimezone(ZoneInfo("Europe/Berlin"))
    reader = croniter(expression, local, ret_type=datetime)

    def in_utc(moments: Iterable[datetime]) -> list[str]:
        return told([moment.astimezone(UTC) for moment in moments])

    cron = Cron(expression, time_zone="Europe/Berlin")
    assert in_utc(islice(cron.between(start, start + timedelta(days=5)), 2)) == right
    assert in_utc(islice(CronSim(expression, local), 2)) == by_cronsim
    assert in_utc(reader.get_next() for _ in range(2)) == by_croniter
