"""The middleware in the servers it is for: Flask and Django under gunicorn, FastAPI under uvicorn. Real processes and
sockets; DynamoDB and Secrets Manager are moto's, over HTTP."""

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

import rota
from rota.envelope import Envelope
from rota.key_rotation import encode, new_key
from rota.keys import Key
from rota.settings import LedgerSettings, Settings
from rota.signature import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from rota.trigger.posting import message_id

APPS = Path(__file__).parent / "endpoint_servers"
KEY, STRANGER = (new_key(since="2026-11-21T11:00:00Z") for _ in range(2))
PROCESS_RUNS = 2
"""How many runs at once a process of these applications takes."""

GUNICORN = ["gunicorn", "--bind", "fd://{fd}", "--log-level", "info"]
SERVERS = {
    "Flask, gunicorn": [*GUNICORN, "--workers", "2", "flask_app:app"],
    "Flask, gunicorn --preload": [*GUNICORN, "--workers", "2", "--preload", "flask_app:app"],
    "Django, gunicorn --threads": [*GUNICORN, "--workers", "2", "--threads", "4", "django_app:app"],
    "FastAPI, uvicorn": ["uvicorn", "--fd", "{fd}", "--log-level", "info", "fastapi_app:app"],
}


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def said(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.body)
        return read


class Posted:
    """A run as the trigger posts it."""

    def __init__(self, job: str, *, key: Key = KEY, payload: Any = None, endpoint: str = "web") -> None:
        self.run = f"{job}@{secrets.token_hex(6)}"
        envelope = Envelope(job=job, run=self.run, payload=payload, endpoint=endpoint)
        self.body = envelope.encode().encode()
        self.id, self.key = message_id(envelope, endpoint), key

    @property
    def headers(self) -> dict[str, str]:
        at = int(time.time())
        signature = sign(self.key.secret, message_id=self.id, timestamp=at, body=self.body)
        return {
            "content-type": "application/json",
            ID_HEADER: self.id,
            TIMESTAMP_HEADER: str(at),
            SIGNATURE_HEADER: signature,
        }


