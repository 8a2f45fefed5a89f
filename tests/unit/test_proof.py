"""What of a year's schedules may surprise."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rota import Cron, Every, Job, Lock, Once, Queue, Schedule, ScheduleError
from rota.clock_changes import clock_changes
from rota.proof import Finding, prove, unaccepted
from rota.proof.clocks import crossings

BERLIN, NEW_YORK, LORD_HOWE, SAO_PAULO = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
)
NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
WORK = Queue(name="work")


def job(schedule: Schedule | None, name: str = "a", **declared: object) -> Job[None]:
    return Job(**{"name": name, "handler": "b:c", "target": WORK, "schedule": schedule} | declared)  # type: ignore[arg-type]


def found(schedule: Schedule, start: datetime = NOW, *, days: int = 400) -> list[Finding]:
    return prove([job(schedule)], start=start, days=days)


def told(schedule: Schedule, start: datetime = NOW, *, days: int = 400) -> list[tuple[str, str]]:
    """Each finding's kind, and the first time of it as clocks show it."""
    return [(each.kind, f"{each.moments[0].wall:%Y-%m-%d %H:%M}") for each in found(schedule, start, days=days)]


# Changes of clocks


@pytest.mark.parametrize(
    ("zone", "start", "skipped", "repeated"),
    [
        (BERLIN, NOW, "2027-03-28 02:30", "2027-10-31 02:30"),
        (NEW_YORK, NOW, "2027-03-14 02:30", "2027-11-07 01:30"),
        # Half an hour: from 02:00 to 02:30, and from 02:00 back to 01:30.
        (LORD_HOWE, NOW, "2027-10-03 02:15", "2027-04-04 01:45"),
        # At midnight: the day begins at one, and the other has its last hour twice.
        (SAO_PAULO, datetime(2018, 2, 1, tzinfo=UTC), "2018-11-04 00:30", "2018-02-17 23:30"),
    ],
)
def test_a_time_that_clocks_skip_or_repeat_is_told_with_its_gap(zone, start, skipped, repeated):
    for kind, at in (("skipped", skipped), ("repeated", repeated)):
        moment = datetime.fromisoformat(at)
        (finding,) = [
            each
            for each in found(Cron(f"{moment:%M} {moment:%H} * * *", time_zone=zone), start, days=365)
            if each.kind == kind
        ]
        assert [each.wall for each in finding.moments] == [moment]
        assert finding.zone == zone
        assert finding.change is not None
        assert f"{moment:%a %Y-%m-%d}" in finding.what
        assert 'time_zone="UTC"' in finding.instead
        shift = abs(finding.change.shift)
        gap = timedelta(days=2) - shift if kind == "skipped" else timedelta(days=1) + shift
        hours, minutes = divmod(gap // timedelta(minutes=1), 60)
        assert f"{hours} h{f' {minutes} min' if minutes else ''}" in finding.what


def test_the_instant_of_a_skipped_time_is_that_of_the_change_and_of_a_repeated_one_its_first():
    skipped, repeated = found(Cron("30 2 * * *", time_zone=BERLIN))
    assert f"{skipped.moments[0].at:%Y-%m-%d %H:%M}" == "2027-03-28 01:00"
    assert "for clocks go from 02:00 to 03:00 at 2027-03-28T01:00:00Z" in skipped.what
    assert f"{repeated.moments[0].at:%Y-%m-%d %H:%M}" == "2027-10-31 00:30"
    assert "it runs once, at the first (2027-10-31T00:30:00Z)" in repeated.what
    assert skipped.instead == 'a time outside 02:00-02:59, or time_zone="UTC"'


def test_many_times_of_one_change_are_one_finding():
    skipped, repeated = found(Cron("* 2 * * *", time_zone=BERLIN))
    assert (skipped.count, repeated.count) == (60, 60)
    assert "60 occurrences 02:00-02:59 Europe/Berlin skipped on Sun 2027-03-28" in skipped.what
    assert "the next run is 24 h 1 min later" in repeated.what


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (
            Cron("0 9 * * MON-FRI", time_zone=BERLIN),
            [("71 h", "Fri 2027-03-26 09:00"), ("73 h", "Fri 2027-10-29 09:00")],
        ),
        (
            Cron("0 9 * * *", time_zone=LORD_HOWE),
            [("24 h 30 min", "Sat 2027-04-03 09:00"), ("23 h 30 min", "Sat 2027-10-02 09:00")],
        ),
    ],
)
def test_gaps_that_a_change_of_clocks_shifts(schedule, expected):
    shifts = [each for each in found(schedule) if each.kind == "shifted"]
    assert [each.what.split(" from ")[0] for each in shifts] == [gap for gap, _ in expected]
    assert [each.what.split(" from ")[1].split(" to ")[0] for each in shifts] == [at for _, at in expected]


