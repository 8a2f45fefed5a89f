"""`rota list` and `rota next`."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from rota.cli.times import spell_duration
from rota.windows import spread

AT = datetime(2026, 3, 27, 8, 59, 30, tzinfo=UTC)  # two days before Berlin's clocks go forward


@pytest.fixture(autouse=True)
def stopped_clock(application, monkeypatch):
    monkeypatch.setattr("rota.cli.list.now", lambda: AT)
    monkeypatch.setattr("rota.cli.next.now", lambda: AT)


def test_list_shows_every_job_in_its_own_zone(run):
    assert run("list") == (
        0,
        (
            "JOB     TARGET  SCHEDULE     ZONE           NEXT                    ENABLED  HANDLER         DESCRIPTION\n"
            "greet   work                                                        yes      handlers:greet\n"
            "tick    work    every 1 min  UTC            Fri 2026-03-27 09:00    yes      handlers:tick   Often\n"
            "report  slow    0 9 * * *    Europe/Berlin  Sat 2026-03-28 09:00    yes      handlers:tick\n"
            "drift   slow    every 7 min  UTC            counts from the deploy  yes      handlers:tick\n"
            "off     slow    0 9 * * *    UTC                                    no       handlers:tick\n"
        ),
        "",
    )


def test_list_for_machines(run):
    _, out, _ = run("list", "--json")
    read = json.loads(out)
    assert read["manifest"] == "shop"
    assert {job["job"]: job["next"] for job in read["jobs"]} == {
        "greet": None,
        "tick": "2026-03-27T09:00:00Z",
        "report": "2026-03-28T08:00:00Z",
        "drift": None,
        "off": None,
    }


def test_list_of_nothing(declare, run):
    declare('manifest = Manifest(name="shop", jobs=[])')
    assert run("list") == (0, "manifest 'shop' declares no job\n", "")


def test_next_merges_the_jobs_and_says_what_it_cannot_list(run):
    assert run("next", "-n", "2") == (
        0,
        (
            "JOB   AT                    ZONE  IN\n"
            "tick  Fri 2026-03-27 09:00  UTC   30 s\n"
            "tick  Fri 2026-03-27 09:01  UTC   1 min 30 s\n"
            "drift: every 7 min, counts from the deploy: only AWS knows its occurrences\n"
            "off: 0 9 * * *, not enabled\n"
        ),
        "",
    )


def test_next_of_one_job_follows_its_zone_through_a_change_of_clocks(run):
    _, out, _ = run("next", "report", "-n", "2", "--json")
    assert json.loads(out) == {
        "occurrences": [
            {
                "job": "report",
                "at": "2026-03-28T08:00:00Z",
                "local": "2026-03-28T09:00:00+01:00",
                "zone": "Europe/Berlin",
            },
            {
                "job": "report",
                "at": "2026-03-29T07:00:00Z",
                "local": "2026-03-29T09:00:00+02:00",
                "zone": "Europe/Berlin",
            },
        ],
        "notes": [],
    }


def test_next_in_another_zone(run):
    _, out, _ = run("next", "report", "-n", "1", "--zone", "Asia/Tokyo")
    assert out.splitlines()[1] == "report  Sat 2026-03-28 17:00  Asia/Tokyo  23 h"
    code, _, err = run("next", "--zone", "Mars/Base")
    assert code == 2
    assert "'Mars/Base' is not an IANA name" in " ".join(err.split())


def test_next_from_a_day_until_another(run):
    _, out, _ = run("next", "report", "--from", "2026-03-28", "--until", "2026-03-30", "--zone", "Europe/Berlin")
    assert out.splitlines()[1:] == [
        "report  Sat 2026-03-28 09:00  Europe/Berlin  23 h",
        "report  Sun 2026-03-29 09:00  Europe/Berlin  1 d 22 h",
    ]
    _, out, _ = run("next", "report", "--from", "2026-03-26T08:00:00Z", "-n", "1", "--json")
    assert json.loads(out)["occurrences"][0]["at"] == "2026-03-26T08:00:00Z"
    _, out, _ = run("next", "report", "--from", "2026-03-26", "-n", "1")
    assert out.splitlines()[1].endswith("  1 d ago")
    assert run("next", "report", "--until", "2026-03-28")[1] == "nothing is due in that time\n"
    for wrong in ("28.3.2026", "2026-03-28T09:00", "2026-02-30"):
        code, _, err = run("next", "--until", wrong)
        assert code == 2
        assert f"--until {wrong!r} is neither a day" in " ".join(err.replace("│", "").split())


def test_next_refuses_a_time_that_ends_before_it_begins(run):
    for arguments, begins in (
        (("--from", "2026-03-30", "--until", "2026-03-28"), "2026-03-30T00:00:00Z"),
        (("--from", "2026-03-28", "--until", "2026-03-28"), "2026-03-28T00:00:00Z"),
        (("--until", "2026-03-27"), "2026-03-27T08:59:30Z"),
    ):
        code, out, err = run("next", *arguments)
        assert (code, out) == (2, "")
        assert f"--until {arguments[-1]} is not after {begins}, where it begins" in " ".join(
            err.replace("│", "").split()
        )


def test_next_leaves_out_what_is_excluded_and_says_what_starts_later(declare, run):
    declare("""
