"""Starts of one lock that collide."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rota import Cron, Endpoint, Every, EveryServer, Job, Lock, Queue, Schedule
from rota.proof import Finding, prove
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
    assert "Lock(limit=2)" in finding.instead
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
