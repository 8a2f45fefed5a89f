"""A server behind the endpoint `web`, and signed requests to it; on a clock that stands still."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from rota import Endpoint, Job, Manifest, Retry, Run
from rota.endpoint.answers import Response
from rota.endpoint.asgi import RotaMiddleware as Asgi
from rota.endpoint.core import Core, Pending
from rota.endpoint.wsgi import RotaMiddleware as Wsgi
from rota.ledger import Ledger
from rota.signature import sign
from rota.stores.memory import MemoryStore
from rota.testing import FakeClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEB = Endpoint(name="web")


@dataclass(frozen=True)
class Request:
    """A request, as a client writes it."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    path: str = "/jobs"
    length: str | None = ""
    """The header content-length: that of the body unless given; None for a chunked body without one."""

    def but(self, **changes: Any) -> Request:
        return replace(self, **changes)

    def with_header(self, name: str, value: str) -> Request:
        return replace(self, headers={**self.headers, name: value})

    @property
    def said_length(self) -> str | None:
        return str(len(self.body)) if self.length == "" else self.length


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    @property
    def retry_after(self) -> int:
        return int(self.headers["retry-after"])


def run_of(run: str = "r1", job: str = "work", **beside: Any) -> dict[str, Any]:
    """The body of a request."""
    return {"rota": 1, "job": job, "endpoint": "web", "run": run, **beside}


def ask(core: Core, request: Request) -> Answer:
    """The answer of a core, without a server around it."""
    headers = {**request.headers, "content-length": request.said_length or ""}
    answer = core.head(request.method, request.path, headers)
    assert answer is not None, "it is passed on"
    taken: Response | Pending = core.take(headers, request.body) if isinstance(answer, int) else answer
    if isinstance(taken, Pending):
        taken = taken.answer.result(10)
    return Answer(taken.status, dict(taken.headers), taken.body)


def wsgi_app(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The application behind the middleware."""
    start_response("200 OK", [("x-from", "app")])
    return [b"app"]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    """The same."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-from", b"app")]})
    await send({"type": "http.response.body", "body": b"app"})


def call_wsgi(app: Any, request: Request, *, pieces: int | None = None) -> Answer:
    """One request as a WSGI server makes it; `pieces` is how many bytes a read gives at the most."""

    class Input(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert size >= 0, "more than is allowed may be asked for"
            return super().read(size if pieces is None else min(size, pieces))

    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "wsgi.input": Input(request.body),
    }
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    if (length := request.said_length) is None:
        environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    else:
        environ["CONTENT_LENGTH"] = length
    started: list[tuple[str, list[tuple[str, str]]]] = []
    body = b"".join(app(environ, lambda status, headers: started.append((status, headers))))
    ((status, headers),) = started
    return Answer(int(status.split(" ")[0]), dict(headers), body)


async def call_asgi(app: Any, request: Request, *, pieces: int | None = None) -> Answer:
    """The same as an ASGI server makes it; in pieces of so many bytes."""
    size = pieces or max(1, len(request.body))
    parts = [request.body[at : at + size] for at in range(0, len(request.body), size)] or [b""]
    messages = [
        {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
        for number, part in enumerate(parts)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(0)
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in request.headers.items()]
    if (length := request.said_length) is not None:
        headers.append((b"content-length", length.encode("latin-1", "replace")))
    scope = {"type": "http", "method": request.method, "path": request.path, "headers": headers}
    await app(scope, receive, send)
    start, *rest = sent
    answered = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], answered, b"".join(part["body"] for part in rest))


class Gate:
    """A handler that waits until it may go on."""

    def __init__(self) -> None:
        self.entered, self.may_go = threading.Semaphore(0), threading.Event()
        self.runs: list[Run] = []

    def __call__(self, run: Run) -> None:
        self.runs.append(run)
        self.entered.release()
        assert self.may_go.wait(20)

    def wait_until_in(self) -> None:
        assert self.entered.acquire(timeout=10)


class Site:
    """A server whose jobs do what a test says."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.clock = module, FakeClock(NOW)
        self.store = MemoryStore(self.clock)
        self.ledger = Ledger(self.store, clock=self.clock)
        self.jobs: list[Job[Any]] = []
        self.runs: list[Run] = []
        self._cores: list[Core] = []

    def declare(self, name: str = "work", handle: Callable[..., Any] | None = None, **declared: Any) -> Job[Any]:
        def note(run: Run) -> None:
            self.runs.append(run)

        handler = f"handle_{len(vars(self.module))}"
        vars(self.module)[handler] = handle or note
        declared = {
            "target": WEB,
            "timeout": timedelta(seconds=30),
            "retry": Retry(attempts=1),
            **declared,
        }
        job: Job[Any] = Job(name=name, handler=f"{self.module.__name__}:{handler}", **declared)
        self.jobs.append(job)
        return job

    @property
    def manifest(self) -> Manifest:
        return Manifest(name="shop", jobs=self.jobs)

    def _options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"manifest": self.manifest, "ledger": self.ledger, "keys": [SECRET], "clock": self.clock, **given}

    def core(self, **given: Any) -> Core:
        options = self._options(given)
        self._cores.append(core := Core(options.pop("manifest"), **options))
        return core

    def wsgi(self, app: Any = None, **given: Any) -> Wsgi:
        middleware = Wsgi(app or wsgi_app, **self._options(given))
        self._cores.append(middleware.core)
        return middleware

    def asgi(self, app: Any = None, **given: Any) -> Asgi:
        middleware = Asgi(app or asgi_app, **self._options(given))
        self._cores.append(middleware.core)
        return middleware

    def request(self, body: Any = None, *, secret: str = SECRET, message: str = "msg_1", late: float = 0) -> Request:
        """A signed one; of run `r1` of the job `work` unless given, `late` by so many seconds."""
        raw = body if isinstance(body, bytes) else json.dumps(run_of() if body is None else body).encode()
        timestamp = int(self.clock.now().timestamp() - late)
        return Request(
            raw,
            {
                "webhook-id": message,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": sign(secret, message_id=message, timestamp=timestamp, body=raw),
            },
        )

    def post(self, core: Core, body: Any = None, **signed: Any) -> Answer:
        """Ask, and wait for the answer."""
        return ask(core, self.request(body, **signed))

    # What tests cannot import: pytest imports each file alone.

    run_of = staticmethod(run_of)
    ask = staticmethod(ask)
    call_wsgi = staticmethod(call_wsgi)

    call_asgi_here = staticmethod(call_asgi)

    def call_asgi(self, app: Any, request: Request, *, pieces: int | None = None) -> Answer:
        """The same where no event loop runs yet."""
        return asyncio.run(self.call_asgi_here(app, request, pieces=pieces))

    def gate(self) -> Gate:
        return Gate()

    def close(self) -> None:
        for core in self._cores:
            core.stop(timedelta())


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("ROTA_KEYS", "ROTA_ENDPOINT", "ROTA_SERVER", "ROTA_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    module = ModuleType("shop_endpoint")
    monkeypatch.setitem(sys.modules, "shop_endpoint", module)
    found = Site(module)
    yield found
    found.close()


@pytest.fixture
def new_threads() -> Callable[[str], set[str]]:
    """The names of threads with a prefix, of those that this test has started: others' may still be ending."""
    before = set(threading.enumerate())
    return lambda prefix: {each.name for each in set(threading.enumerate()) - before if each.name.startswith(prefix)}
