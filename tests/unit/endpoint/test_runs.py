"""What becomes of a run that is posted: its outcome, its repetition, its end with the server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import rota
from rota import Cron, GiveUp, LedgerError, Retry, Run
from rota.endpoint import pool as pools
from rota.endpoint.core import Core, Pending
from rota.ledger import State

if TYPE_CHECKING:
    from tests.unit.endpoint.conftest import Site

NewThreads = Callable[[str], set[str]]


@pytest.fixture
def core(site: Site) -> Core:
    site.declare()
    return site.core()


def test_the_exact_instant_of_a_rule_is_found_here(site: Site) -> None:
    site.declare(schedule=Cron("*/5 * * * *"))
    posted = site.run_of(
        "work@2026-01-01T00:01:00Z", scheduled_at="2026-01-01T00:01:00Z", fired_at="2026-01-01T00:01:07Z"
    )
    answer = site.post(site.core(), posted)
    assert (answer.said["run"], answer.said["scheduled_at"]) == ("work@2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")


def test_the_same_again_gets_the_recorded_outcome(site: Site, core: Core) -> None:
    site.post(core)
    again = site.post(core)
    assert (again.status, again.said["outcome"], again.said["reason"]) == (200, "succeeded", "handler returned")
    assert len(site.runs) == 1


def test_a_failure_says_when_the_next_attempt_is_due(site: Site) -> None:
    failures = [ValueError("no")]

    def handle(run: Run) -> None:
        site.runs.append(run)
        if failures:
            raise failures.pop()

    site.declare(handle=handle, retry=Retry(attempts=3, backoff=timedelta(seconds=60), jitter=False))
    core = site.core()
    failed = site.post(core)
    assert failed.status == 500
    assert (failed.said["outcome"], failed.said["error"]) == ("failed", "ValueError: no")
    assert (failed.said["attempt"], failed.said["again_in"]) == (2, 60.0)
    assert "final" not in failed.said
    early = site.post(core)
    assert early.status == 503
    assert 60 <= early.retry_after <= 61
    assert "outcome" not in early.said
    site.clock.advance(60)
    done = site.post(core, site.run_of(attempt=2))
    assert (done.status, done.said["attempt"]) == (200, 2)
    assert [run.attempt for run in site.runs] == [1, 2]


def test_a_final_failure_says_so_and_stays_final(site: Site) -> None:
    def handle() -> None:
        raise GiveUp("hopeless")

    site.declare(handle=handle, retry=Retry(attempts=3))
    core = site.core()
    failed = site.post(core)
    assert failed.status == 500
    assert failed.said["final"] is True
    assert (failed.said["reason"], failed.said["error"]) == ("given up: GiveUp: hopeless", "GiveUp: hopeless")
    assert failed.said["traceback"]
    again = site.post(core)
    assert (again.status, again.said["final"], again.said["reason"]) == (500, True, "given up: GiveUp: hopeless")
    redriven = site.post(core, site.run_of(redrives=1))
    assert (redriven.status, redriven.said["final"]) == (500, True)


def test_a_run_that_another_server_has_is_left_to_it(site: Site) -> None:
    gate = site.gate()
    site.declare(handle=gate)
    here, there = site.core(), site.core()
    request = site.request()
    first = there.take(request.headers, request.body)
    gate.wait_until_in()
    answer = site.post(here)
    assert answer.status == 202
    assert 35 <= answer.retry_after <= 37, "its lease and the margin"
    assert answer.said["reason"].startswith("runs on ")
    gate.may_go.set()
    assert isinstance(first, Pending)
    assert first.answer.result(10).status == 200
    assert site.post(here).status == 200
    assert len(gate.runs) == 1


def test_the_same_run_takes_no_second_thread(site: Site, new_threads: NewThreads) -> None:
    gate = site.gate()
    site.declare(handle=gate)
    core, request = site.core(concurrency=2), site.request()
    first = core.take(request.headers, request.body)
    gate.wait_until_in()
    again = site.post(core)
    assert (again.status, again.retry_after) == (202, 35)
    assert new_threads("rota-post-0")
    assert not new_threads("rota-post-1")
    gate.may_go.set()
    assert isinstance(first, Pending)
    assert first.answer.result(10).status == 200
    assert len(gate.runs) == 1


@pytest.mark.parametrize("timeout", [None, timedelta(seconds=56)])
def test_what_may_take_longer_than_the_balancer_waits_is_answered_when_it_begins(
    site: Site, timeout: timedelta | None
) -> None:
    gate = site.gate()
    site.declare(handle=gate, timeout=timeout)
    core = site.core()
    answer = site.post(core)
    assert (answer.status, answer.retry_after) == (202, 35)
    assert answer.headers["rota-version"] == rota.__version__
    gate.may_go.set()
    assert core.stop()
    core.start()
    finished = site.post(core)
    assert (finished.status, finished.said["outcome"]) == (200, "succeeded"), "else it would be asked for ever"
    assert len(gate.runs) == 1


def test_what_fits_is_waited_for_and_no_longer(site: Site) -> None:
    gate = site.gate()
    site.declare(handle=gate, timeout=timedelta(seconds=55))
    core, request = site.core(), site.request()
    pending = core.take(request.headers, request.body)
    assert isinstance(pending, Pending)
    assert pending.seconds == 55, "5 seconds before the balancer gives up"
    assert pending.late.status == 202
    gate.may_go.set()
    assert pending.answer.result(10).status == 200


def test_a_full_pool_is_another_servers_chance(site: Site) -> None:
    gate = site.gate()
    site.declare(handle=gate)
    core = site.core(concurrency=2)
    requests = [site.request(site.run_of(f"r{number}")) for number in range(3)]
    taken = [core.take(request.headers, request.body) for request in requests[:2]]
    gate.wait_until_in()
    gate.wait_until_in()
    full = site.ask(core, requests[2])
    assert (full.status, full.retry_after) == (503, 1)
    assert full.said == {"title": "Service Unavailable", "status": 503}
    gate.may_go.set()
    for one in taken:
        assert isinstance(one, Pending)
        assert one.answer.result(10).status == 200
    assert len(gate.runs) == 2


def test_a_stop_takes_nothing_new_and_lets_what_runs_finish(site: Site) -> None:
    gate = site.gate()
    site.declare(handle=gate)
    core, request = site.core(), site.request()
    first = core.take(request.headers, request.body)
    gate.wait_until_in()
    stopping = threading.Thread(target=core.stop)
    stopping.start()
    while not core.trouble():
        pass
    refused = site.post(core, site.run_of("r2"))
    assert (refused.status, refused.retry_after) == (503, 1)
    gate.may_go.set()
    stopping.join(10)
    assert isinstance(first, Pending)
    assert first.answer.result(10).status == 200
    assert len(gate.runs) == 1


def test_after_a_stop_that_a_run_did_not_heed_others_are_taken_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, new_threads: NewThreads
) -> None:
    monkeypatch.setattr(pools, "LAST_WORDS", 0.05)
    gate = site.gate()
    site.declare(handle=gate, timeout=None)
    site.declare("quick")
    core = site.core()
    assert site.post(core).status == 202
    gate.wait_until_in()
    assert not core.stop(timedelta())
    core.start()
    assert site.post(core, site.run_of("r2", "quick")).status == 200
    assert core.trouble() == []
    assert site.post(core).status == 202, "it still runs"
    site.clock.advance(25)
    assert "told to stop 25 s ago" in core.trouble()[0], "what does not heed is still seen"
    assert not core.stop(timedelta())
    gate.may_go.set()
    while not core.stop():
        pass
    assert not new_threads("rota-post")
    assert len(gate.runs) == 1


def test_a_silent_ledger_starts_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.declare()
    core = site.core()

    def silent(_: object) -> None:
        raise LedgerError("no answer")

    monkeypatch.setattr(site.store, "write", silent)
    answer = site.post(core)
    assert answer.status == 503
    assert answer.retry_after >= 15
    assert site.runs == []


def test_an_outcome_that_is_not_on_record_is_asked_for_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def handle() -> None:
        def silent(_: object) -> None:
            site.clock.advance(30)
            raise LedgerError("no answer")

        monkeypatch.setattr(site.store, "write", silent)

    site.declare(handle=handle)
    answer = site.post(site.core())
    assert (answer.status, answer.retry_after) == (202, 35)


def test_an_error_of_rotas_own_is_no_attempt(site: Site, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("odd")

    with monkeypatch.context() as patched:
        patched.setattr("rota.endpoint.core.verifier.check", fails)
        assert site.post(core).status == 503
    assert site.post(core).status == 200
    opened = core._opened
    assert opened is not None
    monkeypatch.setattr(opened.runner, "run", fails)
    assert site.post(core, site.run_of("r2")).status == 202, "what became of it, the ledger knows"


def test_leases_are_renewed_while_a_run_goes_on(site: Site) -> None:
    gate = site.gate()
    site.declare(handle=gate)
    core, request = site.core(), site.request()
    pending = core.take(request.headers, request.body)
    gate.wait_until_in()
    assert core._opened is not None
    for _ in range(10):
        site.clock.advance(10)
        core._opened.pool.renewer.look()
    (record,) = site.ledger.list("work")[0]
    assert record.state is State.RUNNING
    assert record.lease_until is not None
    assert record.lease_until > site.clock.now()
    assert gate.runs[0].stop_reason is None or "deadline" in gate.runs[0].stop_reason
    gate.may_go.set()
    assert isinstance(pending, Pending)
    assert pending.answer.result(10).status == 200


def test_health_is_red_while_a_run_is_stuck(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    gate = site.gate()
    site.declare(handle=gate)
    core, request = site.core(grace=timedelta(seconds=20)), site.request()
    health = request.but(method="GET", path="/jobs/health", body=b"")
    assert site.ask(core, health).said == {"status": "ok"}
    pending = core.take(request.headers, request.body)
    gate.wait_until_in()
    assert core._opened is not None
    pool = core._opened.pool

    def live_for(seconds: int) -> None:
        for _ in range(seconds):
            site.clock.advance(1)
            pool.renewer.look()
            pool._watch()

    live_for(30)
    assert gate.runs[0].stop_reason == "its deadline has passed"
    live_for(20)
    assert site.ask(core, health).status == 200, "it may heed that"
    live_for(1)
    for _ in range(3):
        answer = site.ask(core, health)
        assert (answer.status, answer.said) == (503, {"status": "unhealthy"})
    assert "rota-version" not in answer.headers
    (told,) = [record.message for record in caplog.records if "not well" in record.message]
    assert "job work, run r1 was told to stop" in told
    gate.may_go.set()
    assert isinstance(pending, Pending)
    assert pending.answer.result(10).status == 200
    assert site.ask(core, health.but(method="POST")).headers["allow"] == "GET, HEAD"
