"""Gaps between runs that are longer or shorter than usual."""

from datetime import UTC, date, datetime, timedelta

import pytest

from rota import Cron, Every, Job, Queue, Schedule
from rota.proof import Finding, prove

BERLIN = "Europe/Berlin"
NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
WORK = Queue(name="work")


def job(schedule: Schedule | None, name: str = "a", **declared: object) -> Job[None]:
    return Job(**{"name": name, "handler": "b:c", "target": WORK, "schedule": schedule} | declared)  # type: ignore[arg-type]


def found(schedule: Schedule, start: datetime = NOW, *, days: int = 400) -> list[Finding]:
    return prove([job(schedule)], start=start, days=days)


def told(schedule: Schedule, start: datetime = NOW, *, days: int = 400) -> list[tuple[str, str]]:
    """Each finding's kind, and the first time of it as clocks show it."""
    return [(each.kind, f"{each.moments[0].wall:%Y-%m-%d %H:%M}") for each in found(schedule, start, days=days)]


@pytest.mark.parametrize(
    "schedule",
    [
        Cron("0 9 * * MON-FRI"),
        Cron("*/7 * * * *"),
        Cron("*/7 8-17/3 * * TUE,SAT"),
        Cron("0 0 1 * *"),
        Cron("0 0 28 * *"),
        Cron("0 0 1,15 * *"),
        # A part of each month, and one day of it or of the week: as it is written.
        Cron("0 0 1-15 * *"),
        Cron("0 0 10-20 * *"),
        Cron("0 0 1-15 * *", excluding=lambda moment: moment.isoweekday() > 5),
        Cron("0 0 13 * FRI"),
        # Twice a month in some, which is no step.
        Cron("0 0 */31 * *"),
        Cron("0 0 1 1,4,7,10 *"),
        Cron.aws("0 0 L * ? *"),
        Cron.aws("0 0 LW * ? *"),
        Cron.aws("0 0 15W * ? *"),
        Cron.aws("0 0 ? * FRI#1 *"),
        Cron("0 9 * * *", excluding=lambda moment: moment.isoweekday() > 5),
        Every(timedelta(minutes=90)),
    ],
    ids=str,
)
def test_gaps_that_come_regularly_are_usual(schedule):
    assert told(schedule) == []


@pytest.mark.parametrize(
    ("schedule", "gaps", "instead"),
    [
        (Cron("0 0 31 * *"), ["59 d", "61 d", "61 d", "61 d"], 'Cron.aws("0 0 L * ? *")'),
        (Cron("15 4 30 * *"), ["59 d"], 'Cron.aws("15 4 L * ? *")'),
        (Cron("0 9 * * *", excluding=[date(2026, 12, 25)]), ["48 h"], "accepted"),
        (Cron("0 9 * * MON", excluding=[date(2026, 12, 28)]), ["14 d"], "accepted"),
        (Cron("0 0 1 * *", excluding=[date(2027, 1, 1)]), ["62 d"], "accepted"),
        (Every(timedelta(hours=6), excluding=[date(2026, 12, 25)]), ["30 h"], "accepted"),
        # Days of the month start anew: from the 31st to the 1st is one day.
        (Cron("0 0 */2 * *"), ["24 h"] * 7, "days of the week"),
        # From the 29th to the 1st, of months from November on; a February of 28 days has four whole weeks.
        (
            Cron("0 0 */7 * *"),
            [f"{hours} h" for hours in (48, 72, 72, 72, 48, 72, 48, 72, 72, 48, 72, 48)],
            "days of the week",
        ),
    ],
    ids=str,
)
def test_gaps_out_of_the_ordinary_are_told(schedule, gaps, instead):
    findings = found(schedule)
    assert {each.kind for each in findings} == {"gap"}
    assert [each.what.split(" from ")[0] for each in findings] == gaps
    assert all(instead in each.instead for each in findings)


def test_a_gap_says_what_is_usual_and_why_it_is_not():
    (holiday,) = found(Cron("0 9 * * *", excluding=[date(2026, 12, 25)]))
    assert holiday.what == (
        "48 h from Thu 2026-12-24 09:00 to Sat 2026-12-26 09:00 UTC, usually 24 h; excluded: 2026-12-25 09:00 UTC"
    )
    assert "usually 31 d; not every month has a 31st" in found(Cron("0 0 31 * *"))[0].what
    assert "usually 48 h; days are counted anew each month" in found(Cron("0 0 */2 * *"))[0].what


def test_gaps_are_those_of_the_clocks_so_a_change_of_them_is_not_told_twice():
    assert {kind for kind, _ in told(Cron("0 9 * * *", time_zone=BERLIN))} == {"shifted"}
    assert {kind for kind, _ in told(Cron("30 2 * * *", time_zone=BERLIN))} == {"skipped", "repeated"}
