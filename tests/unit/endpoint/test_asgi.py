"""The middleware as ASGI servers call it."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rota import Run
from rota.endpoint.asgi import MOST_ASKING, TAKERS
from rota.endpoint.core import LIMIT
from rota.keys import KeyRing

if TYPE_CHECKING:
    from tests.unit.endpoint.conftest import Site


def test_a_run_is_answered_and_all_else_passed_on(site: Site) -> None:
    site.declare()
    middleware = site.asgi()
    answer = site.call_asgi(middleware, site.request())
    assert (answer.status, answer.said["outcome"]) == (200, "succeeded")
    other = site.call_asgi(middleware, site.request().but(path="/shop"))
    assert (other.body, other.headers) == (b"app", {"x-from": "app"})
    head = site.call_asgi(middleware, site.request().but(method="HEAD", path="/jobs/health"))
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "15")


@pytest.mark.parametrize("pieces", [1, 7, None])
def test_a_body_may_come_in_pieces(site: Site, pieces: int | None) -> None:
    site.declare()
    middleware, request = site.asgi(), site.request()
    assert site.call_asgi(middleware, request, pieces=pieces).status == 200
    assert site.call_asgi(middleware, request.but(length=None), pieces=pieces).status == 200
    assert len(site.runs) == 1


def test_no_more_is_read_than_is_allowed(site: Site) -> None:
    site.declare()
    middleware, read = site.asgi(), []

    async def receive() -> Any:
        read.append(1)
        return {"type": "http.request", "body": b" " * 65536, "more_body": True}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(middleware({"type": "http", "method": "POST", "path": "/jobs", "headers": []}, receive, send))
    assert sent[0]["status"] == 413
    assert len(read) == LIMIT // 65536 + 1


def test_nobody_is_answered_who_is_gone(site: Site) -> None:
    site.declare()
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(site.asgi()({"type": "http", "method": "POST", "path": "/jobs", "headers": []}, receive, send))
    assert sent == []


def test_a_header_given_twice_is_no_signature(site: Site) -> None:
    site.declare()
    request, sent = site.request(), []
    headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]

    async def receive() -> Any:
        return {"type": "http.request", "body": request.body}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/jobs", "headers": [*headers, (b"Webhook-Id", b"msg_2")]}
    asyncio.run(site.asgi()(scope, receive, send))
    assert sent[0]["status"] == 401


def test_the_event_loop_goes_on_while_runs_do(site: Site) -> None:
    gate = site.gate()
    site.declare(handle=gate)
    middleware = site.asgi()

    async def both() -> int:
        asked = asyncio.create_task(site.call_asgi_here(middleware, site.request()))
        await asyncio.to_thread(gate.wait_until_in)
        # On the same loop, which would wait for the first.
        assert (await site.call_asgi_here(middleware, site.request().but(path="/shop"))).body == b"app"
        gate.may_go.set()
        return (await asked).status

    assert asyncio.run(both()) == 200


def test_strangers_take_no_threads_from_the_application_and_few_at_all(site: Site) -> None:
    site.declare()
    reading, may_go = threading.Semaphore(0), threading.Event()

    def slowly() -> str:
        reading.release()
        assert may_go.wait(20)
        raise OSError("no answer")

    app = site.asgi(keys=KeyRing(slowly, site.clock.monotonic))

    async def ask_all() -> list[int]:
        request = site.request(secret="whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
        asking = [asyncio.create_task(site.call_asgi_here(app, request)) for _ in range(MOST_ASKING + 5)]
        done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        assert await asyncio.to_thread(reading.acquire, timeout=20), "the application's threads are free"
        assert len([thread for thread in threading.enumerate() if thread.name.startswith("rota-take")]) <= TAKERS
        may_go.set()
        assert {one.result().status for one in done} == {503}
        return [(await one).status for one in asking]

    assert asyncio.run(asyncio.wait_for(ask_all(), 30)) == [503] * (MOST_ASKING + 5)


def test_a_client_that_goes_away_takes_nothing_from_the_run(site: Site) -> None:
    gate = site.gate()
    site.declare(handle=gate)
    middleware = site.asgi()

    async def go_away() -> None:
        asked = asyncio.create_task(site.call_asgi_here(middleware, site.request()))
        await asyncio.to_thread(gate.wait_until_in)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    asyncio.run(go_away())
    gate.may_go.set()
    middleware.core.stop()
    middleware.core.start()
    assert site.call_asgi(middleware, site.request()).said["outcome"] == "succeeded"
    assert len(gate.runs) == 1


def test_what_is_not_done_in_time_is_answered_with_202(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("rota.endpoint.core.MARGIN", timedelta(seconds=59.9))
    gate = site.gate()
    site.declare(timeout=None)
    monkeypatch.setattr(
        "rota.runner.Runner.run", lambda *_, stop, **__: gate(Run(job="work", id="r1", attempt=1, queue="trigger"))
    )
    middleware = site.asgi()
    assert site.call_asgi(middleware, site.request()).status == 202
    gate.may_go.set()
    assert asyncio.run(middleware.stop())
    assert site.call_asgi(middleware, site.request()).status == 503
    assert not [record for record in caplog.records if record.name == "concurrent.futures"], (
        "its loop is closed by then"
    )


class Server:
    """The lifespan side of one."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.sent: list[str] = []

    async def receive(self) -> Any:
        self.asked.append("lifespan.shutdown" if self.asked else "lifespan.startup")
        return {"type": self.asked[-1]}

    async def send(self, message: Any) -> None:
        self.sent.append(message["type"])

    async def live(self, middleware: Any) -> None:
        await middleware({"type": "lifespan"}, self.receive, self.send)


def test_the_lifespan_is_the_applications_and_drains_runs_before_its_shutdown(site: Site) -> None:
    gate, seen = site.gate(), []
    site.declare(handle=gate, timeout=None)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        seen.append((await receive())["type"])
        await send({"type": "lifespan.startup.complete"})
        assert (await site.call_asgi_here(middleware, site.request())).status == 202
        await asyncio.to_thread(gate.wait_until_in)
        asyncio.get_running_loop().call_later(0.05, gate.may_go.set)
        seen.append((await receive())["type"])
        (record,) = site.ledger.list("work")[0]
        assert record.outcome == "succeeded", "while what handlers need is still there"
        await send({"type": "lifespan.shutdown.complete"})

    middleware, server = site.asgi(app), Server()
    asyncio.run(server.live(middleware))
    assert seen == ["lifespan.startup", "lifespan.shutdown"]
    assert server.sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert site.call_asgi(middleware, site.request()).status == 503


def test_an_application_without_a_lifespan_is_drained_too(site: Site) -> None:
    site.declare()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("lifespan is not known here")

    middleware, server = site.asgi(app), Server()
    asyncio.run(server.live(middleware))
    assert server.sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert middleware.core.trouble() == ["the server is stopping"]
    asyncio.run(Server().live(middleware))


def test_an_application_that_fails_to_start_fails_as_ever(site: Site) -> None:
    site.declare()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise ValueError("no database")

    with pytest.raises(ValueError, match="no database"):
        asyncio.run(Server().live(site.asgi(app)))


def test_websockets_are_passed_on(site: Site) -> None:
    site.declare()
    seen: list[Any] = []

    async def app(*given: Any) -> None:
        seen.extend(given)

    scope, receive, send = {"type": "websocket", "path": "/jobs"}, object(), object()
    asyncio.run(site.asgi(app)(scope, receive, send))  # type: ignore[arg-type] # passed on as they are
    assert seen == [scope, receive, send]
