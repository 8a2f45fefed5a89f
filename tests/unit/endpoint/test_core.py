"""What a server makes of a request: the refusals in their order, and what becomes of a run."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import rota
from rota import Cron, Endpoint, EveryServer, GiveUp, Job, LedgerError, ManifestError, Queue, Retry, Run, SettingsError
from rota.endpoint.core import LIMIT, Core, Pending
from rota.keys import Key, KeyRing, encode, new_key, rotated
from rota.ledger import State
from rota.signature import TOLERANCE

if TYPE_CHECKING:
    from tests.unit.endpoint.conftest import Site

OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
REFUSALS = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 421: "Misdirected Request"}


@pytest.fixture
def core(site: Site) -> Core:
    site.declare()
    return site.core()


def test_a_signed_run_is_run_and_its_outcome_told(site: Site, core: Core) -> None:
    answer = site.post(core, site.run_of("work@2026-01-01T00:00:00Z", scheduled_at="2026-01-01T00:00:00Z"))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.said == {
        "rota": 1,
        "job": "work",
        "run": "work@2026-01-01T00:00:00Z",
        "scheduled_at": "2026-01-01T00:00:00Z",
        "outcome": "succeeded",
        "reason": "handler returned",
        "attempt": 1,
    }
    (run,) = site.runs
    assert (run.queue, run.endpoint) == ("trigger", "web")
    assert run.token is not None


@pytest.mark.parametrize("path", ["/", "/jobs/", "/job", "/jobs/other", "/JOBS", ""])
def test_other_paths_are_the_applications(site: Site, core: Core, path: str) -> None:
    assert core.head("POST", path, {}) is None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "", "post"])
def test_other_methods_are_refused(site: Site, core: Core, method: str) -> None:
    answer = site.ask(core, site.request().but(method=method))
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("length", [str(LIMIT + 1), "9" * 5000])
def test_a_length_beyond_the_limit_is_refused_before_anything_is_read(site: Site, core: Core, length: str) -> None:
    answer = core.head("POST", "/jobs", {"content-length": length})
    assert answer is not None
    assert not isinstance(answer, int)
    assert answer.status == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "\u0663", "x", "1,1"])
def test_a_length_that_is_none_is_refused(site: Site, core: Core, length: str) -> None:
    assert site.ask(core, site.request().but(length=length)).status == 400


def test_a_body_beyond_the_limit_is_refused_whatever_its_length_says(site: Site, core: Core) -> None:
    huge = site.request(b" " * (LIMIT + 1))
    assert site.ask(core, huge.but(length=None)).status == 413
    assert site.ask(core, huge.but(length="10")).status == 413
    assert site.post(core, json.dumps(site.run_of()).encode().ljust(LIMIT)).status == 200, "what fits is taken"


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_what_is_not_signed_is_refused(site: Site, core: Core, missing: str) -> None:
    request = site.request()
    headers = {name: value for name, value in request.headers.items() if name != missing}
    assert site.ask(core, request.but(headers=headers)).status == 401
    assert site.runs == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "msg_2"),
        ("webhook-id", "msg_\xe9"),
        ("webhook-timestamp", "1767225601"),
        ("webhook-timestamp", "\u0661"),
        ("webhook-signature", "v1,AAAA"),
        ("webhook-signature", "\udc80"),
    ],
)
def test_what_was_altered_is_refused(site: Site, core: Core, name: str, value: str) -> None:
    assert site.ask(core, site.request().with_header(name, value)).status == 401
    assert site.ask(core, site.request().but(body=b"{}")).status == 401
    assert site.runs == []


def test_a_refusal_tells_a_stranger_nothing_and_the_log_why(
    site: Site, core: Core, caplog: pytest.LogCaptureFixture
) -> None:
    answer = site.post(core, secret=OTHER_SECRET)
    assert answer.said == {"title": "Unauthorized", "status": 401}
    assert answer.headers["content-type"] == "application/problem+json"
    assert "rota-version" not in answer.headers
    assert "no signature is of a key that counts here" in caplog.text


@pytest.mark.parametrize("late", [TOLERANCE + 1, -TOLERANCE - 1])
def test_a_stale_request_is_refused_and_no_reason_to_read_the_keys_again(site: Site, late: float) -> None:
    site.declare()
    read: list[str] = []

    def keys() -> str:
        read.append("")
        return encode((new_key(since="now"),))

    core = site.core(keys=KeyRing(keys, site.clock.monotonic))
    for _ in range(3):
        site.clock.advance(70)
        assert site.post(core, late=late).status == 401
    assert len(read) == 1


def test_a_new_key_counts_as_soon_as_a_request_is_signed_with_it(site: Site) -> None:
    site.declare()
    old: tuple[Key, ...] = (new_key(since="then"),)
    new = rotated(old, since="now")
    now, read = [old], [0]

    def keys() -> str:
        read[0] += 1
        return encode(now[0])

    core = site.core(keys=KeyRing(keys, site.clock.monotonic))
    assert site.post(core, site.run_of("a"), secret=old[0].secret).status == 200
    now[0] = new
    site.clock.advance(61)
    assert site.post(core, site.run_of("b"), secret=new[-1].secret).status == 200
    assert site.post(core, site.run_of("c"), secret=old[0].secret).status == 200, "for a while both do"
    assert read == [2]
    for _ in range(5):
        assert site.post(core, secret=OTHER_SECRET).status == 401
    assert read == [2], "strangers cause one reading a minute at the most"
    site.clock.advance(61)
    for _ in range(5):
        assert site.post(core, secret=OTHER_SECRET).status == 401
    assert read == [3]


def test_keys_that_cannot_be_read_are_no_refusal(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.declare()
    read: list[str] = []

    def keys() -> str:
        read.append("")
        if len(read) < 3:
            raise SettingsError("no answer from AWS")
        return encode((new_key(since="now"),))

    core = site.core(keys=KeyRing(keys, site.clock.monotonic))
    for _ in range(3):
        answer = site.post(core)
        assert (answer.status, answer.retry_after) == (503, 5)
        assert answer.said == {"title": "Service Unavailable", "status": 503}
    assert len(read) == 1, "not each request asks AWS anew"
    assert "no answer from AWS" in caplog.text
    assert core.trouble() == ["its settings, keys or ledger cannot be found"]
    site.clock.advance(61)
    assert core.trouble() == [], "or it would get no more requests, and never be well again"
    assert site.post(core).status == 503
    site.clock.advance(5)
    assert site.post(core).status == 401
    assert core.trouble() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b"null", 400),
        ({"rota": 2, "job": "work", "endpoint": "web", "run": "r1"}, 400),
        ({"rota": 1, "job": "work", "endpoint": "web"}, 400),
        ({"rota": 1, "job": "work", "endpoint": "web", "fired_at": "9999-12-31T23:59:59-23:00"}, 400),
        ({"rota": 1, "job": "work", "run": "r1"}, 421),
        ({"rota": 1, "job": "work", "endpoint": "other", "run": "r1"}, 421),
        ({"rota": 1, "job": "work", "endpoint": "web/", "run": "r1"}, 421),
        ({"rota": 1, "job": "work", "endpoint": "web2", "run": "r1"}, 421),
        ({"rota": 1, "job": "other", "endpoint": "web", "run": "r1"}, 404),
        ({"rota": 1, "job": "elsewhere", "endpoint": "web", "run": "r1"}, 404),
        ({"rota": 1, "job": "of-a-queue", "endpoint": "web", "run": "r1"}, 404),
    ],
)
def test_what_is_signed_and_not_for_this_server_is_refused(site: Site, body: Any, status: int) -> None:
    site.declare()
    site.declare("elsewhere", target=Endpoint(name="other"))
    site.declare("of-a-queue", target=Queue(name="billing"))
    answer = site.post(site.core(endpoint="web"), body)
    assert answer.said == {"title": REFUSALS[status], "status": status}
    assert answer.headers["rota-version"] == rota.__version__, "to a signed request alone"
    assert site.runs == []


def test_a_run_for_one_server_is_refused_by_another(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    web = Endpoint(name="web")
    site.declare(target=EveryServer(web))
    core = site.core()
    assert site.post(core, {**site.run_of("a"), "endpoint": "web/10.0.0.1:80"}).status == 200
    monkeypatch.setenv("ROTA_SERVER", "10.0.0.2:80")
    assert site.post(core, {**site.run_of("b"), "endpoint": "web/10.0.0.1:80"}).status == 421
    assert site.post(core, {**site.run_of("b"), "endpoint": "web/10.0.0.2:80"}).status == 200
    assert [run.endpoint for run in site.runs] == ["web/10.0.0.1:80", "web/10.0.0.2:80"]


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


def test_the_same_run_takes_no_second_thread(site: Site) -> None:
    gate = site.gate()
    site.declare(handle=gate)
    core, request = site.core(concurrency=2), site.request()
    first = core.take(request.headers, request.body)
    gate.wait_until_in()
    again = site.post(core)
    assert (again.status, again.retry_after) == (202, 35)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("rota-post-0")]
    assert not [thread.name for thread in threading.enumerate() if thread.name == "rota-post-1"]
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


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"concurrency": 0}, ManifestError, "concurrency must be at least 1; got 0"),
        ({"locks": {"redis": None}}, SettingsError, "RotaMiddleware.ledger=Ledger.store, locks=...."),
        ({"endpoint": "other"}, ManifestError, "no endpoint 'other'; it has web"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    site: Site, given: dict[str, Any], error: type[Exception], says: str
) -> None:
    site.declare()
    with pytest.raises(error, match=says):
        site.core(**given)


def test_of_several_endpoints_one_has_to_be_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.declare()
    other = Endpoint(name="other", path="/other")
    site.declare("elsewhere", target=other)
    with pytest.raises(
        ManifestError, match=r"has endpoints web, other: say which one .* endpoint='web'.* ROTA_ENDPOINT"
    ):
        site.core()
    assert site.core(endpoint=other).endpoint is other
    monkeypatch.setenv("ROTA_ENDPOINT", "other")
    assert site.core().endpoint is other


def test_a_manifest_without_endpoints_has_nothing_to_take(site: Site) -> None:
    job: Job[None] = Job(name="work", handler="a:b", target=Queue(name="billing"))
    with pytest.raises(ManifestError, match="no job with an Endpoint"):
        Core(rota.Manifest(name="shop", jobs=[job]))