from datetime import date
work = Queue(name="work")
manifest = Manifest(name="shop", jobs=[
    Job(name="a", handler="b:c", target=work,
        schedule=Cron("0 9 * * *", excluding=[date(2026, 3, 28)], jitter=timedelta(minutes=30))),
    Job(name="b", handler="b:c", target=work,
        schedule=Cron("0 9 * * *", flexible_window=timedelta(minutes=15), start=datetime(2026, 3, 29, tzinfo=UTC)))])
""")
    _, out, _ = run("next", "-n", "3", "--json")
    found = [(each["job"], each["at"], each["note"]) for each in json.loads(out)["occurrences"]]
    assert [(job, at) for job, at, _ in found] == [
        ("a", "2026-03-27T09:00:00Z"),
        ("a", "2026-03-29T09:00:00Z"),
        ("b", "2026-03-29T09:00:00Z"),
    ]
    later = spread(timedelta(minutes=30), "a@2026-03-27T09:00:00Z")
    assert found[0][2] == f"starts {spell_duration(later)} later, by its jitter"
    assert found[2][2] == "delivered up to 15 min later, by its flexible window"


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ("greet", "greet: has no schedule; it runs when it is enqueued\n"),
        ("drift", "drift: every 7 min, counts from the deploy: only AWS knows its occurrences\n"),
    ],
)
def test_next_of_a_job_without_known_occurrences(run, job, said):
    assert run("next", job) == (0, said, "")


def test_next_knows_what_is_over(declare, run):
    declare("""
manifest = Manifest(name="shop", jobs=[
    Job(name="a", handler="b:c", target=Queue(name="q"), schedule=Once(datetime(2020, 1, 1, 0, 0, 5, tzinfo=UTC)))])
""")
    assert run("next")[1] == "a: once, Wed 2020-01-01 00:00:05, never again\n"
    assert "never again" in run("list")[1]


def test_next_where_nothing_has_a_schedule(declare, run):
    declare('manifest = Manifest(name="shop", jobs=[Job(name="a", handler="b:c", target=Queue(name="q"))])')
    assert run("next") == (0, "no job has a schedule\n", "")


@pytest.mark.parametrize(
    ("duration", "spelt"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(minutes=90), "1 h 30 min"),
        (timedelta(hours=23, seconds=30), "23 h"),
        (timedelta(days=2, minutes=1), "2 d"),
    ],
)
def test_durations_as_people_read_them(duration, spelt):
    assert spell_duration(duration) == spelt