def test_runs_an_hour_apart_are_shifted_too():
    # Forward, an hour passes from 01:00 to 03:00, where clocks show two; back, two where they show one.
    first, second = found(Cron("0 1,3,4 * * *", time_zone=BERLIN))
    assert first.what.startswith("1 h from Sun 2027-03-28 01:00 to Sun 2027-03-28 03:00")
    assert first.what.endswith("where clocks show 2 h")
    assert second.what.startswith("3 h from Sun 2027-10-31 01:00 to Sun 2027-10-31 03:00")


@pytest.mark.parametrize(("expression", "later"), [("0 * * * *", "2 h"), ("* * * * *", "1 h 1 min")])
def test_of_what_runs_every_hour_nothing_is_missed_but_an_hour_where_clocks_go_back(expression, later):
    assert told(Cron(expression)) == []
    (repeated,) = found(Cron(expression, time_zone=BERLIN))
    assert repeated.kind == "repeated"
    assert f"the next run is {later} later" in repeated.what
    assert repeated.instead == 'time_zone="UTC"'


def test_a_shift_of_half_an_hour_is_told_of_hourly_jobs_too():
    kinds = [each.kind for each in found(Cron("15 * * * *", time_zone=LORD_HOWE))]
    assert kinds == ["skipped", "shifted"]


def test_two_changes_in_one_gap_undo_each_other():
    assert told(Cron("0 9 1 1 *", time_zone=BERLIN), days=800) == []
    # From January to July there is one alone.
    assert {kind for kind, _ in told(Cron("0 9 1 1,7 *", time_zone=BERLIN))} == {"shifted"}


@pytest.mark.parametrize(
    "window",
    [
        {"excluding": [date(2027, 3, 28)]},
        {"excluding": lambda moment: f"{moment:%m-%d %H:%M}" == "03-28 02:30"},
        {"end": datetime(2027, 3, 28, tzinfo=UTC)},
        {"start": datetime(2027, 3, 29, tzinfo=UTC)},
    ],
)
def test_a_skipped_time_that_would_not_run_anyway_is_none(window):
    findings = found(Cron("30 2 * * *", time_zone=BERLIN, **window))
    assert "skipped" not in [each.kind for each in findings]


ZONES = st.sampled_from(
    [(BERLIN, 2027), (NEW_YORK, 2027), (LORD_HOWE, 2027), (SAO_PAULO, 2018), ("Africa/Casablanca", 2027), ("UTC", 2027)]
)
TERM = st.one_of(st.just("*"), st.integers(1, 30).map("*/{}".format))
MINUTES = st.one_of(TERM, st.lists(st.integers(0, 59), min_size=1, max_size=4).map(lambda n: ",".join(map(str, n))))
HOURS = st.one_of(TERM.filter(lambda term: term == "*" or int(term[2:]) < 24), st.integers(0, 23).map(str))


@settings(max_examples=80)
@given(ZONES, MINUTES, HOURS)
def test_skipped_and_repeated_are_what_looking_at_every_minute_of_the_day_shows(place, minutes, hours):
    zone, year = place
    cron, tz = Cron(f"{minutes} {hours} * * *", time_zone=zone), ZoneInfo(zone)
    start = datetime(year, 1, 1, tzinfo=UTC)
    plain = {
        (moment.hour, moment.minute) for moment in Cron(f"{minutes} {hours} * * *").between(start, start + timedelta(1))
    }
    for crossing in crossings(cron, start, start + timedelta(days=400)):
        skipped, repeated = set(), {}
        day = crossing.change.walls[0].replace(hour=0, minute=0)
        for minute in range(-1440, 2 * 1440):
            wall = day + timedelta(minutes=minute)
            if (wall.hour, wall.minute) not in plain:
                continue
            both = {wall.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1)}
            shown = {moment for moment in both if moment.astimezone(tz).replace(tzinfo=None) == wall}
            if not shown:
                skipped.add(wall)
            elif len(shown) == 2:
                repeated[wall] = min(shown)
        assert set(crossing.skipped) == skipped
        assert {moment.wall: moment.at for moment in crossing.repeated} == repeated


