"""The example in Node, examples/express, as a real server: what it takes, what it refuses, what it answers."""

import http.client
import json
import os
import re
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rota.envelope import Envelope
from rota.key_rotation import encode, new_key
from rota.keys import Key, KeyRing, decode
from rota.signature import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from rota.trigger.posting import Poster, message_id
from rota.trigger.request import Answer as Answered
from rota.trigger.request import Place

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/express"
PAGE = ROOT / "docs/how-to/other-languages.md"
NOW = "2026-11-21T11:05:00Z"

OLD, NEW, STRANGER = (new_key(since=NOW) for _ in range(3))


class PriceList:
    """What the example's job asks: each request is one run of it."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200
        self.answers = threading.Event()
        """While it is not set, a request waits: the run goes on."""
        self.answers.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                outer.answers.wait(20)
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(b"[1, 2, 3]")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


class Express:
    """A running server of the example."""

    def __init__(self, process: "subprocess.Popen[str]", prices: PriceList) -> None:
        self.process, self.prices = process, prices
        assert process.stdout
        line = process.stdout.readline()
        found = re.fullmatch(r"listening on port (\d+)\n", line)
        assert found, f"the server said {line!r}, and then {process.stdout.read()!r}"
        self.port = int(found[1])

    def request(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> "Answer":
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def post(self, request: "Request") -> "Answer":
        return self.request("POST", "/jobs", request.body, request.headers)


class Answer:
    def __init__(self, status: int, headers: Any, body: str) -> None:
        self.status, self.headers, self.body = status, headers, body


class Request:
    """A run of the job, signed as the trigger does."""

    def __init__(self, *keys: Key, at: float | None = None, **fields: Any) -> None:
        message_id = f"msg_{secrets.token_hex(16)}"
        self.body = (
            Envelope(**{"job": "refresh-prices", "endpoint": "web", "run": f"refresh-prices@{NOW}"} | fields)
            .encode()
            .encode()
        )
        timestamp = int(time.time() if at is None else at)
        signatures = [
            sign(key.secret, message_id=message_id, timestamp=timestamp, body=self.body) for key in keys or (OLD,)
        ]
        self.headers = {
            "content-type": "application/json",
            ID_HEADER: message_id,
            TIMESTAMP_HEADER: str(timestamp),
            SIGNATURE_HEADER: " ".join(signatures),
        }


@contextmanager
def running(keys: str, **environment: str) -> Iterator[Express]:
    prices = PriceList()
    environment = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": "0", "ROTA_KEYS": keys} | environment
    with subprocess.Popen(
        ["node", "server.js"],
        cwd=EXAMPLE,
        env=environment | {"PRICES_URL": prices.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Express(process, prices)
        finally:
            process.kill()
            prices.answers.set()
            prices.server.shutdown()
            prices.server.server_close()


@pytest.fixture(scope="module")
def started() -> Iterator[Express]:
    with running(encode((OLD, NEW))) as server:
        yield server


@pytest.fixture
def express(started: Express) -> Express:
    started.prices.asked, started.prices.status = 0, 200
    return started


def test_a_signed_run_is_done_and_answered(express: Express) -> None:
    assert express.post(Request()).status == 200
    assert express.prices.asked == 1


def test_either_key_counts_and_both_together(express: Express) -> None:
    assert [express.post(Request(*keys)).status for keys in ([OLD], [NEW], [OLD, NEW], [STRANGER, NEW])] == [200] * 4
    assert express.prices.asked == 4


def _without(request: Request, header: str) -> None:
    del request.headers[header]


def _with(request: Request, **headers: str) -> None:
    request.headers |= {name.replace("_", "-"): value for name, value in headers.items()}


def _body(request: Request, body: bytes) -> None:
    request.body = body


@pytest.mark.parametrize(
    "change",
    [
        lambda it: _body(it, it.body.replace(b"11:05", b"11:06")),
        lambda it: _body(it, it.body + b" "),
        lambda it: _body(it, b""),
        lambda it: _with(it, webhook_id="msg_" + "0" * 32),
        lambda it: _with(it, webhook_timestamp=str(int(it.headers[TIMESTAMP_HEADER]) - 1)),
        lambda it: _with(it, webhook_timestamp="now"),
        lambda it: _with(it, webhook_signature="v1,AAAA"),
        lambda it: _with(it, webhook_signature="v1"),
        lambda it: _with(it, content_type="text/plain"),
        lambda it: _without(it, ID_HEADER),
        lambda it: _without(it, TIMESTAMP_HEADER),
        lambda it: _without(it, SIGNATURE_HEADER),
    ],
    ids=[
        *("instant", "blank", "no body", "id", "timestamp", "no number", "signature", "no signature", "no JSON"),
        *("id missing", "timestamp missing", "signature missing"),
    ],
)
def test_what_is_altered_is_refused(express: Express, change: Callable[[Request], None]) -> None:
    request = Request()
    change(request)
    answer = express.post(request)
    assert (answer.status, answer.body) == (401, "Unauthorized")
    assert express.prices.asked == 0


@pytest.mark.parametrize("away", [-310, 310])
def test_what_is_stale_or_early_is_refused(express: Express, away: int) -> None:
    assert express.post(Request(at=time.time() + away)).status == 401
    assert express.prices.asked == 0


def test_another_key_is_refused(express: Express) -> None:
    assert express.post(Request(STRANGER)).status == 401
    assert express.prices.asked == 0


@pytest.mark.parametrize("endpoint", [None, "web-eu", "web/10.0.1.5:8080"])
def test_what_is_for_another_endpoint_is_refused(express: Express, endpoint: str | None) -> None:
    assert express.post(Request(endpoint=endpoint)).status == 421
    assert express.prices.asked == 0


@pytest.mark.parametrize("job", ["drop-tables", "constructor", "__proto__"])
def test_an_unknown_job_is_refused(express: Express, job: str) -> None:
    assert express.post(Request(job=job)).status == 404


def test_the_same_request_again_is_no_second_run(express: Express) -> None:
    request = Request()
    assert [express.post(request).status for _ in range(3)] == [200] * 3
    assert express.prices.asked == 1


def test_while_it_runs_the_same_request_is_answered_202(express: Express) -> None:
    request = Request()
    express.prices.answers.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(express.post, request)
        _until(lambda: express.prices.asked == 1)
        again = express.post(request)
        express.prices.answers.set()
        assert (again.status, again.headers["Retry-After"]) == (202, "10")
        assert first.result().status == 200
    assert express.post(request).status == 200
    assert express.prices.asked == 1


def test_what_failed_says_why_and_may_run_again(express: Express) -> None:
    request = Request()
    express.prices.status = 502
    answer = express.post(request)
    assert (answer.status, answer.body) == (500, "Error: the price list answered 502")
    assert answer.headers["Content-Type"].startswith("text/plain")
    express.prices.status = 200
    assert express.post(request).status == 200
    assert express.prices.asked == 2


@pytest.mark.parametrize(
    ("keys", "job", "endpoint", "statuses"),
    [
        ([OLD, NEW], "refresh-prices", "web", [200, 200]),
        ([NEW, STRANGER], "refresh-prices", "web", [200, 200]),
        ([STRANGER], "refresh-prices", "web", [401, 401]),
        ([OLD, NEW], "drop-tables", "web", [404, 404]),
        ([OLD, NEW], "refresh-prices", "web-eu", [421, 421]),
    ],
    ids=["its keys", "one of them", "another key", "another job", "another endpoint"],
)
def test_what_the_trigger_itself_posts(
    express: Express, keys: list[Key], job: str, endpoint: str, statuses: list[int]
) -> None:
    run = Envelope(job=job, endpoint=endpoint, run=f"{job}@{secrets.token_hex(8)}")
    place = Place(address="127.0.0.1", port=express.port, server_name=None, host="localhost", path="/jobs", timeout=10)
    poster = Poster(KeyRing(lambda: encode(tuple(keys)), time.monotonic))
    answers = [
        poster.post(place, message_id(run, endpoint), run.encode().encode(), remaining=lambda: 60) for _ in range(2)
    ]
    assert [answer.status for answer in answers if isinstance(answer, Answered)] == statuses
    assert express.prices.asked == (1 if statuses[0] == 200 else 0)


def test_a_body_without_end_is_refused_and_shows_no_stack(express: Express) -> None:
    answer = express.request("POST", "/jobs", b" " * (1 << 20) + b" ", {"content-type": "application/json"})
    assert (answer.status, answer.body) == (413, "Payload Too Large")


def test_its_health_route_answers_and_nothing_else_does(express: Express) -> None:
    assert express.request("GET", "/jobs/health").status == 200
    assert express.request("GET", "/jobs").status == 404


def test_the_secret_before_the_first_rotation_and_a_stop_that_lets_runs_end() -> None:
    text = json.dumps({"keys": [], "first": "aB3" * 14 + "xY"})
    (first,) = decode(text)
    with running(text, ROTA_ENDPOINT="prices") as express, ThreadPoolExecutor(1) as pool:
        assert express.post(Request(OLD, endpoint="prices")).status == 401
        assert express.post(Request(first)).status == 421
        express.prices.answers.clear()
        answer = pool.submit(express.post, Request(first, endpoint="prices"))
        _until(lambda: express.prices.asked == 1)
        express.process.send_signal(signal.SIGTERM)
        _until(lambda: not _listens(express.port))
        express.prices.answers.set()
        assert answer.result().status == 200
        assert express.process.wait(10) == 0


def test_what_the_example_installs_is_what_is_tested() -> None:
    example = json.loads((EXAMPLE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    workspace = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    assert example == {name: workspace[name] for name in example}


def test_the_page_shows_the_example() -> None:
    (block,) = re.findall(r"^```js\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    server = (EXAMPLE / "server.js").read_text(encoding="utf-8")
    assert [part for part in re.split(r"\n\n(?=\S)", block.strip()) if part not in server] == []


def test_the_signed_request_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    (keys,) = re.findall(r"ROTA_KEYS='(.*?)'", (EXAMPLE / "README.md").read_text(encoding="utf-8"))
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    with running(keys) as express:
        exec(compile(blocks[-1].replace("8080", str(express.port)), PAGE, "exec"), {})
        assert express.prices.asked == 1
    assert capsys.readouterr().out == "200\n"


def _listens(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.connect()
    except ConnectionRefusedError:
        return False
    finally:
        connection.close()
    return True


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)
