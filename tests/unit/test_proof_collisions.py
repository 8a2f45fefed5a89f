"""Starts of one lock that collide."""

from array import array
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rota import Cron, Endpoint, Every, EveryServer, Job, Lock, Queue, Schedule
from rota.proof import Finding, prove
from rota.proof.places import Starts, full
from rota.windows import spread

BERLIN = "Europe/Berlin"
NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
WORK = Queue(name="work")


def job(schedule: Schedule | None, name: str = "a", **declared: object) -> Job[None]:
    return Job(**{"name": name, "handler": "b:c", "target": WORK, "schedule": schedule} | declared)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Tenant:
    tenant: str = "x"


def collisions(*jobs: Job[None], days: int = 400) -> list[Finding]:
    return [each for each in prove(jobs, start=NOW, days=days) if each.kind == "collision"]


def test_jobs_of_one_lock_collide_where_more_start_at_a_minute_than_it_has_places():
    nightly, mondays = Cron("0 3 * * *"), Cron("0 3 * * MON")
    db = Lock(key="db")
    (finding,) = collisions(job(nightly, "a", lock=db), job(mondays, "b", lock=Lock(key="db", overlap="wait")))
    assert finding.jobs == ("a", "b")
    assert finding.count == 57
    assert {f"{moment.wall:%a %H:%M}" for moment in finding.moments} == {"Mon 03:00"}
    assert "2 starts of lock 'db', which has 1 place, 57 times at 03:00" in finding.what
    assert "a is skipped if it comes later; b waits if it comes later" in finding.what
    assert finding.instead == 'another minute for one of them, Lock(limit=2), or overlap="wait" for a if each is to run'
    assert collisions(job(nightly, "a"), job(mondays, "b")) == []
    assert collisions(job(nightly, "a", lock=db), job(mondays, "b", lock=Lock(key="other"))) == []
    assert collisions(job(nightly, "a", lock=db), job(Cron("1 3 * * *"), "b", lock=db)) == []
    assert collisions(job(nightly, "a", lock=Lock()), job(mondays, "b", lock=Lock())) == []


def test_as_many_as_its_limit_have_a_place():
    two = Lock(key="db", limit=2, overlap="cancel_running")
    jobs = [job(Cron("0 3 * * *"), name, lock=two) for name in "abc"]
    assert collisions(*jobs[:2]) == []
    (finding,) = collisions(*jobs, days=1)
    assert finding.jobs == ("a", "b", "c")
    assert "3 starts of lock 'db', which has 2 places, at Sun 2026-11-22 03:00 UTC" in finding.what
    assert "tells the one that runs to stop" in finding.what


def test_jobs_that_meet_in_different_numbers_are_told_apart():
    db = Lock(key="db")
    found = collisions(
        job(Cron("0 3 * * *"), "a", lock=db), job(Cron("0 3 1 * *"), "b", lock=db), job(Cron("0 3 1 1 *"), "c", lock=db)
    )
    assert [(each.jobs, each.count) for each in found] == [(("a", "b"), 12), (("a", "b", "c"), 1)]


def test_keys_are_filled_in_from_the_input_or_its_defaults():
    def of(name: str, tenant: str | None) -> Job[None]:
        value = {"input": Tenant(tenant)} if tenant else {}
        return job(Cron("0 3 * * *"), name, lock=Lock(key="tenant:{tenant}"), payload=Tenant, **value)

    assert collisions(of("a", "x"), of("b", "y"), days=2) == []
    (finding,) = collisions(of("a", "x"), of("b", "y"), of("c", None), days=1)
    assert finding.jobs == ("a", "c")
    assert "lock 'tenant:x'" in finding.what


def test_targets_of_a_named_lock_share_it_and_of_an_unnamed_one_do_not():
    web, us = Endpoint(name="web"), Endpoint(name="us")
    daily = Cron("0 3 * * *")
    (finding,) = collisions(job(daily, lock=Lock(key="db"), target=[web, us]), days=1)
    assert finding.jobs == ("a",)
    assert "2 starts of lock 'db'" in finding.what
    assert collisions(job(daily, lock=Lock(), target=[web, us])) == []
    assert collisions(job(daily, lock=Lock(key="a@web/*"), target=web), job(daily, "b", lock=Lock(key="c"))) == []
    # A job's own lock is named like the job, and so may be another's.
    assert len(collisions(job(daily, "a", lock=Lock()), job(daily, "b", lock=Lock(key="a")), days=1)) == 1
    own = job(daily, "a", lock=Lock(), target=EveryServer(web))
    assert len(collisions(own, job(daily, "b", lock=Lock(key="a@web/*")), days=1)) == 1
    # No ledger holds a lock for servers of other languages.
    assert collisions(job(daily, lock=Lock(key="db"), target=[web, Endpoint(name="node", ledger=False)])) == []


def test_jitter_is_counted_for_it_follows_from_the_run():
    db = Lock(key="db")
    spreads = job(Cron("0 3 * * *", jitter=timedelta(hours=2)), "a", lock=db)
    days = [datetime(2026, 11, 22, 3, tzinfo=UTC) + timedelta(days=day) for day in range(400)]
    starts = [day + spread(timedelta(hours=2), f"a@{day:%Y-%m-%dT%H:%M:%SZ}") for day in days]
    expected = [start for start in starts if f"{start:%H:%M}" == "04:00"]
    (finding,) = collisions(spreads, job(Cron("0 4 * * *"), "b", lock=db))
    assert [each.at for each in finding.moments] == [start.replace(second=0, microsecond=0) for start in expected]
    flexible = Cron("0 4 * * *", flexible_window=timedelta(minutes=5))
    (finding,) = collisions(job(flexible, "a", lock=db), job(Cron("0 4 * * *"), "b", lock=db))
    assert "not counted: what flexible_window does to a" in finding.what