class Server:
    """A running one. Its port is bound here, so that it listens from the first moment."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        folder.mkdir()
        self.folder = folder
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(64)
            self.port = listening.getsockname()[1]
            fd = listening.fileno()
            self.log = (folder / "log").open("wb")
            self.process = subprocess.Popen(
                [sys.executable, "-m", *(part.format(fd=fd) for part in command)],
                cwd=APPS,
                env={"PATH": os.environ["PATH"], "SERVED": str(folder), "PYTHONDONTWRITEBYTECODE": "1"} | environment,
                pass_fds=[fd],
                stdout=self.log,
                stderr=subprocess.STDOUT,
            )

    def request(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body or None, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def post(self, posted: Posted) -> Answer:
        return self.request("POST", "/jobs", posted.body, posted.headers)

    def ask(self, posted: Posted) -> Answer:
        """Post it until it does not run."""
        for _ in range(500):
            if (answer := self.post(posted)).status != 202:
                return answer
            time.sleep(0.02)
        raise AssertionError(f"{posted.run} has no end")

    def journal(self, event: str, run: str | None = None) -> list[dict[str, Any]]:
        """What the handlers wrote."""
        path = self.folder / "journal"
        lines = path.read_text().splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines]
        return [one for one in found if one["event"] == event and run in (None, one.get("run"))]

    def said(self) -> str:
        """What the server itself logged."""
        return (self.folder / "log").read_text()

    def go(self) -> None:
        """Let the waiting runs end."""
        (self.folder / "go").touch()

    def wait_again(self) -> None:
        (self.folder / "go").unlink(missing_ok=True)

    def kill(self) -> None:
        self.go()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    """The environment of servers of a deployment: its ledger and its keys, which lie in moto."""
    moto, one_at_a_time = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def serially(environ: Any, start_response: Any) -> Any:
        with one_at_a_time:  # moto's conditions are not atomic among threads
            return moto(environ, start_response)

    server = make_server("127.0.0.1", 0, serially, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    client = {
        "region_name": "eu-west-1",
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
    names = ("pk", "sk")
    boto3.client("dynamodb", **client).create_table(
        TableName="ledger",
        KeySchema=[
            {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=True)
        ],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        BillingMode="PAY_PER_REQUEST",
    )
    secret = boto3.client("secretsmanager", **client).create_secret(Name="keys", SecretString=encode((KEY,)))
    settings = Settings(
        manifest="served", stage="default", queues={}, ledger=LedgerSettings(table="ledger"), keys=secret["ARN"]
    )
    try:
        yield environment | {"ROTA_SETTINGS": settings.encode()}
    finally:
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory, aws: dict[str, str]) -> Callable[..., Any]:
    @contextmanager
    def made(name: str, **environment: str) -> Iterator[Server]:
        server = Server(SERVERS[name], tmp_path_factory.mktemp("server") / "served", aws | environment)
        try:
            yield server
        finally:
            server.kill()

    return made


@pytest.fixture(scope="module", params=SERVERS)
def started(request: pytest.FixtureRequest, make: Callable[..., Any]) -> Iterator[Server]:
    with make(request.param) as server:
        yield server


@pytest.fixture
def server(started: Server) -> Server:
    started.wait_again()
    return started


def test_a_signed_run_is_done_once_and_answered_however_often_it_comes(server: Server) -> None:
    posted = Posted("note", payload={"number": 7})
    answers = [server.ask(posted) for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 6
    assert {answer.said["outcome"] for answer in answers} == {"succeeded"}
    assert {answer.said["run"] for answer in answers} == {posted.run}
    assert {answer.headers["rota-version"] for answer in answers} == {rota.__version__}
    assert [note["number"] for note in server.journal("noted", posted.run)] == [7]


def test_the_same_run_at_once_is_done_once(server: Server) -> None:
    posted = Posted("note", payload={"number": 8})
    with ThreadPoolExecutor(6) as pool:
        statuses = [answer.status for answer in pool.map(server.post, [posted] * 6)]
    assert set(statuses) <= {200, 202, 503}
    assert 200 in statuses
    assert server.ask(posted).said["outcome"] == "succeeded"
    assert len(server.journal("noted", posted.run)) == 1


def test_a_failure_is_told_and_stays_one(server: Server) -> None:
    posted = Posted("fail")
    answer = server.post(posted)
    assert (answer.status, answer.said["outcome"], answer.said["final"]) == (500, "failed", True)
    assert "there is no paper" in answer.said["error"]


def test_nobody_without_a_key_learns_or_does_anything(server: Server) -> None:
    posted, of_stranger = Posted("note", payload={"number": 9}), Posted("note", payload={"number": 9}, key=STRANGER)
    altered = posted.body.replace(b"9", b"8")
    answers = [
        server.request("POST", "/jobs", posted.body, {"content-type": "application/json"}),
        server.request("POST", "/jobs", altered, posted.headers),
        server.post(of_stranger),
    ]
    assert [answer.status for answer in answers] == [401] * 3
    assert [answer.said for answer in answers] == [{"title": "Unauthorized", "status": 401}] * 3
    assert [answer.headers["rota-version"] for answer in answers] == [None] * 3
    assert not server.journal("noted", posted.run) + server.journal("noted", of_stranger.run)


def test_what_is_for_others_is_refused(server: Server) -> None:
    assert server.post(Posted("note", payload={"number": 1}, endpoint="web-eu")).status == 421
    assert server.post(Posted("drop-tables")).status == 404
    assert server.request("GET", "/jobs").status == 405
    assert server.request("POST", "/jobs", b" " * (2 << 20)).status == 413


def test_the_application_has_its_own_routes(server: Server) -> None:
    assert server.request("GET", "/").body.startswith(b"shop ")
    body = bytes(range(256)) * 300
    echo = server.request("POST", "/orders", body, {"content-type": "application/octet-stream"})
    assert (echo.status, echo.body) == (200, body)
    assert server.request("GET", "/jobs/7").status == 404


def test_its_health_is_asked_without_a_key(server: Server) -> None:
    answer = server.request("GET", "/jobs/health")
    assert (answer.status, answer.said) == (200, {"status": "ok"})
    head = server.request("HEAD", "/jobs/health")
    assert (head.status, head.body) == (200, b"")


def test_a_full_pool_is_503_and_what_began_is_202_until_it_is_done(server: Server) -> None:
    began, refused = [], None
    for _ in range(2 * PROCESS_RUNS + 1):
        posted = Posted("wait-long")
        answer = server.post(posted)
        if answer.status == 503:
            refused = (posted, answer)
            break
        assert (answer.status, int(answer.headers["retry-after"]) >= 30) == (202, True)
        began.append(posted)
    assert refused, "no pool was full"
    assert len(began) >= PROCESS_RUNS
    assert int(refused[1].headers["retry-after"]) >= 1
    assert server.request("GET", "/jobs/health").status == 200, "a full pool is no trouble"
    assert server.request("GET", "/").status == 200
    _until(lambda: len([one for one in began if server.journal("started", one.run)]) == len(began))
    # Whichever process it comes to: the ledger knows.
    assert {server.post(one).status for one in began} <= {202, 503}
    assert server.journal("started", refused[0].run) == []
    server.go()
    _until(lambda: len([one for one in began if server.journal("finished", one.run)]) == len(began))
    for one in [*began, refused[0]]:
        _until(lambda one=one: server.post(one).status == 200)  # type: ignore[misc] # a lambda's default has no type
        assert len(server.journal("started", one.run)) == 1


@pytest.mark.parametrize("name", SERVERS)
def test_at_sigterm_what_runs_is_finished_and_answered(make: Callable[..., Any], name: str) -> None:
    answered, told_202 = Posted("wait"), Posted("wait-long")
    with make(name) as server, ThreadPoolExecutor(1) as pool:
        assert server.post(told_202).status == 202
        waiting = pool.submit(server.post, answered)
        _until(lambda: server.journal("started", answered.run))
        _until(lambda: server.journal("started", told_202.run))
        server.process.send_signal(signal.SIGTERM)
        _until(lambda: any(word in server.said() for word in ("Handling signal: term", "Shutting down")))
        time.sleep(0.3)  # for the word to reach gunicorn's children
        server.go()
        answer = waiting.result()
        assert (answer.status, answer.said["outcome"]) == (200, "succeeded")
        # uvicorn stops gracefully, and then ends by the signal that it was sent.
        assert server.process.wait(20) in (0, -signal.SIGTERM)
        assert len(server.journal("finished")) == 2
        assert server.journal("told") == []
        if "FastAPI" in name:
            events = [json.loads(line)["event"] for line in (server.folder / "journal").read_text().splitlines()]
            assert (events[0], events[-1]) == ("lifespan began", "lifespan ended")


@pytest.mark.parametrize("name", SERVERS)
def test_at_sigterm_what_a_request_waits_for_is_told_to_stop_when_the_grace_ends(
    make: Callable[..., Any], name: str
) -> None:
    posted = Posted("wait")
    with make(name, GRACE="0.5") as server, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.post, posted)
        _until(lambda: server.journal("started", posted.run))
        server.process.send_signal(signal.SIGTERM)
        answer = waiting.result()
        assert (answer.status, answer.said["outcome"]) == (200, "succeeded")
        assert len(server.journal("told", posted.run)) == 1
        assert server.process.wait(20) in (0, -signal.SIGTERM)


def test_a_command_is_run_and_hears_signals_whatever_its_server_does_with_them(server: Server) -> None:
    posted = Posted("report")
    answer = server.ask(posted)
    assert (answer.status, answer.said["outcome"]) == (200, "succeeded")
    blocked, ignored, place = answer.said["reason"].split("\n")[1:]
    assert int(blocked.split()[1], 16) == 0
    assert not int(ignored.split()[1], 16) & (1 << signal.SIGTERM - 1 | 1 << signal.SIGINT - 1)
    assert place == f"{posted.run} in {APPS}"


@pytest.mark.parametrize("name", ["Flask, gunicorn", "FastAPI, uvicorn"])
def test_at_sigterm_a_command_is_told_to_stop_when_the_grace_ends(make: Callable[..., Any], name: str) -> None:
    posted = Posted("tidy")
    with make(name, GRACE="0.5") as server, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.post, posted)
        _until((server.folder / "busy").exists)
        server.process.send_signal(signal.SIGTERM)
        answer = waiting.result()
        assert (answer.status, answer.said["outcome"]) == (500, "failed")
        assert "exit code 9 when it was told to stop" in answer.said["error"]
        assert answer.said["error"].endswith("tidied")
        assert server.process.wait(20) in (0, -signal.SIGTERM)


def _until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)
