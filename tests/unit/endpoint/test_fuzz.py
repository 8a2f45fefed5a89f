"""Whatever is posted: only what was signed, just now, for this server, reaches a handler, and once. Through both
callables, in threads, with a memory of runs that is full."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from rota import Endpoint, Queue, Run
from rota.endpoint.core import LIMIT
from rota.endpoint.replay import REMEMBERS, BoundedStore
from rota.ledger import Ledger

if TYPE_CHECKING:
    from tests.unit.endpoint.conftest import Answer, Request, Site

OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
MOST = 6
"""Runs that the server remembers: fewer than are posted."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["rota", "job", "run", "endpoint", "scheduled_at", "fired_at", "enqueued_at", "attempt", "payload", "digest"]
FIELDS += ["handed_back_at", "error", "not_before", "redrives", "redriven_by", "post", "jobs"]
INSTANTS = st.sampled_from(["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "2026-01-01T00:00:00Z", "now"])
VALUES = JSON | INSTANTS | st.sampled_from(["r0", "work", "web", "web/", "web/b", "", 1, 10**6, 10**30, "\ud800"])
RUNS = st.integers(0, 5).map("r{}".format)


@dataclass(frozen=True)
class Case:
    """A request, and what may come of it."""

    kind: str
    request: Request
    run: str | None = None
    """The run that it may start; None where it may start none."""
    statuses: frozenset[int] = frozenset({401})
    final: bool = False
    """Whether it may be answered with a failure for good: somebody who has a key asked for something impossible."""


def refused(kind: str, request: Request, *statuses: int) -> Case:
    return Case(kind, request, None, frozenset(statuses or {401}))


@st.composite
def cases(draw: DrawFn, site: Site) -> Case:
    """One request of any kind."""
    run, job = draw(RUNS), draw(st.sampled_from(["work", "slow"]))
    right = site.request(site.run_of(f"{job}-{run}", job), message=f"msg_{job}_{run}")
    kind = draw(st.sampled_from([*KINDS, "right", "right", "right"]))
    if kind == "right":
        chunked = draw(st.booleans())
        return Case(kind, right.but(length=None) if chunked else right, f"{job}-{run}", frozenset({200, 202, 503}))
    return KINDS[kind](draw, site, right)


def unsigned(draw: DrawFn, site: Site, right: Request) -> Case:
    missing = draw(st.sampled_from(sorted(right.headers)))
    return refused("unsigned", right.but(headers={n: v for n, v in right.headers.items() if n != missing}))


def altered_body(draw: DrawFn, site: Site, right: Request) -> Case:
    at, by = draw(st.integers(0, len(right.body) - 1)), draw(st.integers(1, 255))
    body = bytearray(right.body)
    body[at] ^= by
    return refused("altered body", right.but(body=bytes(body)))


def cut_body(draw: DrawFn, site: Site, right: Request) -> Case:
    kept = draw(st.integers(0, len(right.body) - 1))
    return refused("cut body", right.but(body=right.body[:kept], length=str(len(right.body))))


def altered_header(draw: DrawFn, site: Site, right: Request) -> Case:
    name = draw(st.sampled_from(sorted(right.headers)))
    latin = st.characters(max_codepoint=255, exclude_categories=["Cc"])
    value = draw(st.text(latin, max_size=80).filter(lambda value: value != right.headers[name]))
    return refused("altered header", right.with_header(name, value))


def stale(draw: DrawFn, site: Site, right: Request) -> Case:
    late = draw(st.sampled_from([-1, 1])) * draw(st.integers(302, 10**9))
    return refused("stale", site.request(right.body, late=late))


def of_another_key(draw: DrawFn, site: Site, right: Request) -> Case:
    return refused("of another key", site.request(right.body, secret=OTHER_SECRET))


def many_signatures(draw: DrawFn, site: Site, right: Request) -> Case:
    count = draw(st.integers(1, 500))
    return refused("many signatures", right.with_header("webhook-signature", " ".join(["v1,AAAA"] * count)))


def misaddressed(draw: DrawFn, site: Site, right: Request) -> Case:
    said = json.loads(right.body) | {"endpoint": draw(st.sampled_from([None, "", "other", "web/", "web/b", "web2"]))}
    return refused("misaddressed", site.request(said), 421)


def unknown_job(draw: DrawFn, site: Site, right: Request) -> Case:
    said = json.loads(right.body) | {"job": draw(st.sampled_from(["elsewhere", "of-a-queue", "Work", "work "]))}
    return refused("unknown job", site.request(said), 404)


def garbage(draw: DrawFn, site: Site, right: Request) -> Case:
    body = draw(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
    return refused("garbage", site.request(body), 400)


def nested(draw: DrawFn, site: Site, right: Request) -> Case:
    depth = draw(st.sampled_from([100, 2_000, 100_000]))
    body = right.body[:-1] + b',"payload":' + b"[" * depth + b"]" * depth + b"}"
    run = json.loads(right.body)["run"]
    return Case("nested", site.request(body), run, frozenset({200, 202, 400, 503}))


def huge(draw: DrawFn, site: Site, right: Request) -> Case:
    request = site.request(right.body.ljust(LIMIT + draw(st.integers(1, 9))))
    return refused("huge", request.but(length=draw(st.sampled_from(["", None]))), 413)


def odd_length(draw: DrawFn, site: Site, right: Request) -> Case:
    length = draw(st.sampled_from(["-1", "x", "1.0", "\u00b2", "0x10", "9" * 30, str(LIMIT + 1)]))
    return refused("odd length", right.but(length=length), 400, 413)


def odd_method(draw: DrawFn, site: Site, right: Request) -> Case:
    method = draw(st.sampled_from(["GET", "PUT", "post", "", "BREW"]) | st.text(max_size=5).filter("POST".__ne__))
    return refused("odd method", right.but(method=method), 405)


def odd_field(draw: DrawFn, site: Site, right: Request) -> Case:
    """Signed, and odd: a run is started where job and endpoint are right all the same."""
    said = json.loads(right.body)
    said |= draw(st.dictionaries(st.sampled_from(FIELDS), VALUES, min_size=1, max_size=3))
    is_here = said["job"] in ("work", "slow") and said["endpoint"] in ("web", "web/a")
    # Its id may follow from its occurrence: how often that one runs, `Handlers` counts.
    run = "any" if is_here else None
    statuses = {200, 202, 400, 500, 503} if is_here else {400, 404, 421}
    return Case("odd field", site.request(said), run, frozenset(statuses), final=True)


KINDS: dict[str, Callable[[DrawFn, Any, Any], Case]] = {
    made.__name__: made
    for made in (
        unsigned,
        altered_body,
        cut_body,
        altered_header,
        stale,
        of_another_key,
        many_signatures,
        misaddressed,
        unknown_job,
        garbage,
        nested,
        huge,
        odd_length,
        odd_method,
        odd_field,
    )
}


class Server:
    """One with a memory of `MOST` runs, driven as a server drives it."""

    def __init__(self, site: Site, kind: str) -> None:
        self.site, self.kind = site, kind
        self.store = BoundedStore(site.clock, most=MOST)
        ledger = Ledger(self.store, clock=site.clock)
        make = site.wsgi if kind == "wsgi" else site.asgi
        self.middleware: Any = make(ledger=ledger, endpoint="web", concurrency=3)

    def ask(self, requests: Sequence[Request], pieces: int | None = None) -> list[Answer]:
        """All at once."""
        if self.kind == "wsgi":
            with ThreadPoolExecutor(4) as pool:
                found = [pool.submit(self.site.call_wsgi, self.middleware, one, pieces=pieces) for one in requests]
                return [each.result() for each in found]

        async def every() -> list[Answer]:
            here = self.site.call_asgi_here
            return await asyncio.gather(*(here(self.middleware, one, pieces=pieces) for one in requests))

        return asyncio.run(every())

    def ask_until_taken(self, request: Request) -> Answer:
        """One after the other, so that none finds the pool full, nor its own run under way."""
        pool = self.middleware.core
        while pool._opened is not None and pool._opened.pool.held:
            pass
        return self.ask([request])[0]


@pytest.fixture
def fuzzed(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    def note(run: Run) -> None:
        site.runs.append(run)

    site.declare("work", note)
    site.declare("slow", note, timeout=None)
    site.declare("elsewhere", note, target=Endpoint(name="other"))
    site.declare("of-a-queue", note, target=Queue(name="billing"))
    monkeypatch.setenv("ROTA_SERVER", "a")
    return site


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_only_what_is_signed_for_this_server_just_now_runs_and_once(
    fuzzed: Site, kind: str, data: st.DataObject
) -> None:
    fuzzed.runs.clear()
    server = Server(fuzzed, kind)
    asked = data.draw(st.lists(cases(fuzzed), min_size=1, max_size=10)) * 2  # each twice, at once
    longest = max(len(case.request.body) for case in asked)
    pieces = data.draw(st.sampled_from([None, 100_000] if longest > 10_000 else [None, 1]))
    try:
        check(asked, server.ask([case.request for case in asked], pieces), fuzzed)
        # Full: each request again, beside new ones, finds no room to be forgotten in.
        for number in range(MOST + 1):
            last = server.ask_until_taken(fuzzed.request(fuzzed.run_of(f"fill-{number}")))
        assert len(server.store) == MOST, "the bound is reached"
        assert last.status == 503, "and what is new refused"
        finished = {document.body["run"] for document in server.store._documents.values() if "outcome" in document.body}
        before = len(fuzzed.runs)
        again = server.ask([case.request for case in asked], pieces)
        check(asked, again, fuzzed)
        for case, answer in zip(asked, again, strict=True):
            if case.kind == "right" and case.run in finished:
                event("a repetition while the memory is full")
                assert answer.status != 200 or answer.said["outcome"] == "succeeded"
        assert len(server.store) == MOST
        assert len(fuzzed.runs) == before, "nothing starts that could have run"
        # What has ended long ago makes room, and no more than there is.
        fuzzed.clock.advance(REMEMBERS + timedelta(minutes=16))
        assert server.ask_until_taken(fuzzed.request(fuzzed.run_of("new"))).status == 200
        assert len(server.store) <= MOST
    finally:
        server.middleware.core.stop(timedelta())


def check(asked: Sequence[Case], answers: Sequence[Answer], site: Site) -> None:
    may_run = {case.run for case in asked} - {None}
    for case, answer in zip(asked, answers, strict=True):
        event(f"{case.kind}: {answer.status}")
        assert answer.status in case.statuses, (case.kind, case.request, answer)
        assert answer.status != 500 or (case.final and answer.said["final"] is True), answer
        assert (answer.status in (202, 503)) == ("retry-after" in answer.headers), answer
        if "problem" in answer.headers["content-type"]:
            assert set(answer.said) == {"title", "status"}
        if answer.status in (401, 405, 413):
            assert "rota-version" not in answer.headers
    ran = Counter(
        (run.job, run.scheduled_at or run.id, run.endpoint if run.scheduled_at else None) for run in site.runs
    )
    assert all(count == 1 for count in ran.values()), ran
    assert {run.job for run in site.runs} <= {"work", "slow"}
    assert {run.endpoint for run in site.runs} <= {"web", "web/a"}
    if "any" not in may_run:
        fills = {run.id for run in site.runs if run.id.startswith("fill-")}
        assert {run.id for run in site.runs} - fills <= may_run
