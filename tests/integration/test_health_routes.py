"""The routes of docs/how-to/watch-your-workers.md, in the frameworks they are for."""

import asyncio
import json
import re
import sys
import time
import types
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import rota
from rota import Job, Manifest, Queue
from rota.queues.memory import MemoryBackend
from rota.upkeep import roles

PAGE = Path(__file__).parents[2] / "docs/how-to/watch-your-workers.md"

BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def run(mark: str) -> dict[str, Any]:
    """The block of the page that has `mark`, executed as it stands."""
    (block,) = [block for block in BLOCKS if mark in block]
    namespace = vars(sys.modules["page"])
    exec(compile(block, PAGE, "exec"), namespace)
    return namespace


@pytest.fixture(autouse=True)
def jobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The application's manifest, and queues in memory where the page would have SQS."""
    module = types.ModuleType("jobs")
    work = Queue(name="work")
    module.manifest = Manifest(  # type: ignore[attr-defined] # what the page imports
        name="shop", jobs=[Job(name="close-books", handler="jobs:close_books", target=work)]
    )
    monkeypatch.setitem(sys.modules, "jobs", module)
    page = types.ModuleType("page")
    page.__file__ = str(PAGE)  # Flask looks for its folder
    monkeypatch.setitem(sys.modules, "page", page)
    made, backend, worker = [], MemoryBackend(), rota.Worker

    def in_memory(manifest: Manifest, **options: Any) -> rota.Worker:
        made.append(worker(manifest, backend=backend, long_poll=timedelta(seconds=0.02), **options))
        return made[-1]

    monkeypatch.setattr(rota, "Worker", in_memory)
    monkeypatch.setattr(backend.queue("work"), "receive", Receive(backend))
    monkeypatch.setattr(roles, "PAUSE", 0.0)
    yield
    for one in made:
        one.stop()


class Receive:
    """Receives from memory; or kills whoever does."""

    deadly = False

    def __init__(self, backend: MemoryBackend) -> None:
        self._receive = backend.queue("work").receive
        Receive.deadly = False

    def __call__(self, limit: int, wait: float) -> list[Any]:
        if Receive.deadly:
            raise SystemExit("killed")
        return list(self._receive(limit, wait))


def dies(worker: rota.Worker) -> None:
    """Turn it red for good."""
    Receive.deadly = True
    end = time.monotonic() + 10
    while not worker.health().must_restart:
        assert time.monotonic() < end
        time.sleep(0.01)


async def get(app: Any, path: str) -> tuple[int, bytes]:
    """What an ASGI application answers."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http"}
    where = {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": []}
    await app({**scope, **where}, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def test_fastapi() -> None:
    page = run("async def health_of_jobs")

    async def serve() -> None:
        async with page["app"].router.lifespan_context(page["app"]):
            assert (await get(page["app"], "/health/jobs"))[0] == 200
            dies(page["worker"])
            status, body = await get(page["app"], "/health/jobs")
            assert status == 503
            assert "poll-work has died" in json.loads(body)["causes"][0]

    asyncio.run(serve())
    assert asyncio.run(get(page["app"], "/health/jobs"))[0] == 503  # stopped


def test_the_check_of_a_load_balancer_goes_by_what_a_new_process_mends() -> None:
    page = run("async def health_of_server")

    async def serve() -> None:
        async with page["app"].router.lifespan_context(page["app"]):
            assert (await get(page["app"], "/health"))[0] == 200
            dies(page["worker"])
            assert (await get(page["app"], "/health"))[0] == 503

    asyncio.run(serve())


def test_flask() -> None:
    page = run("from flask import Flask")
    client = page["app"].test_client()
    answer = client.get("/health/jobs")
    assert (answer.status_code, answer.json["state"]) == (200, "running")
    dies(page["worker"])
    answer = client.get("/health/jobs")
    assert answer.status_code == 503
    assert "poll-work has died" in answer.json["causes"][0]


def test_wsgi_without_a_framework() -> None:
    page, statuses = run("def application("), []

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        statuses.append(status)

    page["application"]({}, start_response)
    dies(page["worker"])
    (body,) = page["application"]({}, start_response)
    assert statuses == ["200 OK", "503 Service Unavailable"]
    assert "poll-work has died" in json.loads(body)["causes"][0]