@pytest.mark.parametrize("zone", [BERLIN, LORD_HOWE, SAO_PAULO, "Pacific/Apia", "UTC"])
def test_changes_of_clocks_are_those_that_an_hourly_look_finds(zone):
    start, tz = datetime(2011, 1, 1, tzinfo=UTC), ZoneInfo(zone)
    offsets = [(start + timedelta(hours=hour)).astimezone(tz).utcoffset() for hour in range(400 * 24)]
    changes = list(clock_changes(zone, start, start + timedelta(days=400) - timedelta(hours=1)))
    assert len(changes) == sum(first != second for first, second in pairwise(offsets))
    for change in changes:
        assert (change.at - timedelta(seconds=1)).astimezone(tz).utcoffset() == change.before
        assert change.at.astimezone(tz).utcoffset() == change.after


# Ends


@pytest.mark.parametrize(
    ("schedule", "kind", "what"),
    [
        (Every(timedelta(minutes=7)), "unknown", "only AWS knows"),
        (Cron("0 0 29 2 *"), "never", "its next run is Tue 2028-02-29 00:00 UTC"),
        (Cron.aws("0 0 1 1 ? 2020"), "never", "it never runs again"),
        (Once(datetime(2026, 1, 1, tzinfo=UTC)), "never", "it never runs again"),
        (Cron("0 1 * * *", end=datetime(2027, 1, 1, tzinfo=UTC)), "ends", "the last run is Thu 2026-12-31 01:00 UTC"),
        (Cron.aws("0 1 * * ? 2026"), "ends", "the last run is Thu 2026-12-31 01:00 UTC"),
        (
            Cron("0 1 * * *", time_zone=BERLIN, end=datetime(2027, 1, 1, tzinfo=UTC)),
            "ends",
            "the last run is Thu 2026-12-31 01:00 Europe/Berlin (2026-12-31T00:00:00Z)",
        ),
    ],
    ids=str,
)
def test_what_is_unknown_or_comes_to_an_end(schedule, kind, what):
    (finding,) = found(schedule)
    assert (finding.kind, finding.jobs) == (kind, ("a",))
    assert what in finding.what


def test_an_unknown_interval_says_which_one_would_be_known():
    (finding,) = found(Every(timedelta(minutes=7)))
    assert finding.instead == "Every(timedelta(minutes=6)), which divides the day, or a Cron"


@pytest.mark.parametrize("schedule", [None, Cron("30 2 * * *", time_zone=BERLIN)])
def test_jobs_that_nothing_makes_due_are_not_looked_at(schedule):
    assert prove([job(schedule, enabled=False), job(None, "b")], start=NOW) == []


def test_a_single_instant_to_come_is_no_surprise():
    assert told(Once(datetime(2027, 1, 1, tzinfo=UTC))) == []


# Accepting


def test_what_is_meant_so_is_accepted_by_kind_or_by_kind_and_job():
    db = Lock(key="db")
    jobs = [job(Cron("30 2 * * *", time_zone=BERLIN), name, lock=db) for name in ("a", "b")]
    findings = prove(jobs, start=NOW)

    def left(*accept: str) -> list[tuple[str, tuple[str, ...]]]:
        return [(each.kind, each.jobs) for each in unaccepted(findings, accept, ["a", "b"])]

    both = [("collision", ("a", "b"))]
    assert left("skipped", "repeated") == both
    assert left("skipped:a", "repeated") == [("skipped", ("b",)), *both]
    assert left("skipped", "repeated", "collision:a") == both
    assert left("skipped", "repeated", "collision:a", "collision:b") == []
    with pytest.raises(ScheduleError, match=r"accept 'skiped:a' is none of skipped, .*, alone or as kind:job"):
        left("skiped:a")
    with pytest.raises(ScheduleError, match="accept 'skipped:c': there is no job 'c'"):
        left("skipped:c")


def test_jobs_of_equal_schedules_have_findings_of_their_own():
    jobs = [job(Cron("30 2 * * *", time_zone=BERLIN), name) for name in ("a", "b")]
    assert [(each.kind, each.jobs) for each in prove(jobs, start=NOW)] == [
        ("skipped", ("a",)),
        ("skipped", ("b",)),
        ("repeated", ("a",)),
        ("repeated", ("b",)),
    ]


def test_what_is_excluded_for_long_is_not_over():
    # More instants in a row than `next` looks at.
    schedule = Cron("* * * * *", excluding=lambda moment: f"{moment:%Y-%m-%d}" < "2026-12-01")
    assert [kind for kind, _ in told(schedule, days=30)] == []