def test_a_year_of_minutes_is_one_finding_that_names_a_thousand_of_them():
    db = Lock(key="db")
    (finding,) = collisions(
        job(Cron("* * * * *"), "a", lock=db), job(Every(timedelta(minutes=1)), "b", lock=db), days=2
    )
    assert (finding.count, len(finding.moments)) == (2880, 1000)


def test_jitter_larger_than_the_time_between_runs_has_a_job_meet_itself():
    jitter, day = timedelta(minutes=20), datetime(2026, 11, 21, 15, tzinfo=UTC)
    due = [day + timedelta(minutes=5 * number) for number in range(288)]
    minutes = Counter(
        (at + spread(jitter, f"a@{at:%Y-%m-%dT%H:%M:%SZ}")).replace(second=0, microsecond=0) for at in due
    )
    expected = sorted(minute for minute, count in minutes.items() if count > 1)
    assert expected
    (finding,) = collisions(job(Cron("*/5 * * * *", jitter=jitter), lock=Lock()), days=1)
    assert finding.jobs == ("a",)
    assert [each.at for each in finding.moments] == expected
    assert f"{max(minutes.values())} starts of lock 'a', which has 1 place" in finding.what
    assert "less jitter" in finding.instead
    assert "another minute" not in finding.instead
    assert collisions(job(Cron("*/5 * * * *", jitter=timedelta(minutes=4)), lock=Lock()), days=10) == []


def test_a_lock_is_taken_for_hold_at_least():
    half_an_hour = Lock(key="k", hold_at_least=timedelta(minutes=30))
    first = job(Cron("0 2 * * *"), "a", lock=half_an_hour)
    (finding,) = collisions(first, job(Cron("10 2 * * *"), "b", lock=half_an_hour))
    assert (finding.jobs, finding.count) == (("a", "b"), 400)
    assert "which has 1 place (each taken for at least 30 min), 400 times at 02:10" in finding.what
    assert "less hold_at_least" in finding.instead
    assert collisions(first, job(Cron("30 2 * * *"), "b", lock=half_an_hour)) == []
    assert collisions(first, job(Cron("50 1 * * *"), "b", lock=Lock(key="k"))) == []
    # Who is skipped takes no place: of three in a row ten minutes apart, the second alone finds none.
    twenty = Lock(key="k", hold_at_least=timedelta(minutes=20))
    (finding,) = collisions(*(job(Cron(f"{n}0 2 * * *"), f"at-{n}", lock=twenty) for n in range(3)))
    assert finding.jobs == ("at-0", "at-1")
    # A job may meet itself.
    ten = Lock(hold_at_least=timedelta(minutes=10))
    (finding,) = collisions(job(Cron("*/6 * * * *"), lock=ten), days=1)
    assert finding.count == 120
    assert "another minute" not in finding.instead
    assert collisions(job(Cron("*/10 * * * *"), lock=ten)) == []


def test_where_all_wait_one_may_and_a_second_one_is_skipped():
    wait = Lock(key="db", overlap="wait")
    jobs = [job(Cron("0 3 * * *"), name, lock=wait) for name in "abc"]
    assert collisions(*jobs[:2]) == []
    (finding,) = collisions(*jobs)
    assert finding.jobs == ("a", "b", "c")
    assert "overlap" not in finding.instead
    # The one that waits takes its place later, and so for longer.
    ten = Lock(key="db", overlap="wait", hold_at_least=timedelta(minutes=10))
    late = [job(Cron(f"{minute} 3 * * *"), f"at-{minute}", lock=ten) for minute in (0, 5, 12, 18)]
    assert collisions(*late[:3]) == []
    assert [each.jobs for each in collisions(*late)] == [("at-5", "at-12", "at-18")]


def test_more_than_a_lock_may_have_is_not_what_to_write():
    db = Lock(key="db", limit=100)
    (finding,) = collisions(*(job(Cron("0 3 * * *"), f"job-{number}", lock=db) for number in range(102)), days=1)
    assert finding.instead == "other minutes for 2 of them"


def test_by_jitter_any_job_may_meet_any_so_they_are_told_as_one():
    db = Lock(key="db")
    hourly = Cron("0 * * * *", jitter=timedelta(minutes=20))
    (finding,) = collisions(*(job(hourly, name, lock=db) for name in "abcd"), days=30)
    assert finding.jobs == ("a", "b", "c", "d")
    assert finding.what.startswith("up to 3 starts of lock 'db'")


LONGEST = 200


@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, LONGEST), min_size=0, max_size=30), st.integers(0, 20)),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 3),
)
def test_full_is_what_a_look_at_each_minute_shows(members, limit):
    starts = [Starts(array("i", sorted(minutes)), hold) for minutes, hold in members]
    taken: list[tuple[int, int]] = []
    expected = {}
    for minute in range(LONGEST + 1):
        taken = [(until, who) for until, who in taken if until > minute]
        coming = [who for who, (minutes, _) in enumerate(members) for _ in range(minutes.count(minute))]
        if coming and len(taken) + len(coming) > limit:
            expected[minute] = sorted([*(who for _, who in taken), *coming])
        taken += [(minute + members[who][1], who) for who in coming[: limit - len(taken)]]
    assert {minute: list(who) for minute, who in full(starts, limit, waits=False)} == expected
