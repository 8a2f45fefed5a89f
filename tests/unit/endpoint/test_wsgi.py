"""The middleware as WSGI servers call it."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rota import Run
from rota.endpoint.core import LIMIT

if TYPE_CHECKING:
    from tests.unit.endpoint.conftest import Site


def test_a_run_is_answered_and_all_else_passed_on(site: Site) -> None:
    site.declare()
    middleware = site.wsgi()
    answer = site.call_wsgi(middleware, site.request())
    assert (answer.status, answer.said["outcome"]) == (200, "succeeded")
    other = site.call_wsgi(middleware, site.request().but(path="/shop"))
    assert (other.body, other.headers) == (b"app", {"x-from": "app"})
    assert site.call_wsgi(middleware, site.request().but(method="GET", path="/jobs/health")).said == {"status": "ok"}
    head = site.call_wsgi(middleware, site.request().but(method="HEAD", path="/jobs/health"))
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "15")


def test_what_is_passed_on_is_not_touched(site: Site) -> None:
    site.declare()
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/shop", "wsgi.input": object()}
    given: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        given.extend([environ, start_response])
        return iterable

    def start_response(*_: Any) -> None: ...

    iterable: list[bytes] = []
    assert site.wsgi(app)(environ, start_response) is iterable  # type: ignore[arg-type] # the rest of an environ is not read
    assert given[0] is environ
    assert given[1] is start_response


def test_an_application_that_is_mounted_has_its_whole_path(site: Site) -> None:
    site.declare()
    middleware, started = site.wsgi(), []
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/jobs", "PATH_INFO": "/health"}
    middleware(environ, lambda status, headers: started.append(status))  # type: ignore[arg-type] # as above
    assert started == ["200 OK"]


@pytest.mark.parametrize("pieces", [1, 7, None])
def test_a_body_may_come_in_pieces_with_a_length_or_without(site: Site, pieces: int | None) -> None:
    site.declare()
    middleware, request = site.wsgi(), site.request()
    assert site.call_wsgi(middleware, request, pieces=pieces).status == 200
    assert site.call_wsgi(middleware, request.but(length=None), pieces=pieces).status == 200
    assert len(site.runs) == 1


def test_no_more_is_read_than_is_allowed(site: Site) -> None:
    site.declare()
    middleware = site.wsgi()
    endless = site.request(b" " * (LIMIT * 2)).but(length=None)
    assert site.call_wsgi(middleware, endless, pieces=65536).status == 413


def test_without_a_length_nothing_is_read_that_might_never_come(site: Site) -> None:
    site.declare()

    class Waits(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            raise AssertionError("a server would wait here for ever")

    started: list[str] = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/jobs", "wsgi.input": Waits()}
    body = site.wsgi()(environ, lambda status, headers: started.append(status))  # type: ignore[arg-type] # as above
    assert started == ["401 Unauthorized"]
    assert json.loads(b"".join(body))["status"] == 401


def test_a_client_that_stops_halfway_is_no_error_of_the_server(site: Site) -> None:
    site.declare()

    class Breaks(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            raise ConnectionResetError("gone")

    started: list[str] = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/jobs", "wsgi.input": Breaks(), "CONTENT_LENGTH": "3"}
    site.wsgi()(environ, lambda status, headers: started.append(status))  # type: ignore[arg-type] # as above
    assert started == ["400 Bad Request"]


def test_what_is_not_done_in_time_is_answered_with_202(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rota.endpoint.core.MARGIN", timedelta(seconds=59.9))
    gate = site.gate()
    site.declare(handle=gate, timeout=None)
    # Its timeout fits, as far as the declaration goes; it stays beyond that.
    monkeypatch.setattr(
        "rota.runner.Runner.run", lambda *_, stop, **__: gate(Run(job="work", id="r1", attempt=1, queue="trigger"))
    )
    middleware = site.wsgi()
    answer = site.call_wsgi(middleware, site.request())
    assert (answer.status, answer.retry_after) == (202, 35)
    gate.may_go.set()
    assert middleware.stop()
    assert site.call_wsgi(middleware, site.request()).status == 503
