"""What a server makes of a request: the refusals in their order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import rota
from rota import Endpoint, EveryServer, Job, ManifestError, Queue, SettingsError
from rota.endpoint.core import LIMIT, Core
from rota.key_rotation import encode, new_key, rotated
from rota.keys import Key, KeyRing
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
    assert read == []
    assert site.post(core).status == 401
    assert len(read) == 1


@pytest.mark.parametrize(
    ("header", "value"),
    [("webhook-id", ""), ("webhook-timestamp", "soon"), ("webhook-signature", ""), ("webhook-signature", "v2,AAAA")],
)
def test_what_is_no_signed_request_has_nothing_read(site: Site, header: str, value: str) -> None:
    site.declare()
    core = site.core(keys=KeyRing(lambda: pytest.fail("it is read"), site.clock.monotonic))
    assert site.ask(core, site.request().with_header(header, value)).status == 401
    assert core.trouble() == [], "nor is anything opened"


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
