"""`rota proof`."""

import json
import re
from datetime import UTC, datetime

import pytest

JOBS = """
work = Queue(name="work")
db = Lock(key="db")
berlin = "Europe/Berlin"
night = Job(name="night", handler="b:c", target=work, schedule=Cron("30 2 * * *", time_zone=berlin))
a = Job(name="a", handler="b:c", target=work, schedule=Cron("0 3 * * *"), lock=db)
b = Job(name="b", handler="b:c", target=work, schedule=Cron("0 3 * * MON"), lock=db)
last = Job(name="last", handler="b:c", target=work, schedule=Cron("0 0 31 * *"))
plain = Job(name="plain", handler="b:c", target=work, schedule=Cron("0 9 * * MON-FRI"))
off = Job(name="off", handler="b:c", target=work, schedule=Cron("30 2 * * *", time_zone=berlin), enabled=False)
manifest = Manifest(name="shop", jobs=[night, a, b, last, plain, off])
"""
NOTHING = "0 jobs, 400 days from 2026-11-21 15:00 UTC: nothing to look at\n"


@pytest.fixture(autouse=True)
def declared(application, declare, monkeypatch):
    monkeypatch.setattr("rota.cli.proof.now", lambda: datetime(2026, 11, 21, 15, 0, 30, tzinfo=UTC))
    declare(JOBS)


def test_what_may_surprise_is_told_by_kind_with_what_to_write_instead(run):
    code, out, _ = run("proof")
    assert code == 0
    assert out == (
        "skipped: a change of clocks leaves the time out, and the job does not run\n"
        "  night: 02:30 Europe/Berlin skipped on Sun 2027-03-28, for clocks go from 02:00 to 03:00 at "
        "2027-03-28T01:00:00Z; 47 h from the run before to the next\n"
        '    instead: a time outside 02:00-02:59, or time_zone="UTC"\n'
        "\n"
        "repeated: a change of clocks shows the time twice, and the job runs once, at the first\n"
        "  night: 02:30 Europe/Berlin shown twice on Sun 2027-10-31: it runs once, at the first "
        "(2027-10-31T00:30:00Z); the next run is 25 h later\n"
        '    instead: a time outside 02:00-02:59, or time_zone="UTC"\n'
        "\n"
        "collision: more starts of one lock at one minute than it has places\n"
        "  a, b: 2 starts of lock 'db', which has 1 place, 57 times at 03:00, from Mon 2026-11-23 03:00 UTC to "
        "Mon 2027-12-20 03:00: a is skipped if it comes later; b is skipped if it comes later\n"
        '    instead: another minute for one of them, Lock(limit=2), or overlap="wait" for a and b if each is to run\n'
        "\n"
        "gap: the time between two runs is longer or shorter than usual\n"
        "  last: 59 d from Sun 2027-01-31 00:00 to Wed 2027-03-31 00:00 UTC, usually 31 d; not every month has a 31st\n"
        "  last: 61 d from Wed 2027-03-31 00:00 to Mon 2027-05-31 00:00 UTC, usually 31 d; not every month has a 31st\n"
        "  last: 61 d from Mon 2027-05-31 00:00 to Sat 2027-07-31 00:00 UTC, usually 31 d; not every month has a 31st\n"
        "  last: 61 d from Tue 2027-08-31 00:00 to Sun 2027-10-31 00:00 UTC, usually 31 d; not every month has a 31st\n"
        '    instead: Cron.aws("0 0 L * ? *"), for the last day of each month\n'
        "\n"
        "not looked at (not enabled): off\n"
        "5 jobs, 400 days from 2026-11-21 15:00 UTC: 1 skipped, 1 repeated, 1 collision, 4 gap\n"
    )


def test_one_job_and_those_that_it_collides_with(run):
    _, out, _ = run("proof", "b")
    assert "a, b: 2 starts of lock 'db'" in out
    assert out.endswith("1 job, 400 days from 2026-11-21 15:00 UTC: 1 collision\n")
    assert run("proof", "plain") == (
        0,
        "1 job, 400 days from 2026-11-21 15:00 UTC: nothing that surprises\n",
        "",
    )
    code, _, err = run("proof", "plane")
    assert code == 2
    assert "did you mean plain?" in err


