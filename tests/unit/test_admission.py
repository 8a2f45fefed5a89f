"""Whether a run may start: deadlines, catching up, locks and unique keys, with what goes on record. A delivery within a
handler is another server's, while the first one runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rota import Cron, Endpoint, Every, EveryServer, Lock, Once, Outcome, Queue, Retry, Run, Unique
from rota.admission import Place, late, place_of
from rota.envelope import Envelope
from rota.ledger import State
from rota.manifest import Job
from rota.verdicts import Acknowledge, DeadLetter, SendAgain, Verdict
from rota.windows import spread

if TYPE_CHECKING:
    from tests.unit.conftest import Fleet

DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE, MARGIN = 50 * SECOND, 5 * SECOND


@dataclass(frozen=True)
class Tenant:
    tenant_id: int = 1


def due(at: timedelta = timedelta(), **more: Any) -> Envelope:
    return Envelope(job="work", scheduled_at=NOW + at, **more)


def enqueued(run: str, at: timedelta = timedelta(), **more: Any) -> Envelope:
    return Envelope(job="work", run=run, enqueued_at=NOW + at, **more)


def delay(verdict: Verdict) -> timedelta:
    assert isinstance(verdict.settle, SendAgain), verdict
    return verdict.settle.delay


def skipped(reason: str) -> Verdict:
    return Verdict(Outcome.SKIPPED, reason, Acknowledge())


def meanwhile(fleet: Fleet, do: Callable[[Run], object]) -> Callable[[Run], None]:
    """A handler whose first run does something; later ones are noted."""

    def handle(run: Run) -> None:
        fleet.runs.append(run)
        if len(fleet.runs) == 1:
            do(run)

    return handle


# Windows


@pytest.mark.parametrize("ledger", [True, False])
@pytest.mark.parametrize(
    ("window", "reason"),
    [
        ({"start": NOW + HOUR}, "before its start: it begins at 2026-01-01T01:00:00+00:00"),
        ({"end": NOW}, "after its end: it ended at 2026-01-01T00:00:00+00:00"),
        ({"excluding": [NOW.date()]}, "excluded: 2026-01-01 00:00 UTC"),
    ],
)
def test_an_occurrence_outside_its_window_is_skipped_with_the_reason(
    fleet: Fleet, window: dict[str, Any], reason: str, ledger: bool
) -> None:
    runner = fleet.runner(ledger=ledger, schedule=Cron("* * * * *", **window))
    assert fleet.deliver(runner, due()) == skipped(reason)
    assert fleet.runs == []
    assert [record.reason for record in fleet.records] == ([reason] if ledger else [])
    # What somebody enqueues is no occurrence.
    assert fleet.deliver(runner, enqueued("by-hand")).outcome is Outcome.SUCCEEDED


def test_a_rule_that_fires_outside_the_window_is_not_taken_for_the_occurrence_before(fleet: Fleet) -> None:
    runner = fleet.runner(ledger=True, schedule=Cron("* * * * *", end=NOW))
    assert fleet.deliver(runner, due(-MINUTE)).outcome is Outcome.SUCCEEDED
    fired = Envelope(job="work", fired_at=NOW + SECOND)
    assert fleet.deliver(runner, fired) == skipped("after its end: it ended at 2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize("catch_up", ["none", "latest"])
def test_jitter_is_waited_for_and_is_no_lateness(fleet: Fleet, catch_up: str) -> None:
    schedule = Cron("* * * * *", jitter=30 * MINUTE)
    runner = fleet.runner(ledger=True, schedule=schedule, catch_up=catch_up)
    part = spread(schedule.jitter, "work@2026-01-01T00:00:00Z")
    assert part > 3 * MINUTE
    verdict = fleet.deliver(runner, due())
    assert (verdict.outcome, verdict.reason, delay(verdict)) == (None, "jitter", part)
    fleet.clock.advance(part)
    assert fleet.deliver(runner, due()).outcome is Outcome.SUCCEEDED
    (run,) = fleet.runs
    assert run.scheduled_at == NOW


@pytest.mark.parametrize(("catch_up", "following"), [("none", "0 0 * * *"), ("latest", "* * * * *")])
def test_a_flexible_window_is_no_lateness(fleet: Fleet, catch_up: str, following: str) -> None:
    runner = fleet.runner(ledger=True, schedule=Cron(following, flexible_window=HOUR), catch_up=catch_up)
    fleet.clock.advance(HOUR + 2 * MINUTE)
    assert fleet.deliver(runner, due()).outcome is Outcome.SUCCEEDED
    fleet.clock.advance(2 * MINUTE)
    assert fleet.deliver(runner, due(SECOND)).outcome is Outcome.SKIPPED


def test_a_rule_that_fires_late_in_its_minute_loses_nothing_to_the_next(fleet: Fleet) -> None:
    runner = fleet.runner(ledger=True, schedule=Cron("* * * * *"), catch_up="latest")
    fleet.clock.advance(MINUTE + SECOND)
    assert fleet.deliver(runner, due()).outcome is Outcome.SUCCEEDED
    fleet.clock.advance(2 * MINUTE)
    assert fleet.deliver(runner, due(SECOND)).outcome is Outcome.SKIPPED


# Deadlines and catching up


def test_a_run_past_its_start_deadline_is_skipped_on_record(fleet: Fleet) -> None:
    runner = fleet.runner(ledger=True, start_deadline=HOUR)
    fleet.clock.advance(HOUR + SECOND)
    assert fleet.deliver(runner, due(SECOND)).outcome is Outcome.SUCCEEDED
    reason = "start deadline: 1:00:01 late, at most 1:00:00 are allowed"
    assert fleet.deliver(runner, due()) == skipped(reason)
    assert fleet.deliver(runner, due()) == skipped("it is on record as skipped")
    record = fleet.records[1]
    assert (record.outcome, record.reason, record.token, record.history) == (Outcome.SKIPPED, reason, 0, ())
    assert len(fleet.runs) == 1


def test_what_has_started_once_is_not_too_late_for_its_other_attempts(fleet: Fleet) -> None:
    def fail_first(run: Run) -> None:
        fleet.runs.append(run)
        if run.attempt == 1:
            raise ValueError

    runner = fleet.runner(fail_first, ledger=True, start_deadline=MINUTE, retry=Retry(backoff=HOUR, max_backoff=HOUR))
    verdict = fleet.deliver(runner, due())
    fleet.clock.advance(delay(verdict))
    assert isinstance(verdict.settle, SendAgain)
    assert fleet.deliver(runner, verdict.settle.body).outcome is Outcome.SUCCEEDED


def test_nor_is_what_has_started_when_there_was_no_ledger_yet(fleet: Fleet) -> None:
    fleet.clock.advance(HOUR)
    runner = fleet.runner(ledger=True, start_deadline=MINUTE)
    assert fleet.deliver(runner, due(attempt=2)).outcome is Outcome.SUCCEEDED


def test_without_a_ledger_deadlines_hold_too_for_first_attempts(fleet: Fleet) -> None:
    runner = fleet.runner(start_deadline=MINUTE)
    fleet.clock.advance(HOUR)
    assert fleet.deliver(runner, due()).outcome is Outcome.SKIPPED
    assert fleet.deliver(runner, enqueued("r1")).outcome is Outcome.SKIPPED
    assert fleet.deliver(runner, enqueued("r1", attempt=2)).outcome is Outcome.SUCCEEDED
    assert fleet.deliver(runner, enqueued("r1", redrives=1)).outcome is Outcome.SUCCEEDED
    assert fleet.deliver(runner, Envelope(job="work", run="r2")).outcome is Outcome.SUCCEEDED, "nobody knows since when"


def outage(fleet: Fleet, **declared: Any) -> list[str]:
    """What became of the occurrences of six hours, all delivered 30 minutes after the last."""
    runner = fleet.runner(ledger=True, schedule=Cron("0 * * * *"), **declared)
    fleet.clock.advance(5 * HOUR + 30 * MINUTE)
    return [fleet.deliver(runner, due(number * HOUR)).reason for number in range(6)]


def test_after_an_outage_every_occurrence_runs(fleet: Fleet) -> None:
    assert outage(fleet) == ["handler returned"] * 6


def test_after_an_outage_the_latest_alone_runs(fleet: Fleet) -> None:
    said = outage(fleet, catch_up="latest")
    assert said == [
        *(f"catch up: the occurrence of 2026-01-01T0{hour}:00:00Z is due already" for hour in range(1, 6)),
        "handler returned",
    ]
    assert [record.reason for record in fleet.records] == said[::-1], "on record, the newest first"


def test_after_an_outage_none_runs(fleet: Fleet) -> None:
    said = outage(fleet, catch_up="none")
    assert said[0] == "start deadline: 5:30:00 late, at most 0:02:00 are allowed"
    assert said[5] == "start deadline: 0:30:00 late, at most 0:02:00 are allowed"
    assert [record.reason for record in fleet.records] == said[::-1]
    assert fleet.runs == []


def test_a_start_deadline_says_how_late_none_is(fleet: Fleet) -> None:
    said = outage(fleet, catch_up="none", start_deadline=2 * HOUR)
    assert said[4:] == ["handler returned"] * 2
    assert said[3] == "start deadline: 2:30:00 late, at most 2:00:00 are allowed"


@pytest.mark.parametrize(
    ("schedule", "passed", "is_late"),
    [
        (Every(7 * MINUTE), 7 * MINUTE - SECOND, False),  # counts from the deploy: so from one to the next
        (Every(7 * MINUTE), 7 * MINUTE, True),
        (Every(5 * MINUTE), 5 * MINUTE - SECOND, False),
        (Every(5 * MINUTE), 5 * MINUTE, True),
        (Every(7 * MINUTE, end=NOW + 7 * MINUTE), DAY, False),  # none follows that runs
        (Every(7 * MINUTE, excluding=lambda at: at.minute == 7), 13 * MINUTE, False),
        (Every(7 * MINUTE, excluding=lambda at: at.minute == 7), 14 * MINUTE, True),
        (Cron("* * * * *"), 2 * MINUTE, False),  # a rule may be so late
        (Cron("* * * * *"), 2 * MINUTE + SECOND, True),
        (Once(NOW), 30 * DAY, False),
        (None, 30 * DAY, False),  # the schedule has been taken away since
    ],
)
def test_which_occurrence_is_the_latest(schedule: Any, passed: timedelta, is_late: bool) -> None:
    job = Job(
        name="work",
        handler="shop:run",
        target=Queue(name="billing"),
        schedule=schedule,
        catch_up="latest" if schedule else "all",
    )
    assert (late(job, due(), NOW + passed) is not None) is is_late


def test_catching_up_is_of_occurrences_alone(fleet: Fleet) -> None:
    fleet.clock.advance(DAY)
    for catch_up in ("latest", "none"):
        runner = fleet.runner(ledger=True, schedule=Cron("0 * * * *"), catch_up=catch_up)
        assert fleet.deliver(runner, enqueued("r1")).outcome is Outcome.SUCCEEDED


def test_an_occurrence_older_than_any_proof_is_a_dead_letter(fleet: Fleet) -> None:
    fleet.clock.advance(45 * DAY)
    runner = fleet.runner(ledger=True)
    assert fleet.deliver(runner, due()).outcome is Outcome.SUCCEEDED
    verdict = fleet.deliver(runner, due(-SECOND))
    assert (verdict.outcome, verdict.reason) == (Outcome.FAILED, "too old to prove that it did not run")
    assert isinstance(verdict.settle, DeadLetter)
    # A person who sends it again knows better.
    assert fleet.deliver(runner, verdict.settle.body).outcome is Outcome.SUCCEEDED


# Locks


def test_a_run_that_finds_its_lock_held_is_skipped_on_record(fleet: Fleet) -> None:
    met: list[Verdict] = []
    runner = fleet.runner(
        meanwhile(fleet, lambda run: met.append(fleet.deliver(runner, due(HOUR)))), ledger=True, lock=Lock()
    )
    fleet.deliver(runner, due())
    reason = "lock 'work': held by work@2026-01-01T00:00:00Z#billing"
    assert met == [skipped(reason)]
    assert [(record.outcome, record.reason) for record in fleet.records] == [
        (Outcome.SKIPPED, reason),
        (Outcome.SUCCEEDED, "handler returned"),
    ]
    assert fleet.deliver(runner, due(2 * HOUR)).outcome is Outcome.SUCCEEDED, "free again"


def test_keys_lock_apart_what_differs_in_their_fields(fleet: Fleet) -> None:
    met: list[Verdict] = []

    def others(run: Run) -> None:
        met.append(fleet.deliver(runner, enqueued("same", payload={"tenant_id": 1})))
        met.append(fleet.deliver(runner, enqueued("other", payload={"tenant_id": 2})))

    lock = Lock(key="tenant:{tenant_id}")
    runner = fleet.runner(meanwhile(fleet, others), ledger=True, payload=Tenant, lock=lock)
    fleet.deliver(runner, enqueued("first", payload={"tenant_id": 1}))
    assert [verdict.reason for verdict in met] == ["lock 'tenant:1': held by work@first", "handler returned"]


def test_a_lock_of_several_places_is_full_when_all_are_taken(fleet: Fleet) -> None:
    outcomes: list[Any] = []

    def handle(run: Run) -> None:
        if len(outcomes) < 4:
            outcomes.append(None)
            outcomes.append(fleet.deliver(runner, enqueued(f"r{len(outcomes)}")).outcome)

    runner = fleet.runner(handle, ledger=True, lock=Lock(limit=2))
    fleet.deliver(runner, enqueued("r0"))
    assert outcomes == [None, None, Outcome.SKIPPED, Outcome.SUCCEEDED]


def test_one_run_waits_for_a_lock_and_others_are_skipped(fleet: Fleet) -> None:
    met: list[Verdict] = []

    def others(run: Run) -> None:
        met.extend(fleet.deliver(runner, enqueued(name)) for name in ("second", "third", "second"))

    runner = fleet.runner(meanwhile(fleet, others), ledger=True, lock=Lock(overlap="wait"))
    fleet.deliver(runner, enqueued("first"))
    waits, refused, waits_on = met
    for verdict in (waits, waits_on):
        assert (verdict.outcome, verdict.reason) == (None, "lock 'work': waits for work@first")
        assert 2 * SECOND <= delay(verdict) <= 3 * SECOND
    assert refused == skipped("lock 'work': already waiting: work@second")
    assert isinstance(waits.settle, SendAgain)
    assert Envelope.decode(waits.settle.body) == enqueued("second"), "as it came: no attempt was made"
    assert fleet.deliver(runner, enqueued("fourth")).reason == "lock 'work': already waiting: work@second"
    assert fleet.deliver(runner, waits.settle.body).outcome is Outcome.SUCCEEDED
    assert [run.id for run in fleet.runs] == ["first", "second"]


def test_the_wait_for_a_lock_ends_with_the_start_deadline_and_makes_way(fleet: Fleet) -> None:
    met: list[Verdict] = []

    def others(run: Run) -> None:
        met.append(fleet.deliver(runner, enqueued("second")))
        fleet.clock.advance(31)
        run.stop.claim.renew()  # type: ignore[union-attr] # it has one
        met.append(fleet.deliver(runner, enqueued("second")))
        met.append(fleet.deliver(runner, enqueued("third", 31 * SECOND)))

    lock = Lock(overlap="wait")
    runner = fleet.runner(meanwhile(fleet, others), ledger=True, lock=lock, start_deadline=30 * SECOND)
    fleet.deliver(runner, enqueued("first"))
    assert [verdict.reason for verdict in met] == [
        "lock 'work': waits for work@first",
        "start deadline: 0:00:31 late, at most 0:00:30 are allowed",
        "lock 'work': waits for work@first",
    ]


def test_a_run_that_waits_longer_asks_less_often(fleet: Fleet) -> None:
    delays: list[timedelta] = []

    def others(run: Run) -> None:
        for _ in range(4):
            delays.append(delay(fleet.deliver(runner, enqueued("second"))))
            fleet.clock.advance(40)
            run.stop.claim.renew()  # type: ignore[union-attr] # it has one

    runner = fleet.runner(meanwhile(fleet, others), ledger=True, lock=Lock(overlap="wait"))
    fleet.deliver(runner, enqueued("first"))
    for found, least in zip(delays, (2, 10, 20, 30), strict=True):
        assert least * SECOND <= found <= (least + 1) * SECOND


def test_the_running_one_is_told_that_a_newer_run_cancels_it(fleet: Fleet) -> None:
    met: list[Verdict] = []

    def cancelled(run: Run) -> None:
        claim = run.stop.claim
        assert claim is not None
        met.append(fleet.deliver(runner, enqueued("second", SECOND)))
        assert claim.asked_to_stop is None
        fleet.clock.advance(20)
        claim.renew()
        assert claim.asked_to_stop == "work@second takes over"
        raise RuntimeError("as told")

    runner = fleet.runner(meanwhile(fleet, cancelled), ledger=True, lock=Lock(overlap="cancel_running"))
    assert fleet.deliver(runner, enqueued("first")) == Verdict(
        Outcome.CANCELLED, "work@second takes over", Acknowledge()
    )
    assert met[0].reason == "lock 'work': waits for work@first"
    assert isinstance(met[0].settle, SendAgain)
    assert fleet.deliver(runner, met[0].settle.body).outcome is Outcome.SUCCEEDED
    assert [run.id for run in fleet.runs] == ["first", "second"]
    assert fleet.runs[1].token > fleet.runs[0].token  # type: ignore[operator] # on record
    assert [(record.run, record.outcome) for record in fleet.records] == [
        ("second", Outcome.SUCCEEDED),
        ("first", Outcome.CANCELLED),
    ]


def test_of_several_that_cancel_the_newest_waits(fleet: Fleet) -> None:
    said: list[str] = []

    def others(run: Run) -> None:
        for name, at in (("second", 1), ("fourth", 3), ("third", 2), ("second", 1)):
            said.append(fleet.deliver(runner, enqueued(name, at * SECOND)).reason)

    runner = fleet.runner(meanwhile(fleet, others), ledger=True, lock=Lock(overlap="cancel_running"))
    fleet.deliver(runner, enqueued("first"))
    waits, superseded = "lock 'work': waits for work@first", "lock 'work': already waiting: work@fourth"
    assert said == [waits, waits, superseded, superseded]


def test_a_failure_that_nobody_asked_for_is_no_cancellation(fleet: Fleet) -> None:
    def fail(run: Run) -> None:
        raise ValueError("no")

    runner = fleet.runner(fail, ledger=True, lock=Lock(overlap="cancel_running"))
    verdict = fleet.deliver(runner, enqueued("first"))
    assert (verdict.outcome, verdict.reason) == (Outcome.FAILED, "ValueError: no")
    assert fleet.record.state is State.WAITING


def test_the_lock_of_a_server_that_died_is_free_when_its_lease_has_ended(fleet: Fleet) -> None:
    met: list[Verdict] = []

    def die(run: Run) -> None:
        fleet.clock.advance(LEASE + MARGIN - SECOND)
        met.append(fleet.deliver(runner, enqueued("second")))
        fleet.clock.advance(SECOND)
        met.append(fleet.deliver(runner, enqueued("third")))

    runner = fleet.runner(meanwhile(fleet, die), ledger=True, lock=Lock())
    late_one = fleet.deliver(runner, enqueued("first"))
    assert [verdict.outcome for verdict in met] == [Outcome.SKIPPED, Outcome.SUCCEEDED]
    assert fleet.runs[1].token > fleet.runs[0].token  # type: ignore[operator] # on record
    assert late_one.outcome is Outcome.SUCCEEDED, "nobody took the run itself over; late writes are the token's affair"


def test_a_place_can_be_held_longer_than_the_run(fleet: Fleet) -> None:
    runner = fleet.runner(ledger=True, lock=Lock(hold_at_least=MINUTE))
    assert fleet.deliver(runner, enqueued("first")).outcome is Outcome.SUCCEEDED
    fleet.clock.advance(59)
    assert fleet.deliver(runner, enqueued("second")).outcome is Outcome.SKIPPED
    fleet.clock.advance(1)
    assert fleet.deliver(runner, enqueued("third")).outcome is Outcome.SUCCEEDED


def test_between_its_attempts_a_run_holds_no_lock(fleet: Fleet) -> None:
    errors = iter([ValueError(), None, None])

    def handle(run: Run) -> None:
        fleet.runs.append(run)
        if error := next(errors):
            raise error

    retry = Retry(backoff=10 * SECOND, jitter=0)
    runner = fleet.runner(handle, ledger=True, lock=Lock(), retry=retry)
    verdict = fleet.deliver(runner, enqueued("first"))
    assert fleet.deliver(runner, enqueued("second")).outcome is Outcome.SUCCEEDED
    fleet.clock.advance(10)
    assert isinstance(verdict.settle, SendAgain)
    assert fleet.deliver(runner, verdict.settle.body).outcome is Outcome.SUCCEEDED
    tokens = [run.token for run in fleet.runs]
    assert tokens == sorted(set(tokens)), "they grow over all the runs that hold the lock"  # type: ignore[type-var]


# Unique keys


def test_of_the_runs_of_a_key_enqueued_within_its_window_one_runs(fleet: Fleet) -> None:
    unique = Unique(key="tenant:{tenant_id}", window=HOUR)
    runner = fleet.runner(ledger=True, payload=Tenant, unique=unique)
    given = [("a", 0, 1), ("b", 59, 1), ("c", 59, 2), ("d", 60, 1), ("e", 61, 1)]
    said = {
        name: fleet.deliver(runner, enqueued(name, at * MINUTE, payload={"tenant_id": tenant})).reason
        for name, at, tenant in given
    }
    assert said == {
        "a": "handler returned",
        "b": "unique: run work@a has key 'tenant:1'",
        "c": "handler returned",
        "d": "handler returned",
        "e": "unique: run work@d has key 'tenant:1'",
    }
    assert {record.run: record.reason for record in fleet.records} == said


def test_the_run_that_has_a_key_keeps_it_through_its_attempts(fleet: Fleet) -> None:
    errors = iter([ValueError(), None])

    def handle() -> None:
        if error := next(errors):
            raise error

    unique = Unique(key="all", window=HOUR)
    runner = fleet.runner(handle, ledger=True, unique=unique, retry=Retry(backoff=timedelta()))
    verdict = fleet.deliver(runner, enqueued("first"))
    assert fleet.deliver(runner, enqueued("second")).outcome is Outcome.SKIPPED
    assert isinstance(verdict.settle, SendAgain)
    assert fleet.deliver(runner, verdict.settle.body).outcome is Outcome.SUCCEEDED
    assert fleet.deliver(runner, enqueued("first")).reason == "it is on record as succeeded"


def test_a_job_that_is_switched_off_has_no_later_occurrence_that_would_do() -> None:
    job = Job[None](
        name="work",
        handler="shop:work",
        target=Queue(name="billing"),
        schedule=Every(HOUR),
        catch_up="latest",
        enabled=False,
    )
    assert late(job, due(), NOW + 3 * HOUR) is None


# Places


WEB = Endpoint(name="web", lease=20 * SECOND, max_deliveries=3)
WEB_US = Endpoint(name="web-us", lease=MINUTE)


@pytest.mark.parametrize(
    ("endpoint", "place"),
    [
        ("web", Place("web", 20 * SECOND, 3)),
        ("web/10.0.1.5:8080", Place("web/10.0.1.5:8080", 20 * SECOND, 3)),
        ("web-us", Place("web-us", MINUTE, 20)),
        ("web-us/i-0a1b2c3d:8080", Place("web-us/i-0a1b2c3d:8080", MINUTE, 20)),
    ],
)
def test_the_place_of_what_is_posted_is_its_endpoint_or_the_one_server(endpoint: str, place: Place) -> None:
    job = Job[None](name="work", handler="shop:work", target=[WEB, EveryServer(WEB_US)])
    assert place_of(job, due(endpoint=endpoint)) == place


@pytest.mark.parametrize("endpoint", [None, "web", "elsewhere"])
def test_the_place_of_what_workers_receive_is_the_queue_of_its_job(endpoint: str | None) -> None:
    queue = Queue(name="billing", visibility_timeout=MINUTE, max_deliveries=7)
    job = Job[None](name="work", handler="shop:work", target=queue)
    assert place_of(job, due(endpoint=endpoint)) == Place("billing", 50 * SECOND, 7)


def test_an_occurrence_has_a_run_on_record_at_each_of_its_endpoints(fleet: Fleet) -> None:
    runner = fleet.runner(ledger=True, target=[WEB, EveryServer(WEB_US)])
    places = ["web", "web-us/10.0.0.1:80", "web-us/10.0.0.2:80"]
    for _ in range(2):
        for place in places:
            fleet.deliver(runner, due(endpoint=place))
    assert sorted(record.target for record in fleet.records) == places
    assert len(fleet.runs) == 3, "what is posted again is told what became of it"
    assert {record.outcome for record in fleet.records} == {Outcome.SUCCEEDED}


def test_what_is_enqueued_for_an_endpoint_is_on_record_whatever_its_job(fleet: Fleet) -> None:
    runner = fleet.runner(ledger=True, target=WEB)
    assert fleet.deliver(runner, enqueued("a", endpoint="web")).outcome is Outcome.SUCCEEDED
    assert fleet.deliver(runner, enqueued("a", endpoint="web")).reason == "it is on record as succeeded"
    assert (fleet.record.run, fleet.record.target) == ("a", "web")


def test_a_lock_and_a_unique_key_keep_no_target_from_another(fleet: Fleet) -> None:
    """Each of several targets has a run of its own, and none is the other's duplicate."""
    handle = meanwhile(fleet, lambda _: held.append(fleet.deliver(runner, due(endpoint="web-us/10.0.0.1:80"))))
    held: list[Verdict] = []
    runner = fleet.runner(handle, ledger=True, target=[WEB, EveryServer(WEB_US)], lock=Lock())
    assert fleet.deliver(runner, due(endpoint="web")).outcome is Outcome.SUCCEEDED
    assert [verdict.outcome for verdict in held] == [Outcome.SUCCEEDED]
    runner = fleet.runner(ledger=True, target=[WEB, WEB_US], unique=Unique(key="one", window=HOUR))
    assert fleet.deliver(runner, enqueued("a/web", endpoint="web")).outcome is Outcome.SUCCEEDED
    assert fleet.deliver(runner, enqueued("a/web-us", endpoint="web-us")).outcome is Outcome.SUCCEEDED
    assert fleet.deliver(runner, enqueued("b/web", endpoint="web")).outcome is Outcome.SKIPPED


def test_a_lock_with_a_key_is_one_for_all_targets(fleet: Fleet) -> None:
    held: list[Verdict] = []
    handle = meanwhile(fleet, lambda _: held.append(fleet.deliver(runner, due(endpoint="web-us"))))
    runner = fleet.runner(handle, ledger=True, target=[WEB, WEB_US], lock=Lock(key="stock"))
    assert fleet.deliver(runner, due(endpoint="web")).outcome is Outcome.SUCCEEDED
    assert [verdict.outcome for verdict in held] == [Outcome.SKIPPED]
