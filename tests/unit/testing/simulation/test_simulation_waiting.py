"""Simulated days: no run is lost without trace, whatever keeps servers from receiving it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rota import Cron, Endpoint, Every, EveryServer, Job, Lock, Manifest, Once, Outcome, Queue, Retry, Run
from rota.ledger import Claim
from rota.testing import Simulation, simulate

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
LOST = "lost: nobody received its message for 7 days, after which SQS drops it"
WEB = Endpoint(name="web")


def job(name: str = "work", schedule: Any = None, **more: Any) -> Job[Any]:
    given: dict[str, Any] = {"handler": "shop_simulated:note", "target": Queue(name="reports")} | more
    return Job(name=name, schedule=schedule, **given)


def shop_of(*jobs: Job[Any]) -> Manifest:
    return Manifest(name="shop", jobs=jobs)


def waits_for_ever(run: Run) -> None:
    run.stop_event.wait()


def fail() -> None:
    raise ValueError("no book")


# Slots that never become free


def test_one_that_never_ends_and_what_waits_behind_it_end_with_the_simulation() -> None:
    manifest = shop_of(job("stuck", Once(START)), job("behind", Once(START + HOUR)))
    found = simulate(manifest, start=START, days=1, concurrency=1, handlers={"stuck": waits_for_ever})
    assert [(run.job, run.outcome, run.reason) for run in found.runs] == [
        ("stuck", None, "runs since 2026-03-01 00:00 UTC"),
        ("behind", None, LOST),
    ]


def test_of_a_job_that_never_ends_the_first_fill_all_slots() -> None:
    found = simulate(shop_of(job(schedule=Every(HOUR))), start=START, days=1, durations={"work": 9 * DAY})
    assert len(found.unfinished) == 24
    assert [run.attempt for run in found.runs] == [0] * 24
    assert [run.reason == LOST for run in found.runs] == [False] * 8 + [True] * 16


def test_what_is_sent_in_the_last_week_and_not_received_is_told() -> None:
    later, stuck = job("later"), job("stuck", Once(START))

    def work(run: Run) -> None:
        run.stop_event.wait(2 * 86_400)
        simulation.client.enqueue(later)
        run.stop_event.wait()

    simulation = Simulation(shop_of(stuck, later), start=START, days=1, concurrency=1, handlers={"stuck": work})
    simulation.run()
    (run,) = simulation.of("later")
    assert (run.enqueued_at, run.outcome, run.reason) == (START + 2 * DAY, None, "not received")


# Queues


def test_a_queue_keeps_a_run_for_seven_days() -> None:
    outage = (START - HOUR, START + 18 * DAY)
    found = simulate(shop_of(job(schedule=Cron("0 2 * * *"))), start=START, days=31, outages=[outage])
    assert [run.reason for run in found.unfinished] == [LOST] * 11
    assert [run.scheduled_at for run in found.succeeded] == [START + day * DAY + 2 * HOUR for day in range(11, 31)]


def test_a_retry_that_nobody_receives_is_lost_too() -> None:
    daily = job(schedule=Once(START), retry=Retry(attempts=2, backoff=MINUTE, jitter=0))
    outage = (START + 30 * timedelta(seconds=1), START + 8 * DAY)
    found = simulate(shop_of(daily), start=START, days=10, outages=[outage], handlers={"work": fail})
    (run,) = found.unfinished
    assert (run.attempt, run.reason) == (1, LOST)


def test_an_outage_that_does_not_end_leaves_all_runs_unfinished() -> None:
    found = simulate(
        shop_of(job(schedule=Every(10 * MINUTE))), start=START, days=1, outages=[(START, START + 30 * DAY)]
    )
    assert len(found.unfinished) == len(found.runs) == 144


# The trigger of endpoints


@pytest.mark.parametrize(
    ("deadline", "until"), [(None, START + 6 * HOUR), (2 * HOUR, START + 2 * HOUR), (2 * DAY, START + 2 * DAY)]
)
def test_the_trigger_gives_a_run_up(deadline: timedelta | None, until: datetime) -> None:
    posted = job(schedule=Once(START), target=[WEB, EveryServer(Endpoint(name="all"))], start_deadline=deadline)
    early = simulate(shop_of(posted), start=START, days=3, servers=2, outages=[(START, until - MINUTE)])
    assert [run.outcome for run in early.runs] == [Outcome.SUCCEEDED] * 3
    late = simulate(shop_of(posted), start=START, days=3, servers=2, outages=[(START, until + MINUTE)])
    assert [run.endpoint for run in late.failed] == ["web", "all/server-1", "all/server-2"]
    assert {(run.reason, run.finished_at) for run in late.failed} == {("not started in time", until)}
    assert [letter.attributes["rota.reason"] for letter in late.dead_letters] == ["not started in time"] * 3


def test_the_trigger_gives_up_while_the_fleet_is_still_down() -> None:
    daily = job(schedule=Once(START), target=WEB)
    found = simulate(shop_of(daily), start=START, days=1, outages=[(START, START + 30 * DAY)])
    assert [(run.outcome, run.finished_at) for run in found.runs] == [(Outcome.FAILED, START + 6 * HOUR)]
    assert len(found.dead_letters) == 1


def test_what_a_client_enqueues_is_given_up_as_late() -> None:
    posted = job(target=[WEB, Endpoint(name="cdn")])
    for hours, outcome in ((5, Outcome.SUCCEEDED), (7, Outcome.FAILED), (1000, Outcome.FAILED)):
        simulation = Simulation(shop_of(posted), start=START, days=1, outages=[(START, START + hours * HOUR)])
        simulation.client.enqueue(posted)
        simulation.run()
        assert [(run.endpoint, run.outcome) for run in simulation.runs] == [("web", outcome), ("cdn", outcome)]


def test_one_that_waits_for_its_lock_at_an_endpoint_is_given_up() -> None:
    posted = job(schedule=Every(HOUR), target=WEB, lock=Lock(overlap="wait"))
    found = simulate(shop_of(posted), start=START, end=START + 2 * HOUR, durations={"work": 10 * HOUR})
    assert [run.reason for run in found.runs] == ["handler returned", "not started in time"]


def test_each_attempt_has_its_own_time_to_start() -> None:
    retry = Retry(attempts=2, backoff=7 * HOUR, max_backoff=7 * HOUR, jitter=0)
    posted = job(schedule=Once(START), target=WEB, retry=retry, start_deadline=HOUR)
    found = simulate(shop_of(posted), start=START, days=1, handlers={"work": fail})
    assert [run.attempt for run in found.failed] == [2]


# All of them


outages = st.lists(st.tuples(st.integers(0, 96), st.integers(1, 400)), max_size=2)


@settings(max_examples=40)
@given(
    outages=outages,
    every=st.integers(30, 600),
    takes=st.integers(0, 60 * 24 * 9),
    concurrency=st.integers(1, 2),
    lock=st.sampled_from([None, Lock(), Lock(overlap="cancel_running")]),
)
def test_every_occurrence_has_a_run_for_each_of_its_targets(
    outages: list[tuple[int, int]], every: int, takes: int, concurrency: int, lock: Lock | None
) -> None:
    schedule = Every(every * MINUTE)
    queued = job("queued", schedule, lock=lock)
    posted = job("posted", schedule, target=[WEB, EveryServer(Endpoint(name="all"))])
    found = simulate(
        shop_of(queued, posted),
        start=START,
        days=2,
        servers=2,
        concurrency=concurrency,
        durations={"queued": takes * MINUTE},
        handlers={"queued": lambda: None, "posted": lambda: None},
        outages=[(START + begin * HOUR, START + (begin + hours) * HOUR) for begin, hours in outages],
    )
    due = [START + number * every * MINUTE for number in range(-(-2 * 24 * 60 // every))]
    assert [run.scheduled_at for run in found.of("queued")] == due
    assert [(run.scheduled_at, run.endpoint) for run in found.of("posted")] == [
        (instant, place) for instant in due for place in ("web", "all/server-1", "all/server-2")
    ]
    assert all(run.reason for run in found.runs)


def test_no_lease_is_renewed_for_a_lock_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    renewed: list[Claim] = []

    def renew(claim: Claim) -> None:  # it costs as much real time as half a run
        renewed.append(claim)
        whole(claim)

    whole = Claim.renew
    monkeypatch.setattr(Claim, "renew", renew)
    locked = job(schedule=Every(HOUR), lock=Lock())
    found = simulate(shop_of(locked), start=START, days=1, durations={"work": 50 * MINUTE})
    assert len(found.succeeded) == 24
    assert renewed == []