def test_from_another_day_and_for_fewer(run):
    _, out, _ = run("proof", "night", "--from", "2027-10-01", "--days", "60")
    assert "skipped" not in out
    assert "02:30 Europe/Berlin shown twice on Sun 2027-10-31" in out
    assert out.endswith("1 job, 60 days from 2027-10-01 00:00 UTC: 1 repeated\n")
    code, _, err = run("proof", "--from", "tomorrow")
    assert code == 2
    assert "--from 'tomorrow' is neither a day" in err


def test_strict_fails_for_what_is_not_accepted(run):
    assert run("proof", "plain", "--strict")[0] == 0
    assert run("proof", "night", "--strict")[0] == 1
    code, out, _ = run("proof", "night", "--strict", "--accept", "skipped:night", "--accept", "repeated")
    assert (code, out) == (0, "1 job, 400 days from 2026-11-21 15:00 UTC: nothing that surprises\n")
    code, _, err = run("proof", "--accept", "skips")
    assert code == 2
    assert "--accept 'skips' is none of skipped" in err


def test_for_machines(run):
    code, out, _ = run("proof", "night", "--json", "--strict", "--accept", "repeated")
    assert code == 1
    read = json.loads(out)
    (finding,) = read.pop("findings")
    assert read == {"from": "2026-11-21T15:00:00Z", "days": 400, "jobs": 1, "not_looked_at": []}
    what = finding.pop("what")
    assert "47 h" in what
    assert finding == {
        "kind": "skipped",
        "jobs": ["night"],
        "zone": "Europe/Berlin",
        "count": 1,
        "moments": [{"local": "2027-03-28T02:30:00", "at": "2027-03-28T01:00:00Z"}],
        "instead": 'a time outside 02:00-02:59, or time_zone="UTC"',
    }


def test_many_that_are_alike_are_folded(declare, run):
    declare("""
def daily(name, text):
    return Job(name=name, handler="b:c", target=Queue(name="q"), schedule=Cron(text, time_zone="Europe/Berlin"))
manifest = Manifest(name="shop", jobs=[
    *(daily(f"job-{hour}", f"0 {hour} * * *") for hour in range(6, 12)), daily("odd-days", "0 12 */2 * *")])
""")
    _, out, _ = run("proof")
    names = "job-6, job-7, job-8, job-9, job-10, job-11, odd-days"
    assert f"  1 h less over Sun 2027-03-28 03:00 Europe/Berlin (2027-03-28T01:00:00Z): {names}\n" in out
    assert f"  1 h more over Sun 2027-10-31 02:00 Europe/Berlin (2027-10-31T01:00:00Z): {names}\n" in out
    assert "  odd-days: and 5 more, the last: 24 h from Sun 2027-10-31 12:00" in out
    assert out.count("  odd-days: ") == 3


def test_a_job_that_is_not_looked_at_is_told_with_the_reason(run):
    assert run("proof", "off") == (0, f"not looked at (not enabled): off\n{NOTHING}", "")
    read = json.loads(run("proof", "off", "--json")[1])
    assert (read["jobs"], read["not_looked_at"]) == (0, [{"job": "off", "why": "not enabled"}])


def test_where_nothing_has_a_schedule(declare, run):
    declare("""
jobs = [Job(name=f"job-{number}", handler="b:c", target=Queue(name="q")) for number in range(7)]
manifest = Manifest(name="shop", jobs=jobs)
""")
    assert run("proof")[1] == f"not looked at (no schedule): job-0, job-1, job-2, job-3, job-4 and 2 more\n{NOTHING}"


def test_in_a_terminal_lines_break_between_words_and_hang(run, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run("proof", "last")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in out.splitlines()]
    assert max(map(len, lines)) <= 80
    assert lines[1:3] == [
        "  last: 59 d from Sun 2027-01-31 00:00 to Wed 2027-03-31 00:00 UTC, usually 31",
        "      d; not every month has a 31st",
    ]
