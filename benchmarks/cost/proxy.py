"""Stands between a program and the local AWS, passes on what it asks, and counts what AWS would bill for it."""

import http.client
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from benchmarks.cost.units import Table, sqs_requests

EMPTY = "ReceiveMessage, empty"
"""How a poll that brought nothing is counted: it belongs to idle time, and to no run."""
_LONG_POLL_ANSWER = 40.0


@dataclass
class Bill:
    """What was counted."""

    sqs: Counter[str] = field(default_factory=Counter)
    """Billed requests by action."""
    dynamodb: Counter[str] = field(default_factory=Counter)
    """Requests by action."""
    units: Counter[str] = field(default_factory=Counter)
    """Units of DynamoDB: "write" and "read"."""

    def since(self, earlier: "Bill") -> "Bill":
        """What has come since then."""
        mine, theirs = (vars(bill).values() for bill in (self, earlier))
        return Bill(*(_less(now, then) for now, then in zip(mine, theirs, strict=True)))

    def over(self, runs: float) -> dict[str, dict[str, float]]:
        """The same of one run of so many, as JSON has it."""
        return {
            kind: {name: round(amount / runs, 4) for name, amount in sorted(counted.items()) if name != EMPTY}
            for kind, counted in vars(self).items()
        }


def _less(now: Counter[str], then: Counter[str]) -> Counter[str]:
    left = {name: amount - then[name] for name, amount in now.items()}
    return Counter({name: amount for name, amount in left.items() if amount})


class Proxy:
    """Listens on a port of 127.0.0.1, for the program to use as AWS_ENDPOINT_URL. Retries are requests too."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target).netloc
        self._lock = threading.Lock()
        self._sqs: Counter[str] = Counter()
        self._dynamodb: Counter[str] = Counter()
        self._problems: list[str] = []
        self._under_way = 0
        self.table = Table()

    def bill(self) -> Bill:
        """What was counted so far. Raises `RuntimeError` where there was a request that cannot be priced here."""
        with self._lock:
            if self._problems:
                raise RuntimeError(self._problems[0])
            return Bill(Counter(self._sqs), Counter(self._dynamodb), Counter(self.table.units))

    @property
    def quiet(self) -> bool:
        """Whether no request but polls is under way."""
        return self._under_way == 0

    def _enters(self, target: str, change: int) -> None:
        if not target.endswith(".ReceiveMessage"):
            with self._lock:
                self._under_way += change

    def count(self, target: str, asked: bytes, status: int, answer: bytes) -> None:
        """Take in one request; `target` is what X-Amz-Target says, service and action."""
        service, _, action = target.partition(".")
        with self._lock:
            if service == "AmazonSQS":
                empty = action == "ReceiveMessage" and not json.loads(answer).get("Messages")
                self._sqs[EMPTY if empty else action] += sqs_requests(len(asked), len(answer))
            elif service.startswith("DynamoDB_"):
                self._dynamodb[action] += 1
                try:
                    self.table.request(action, json.loads(asked), json.loads(answer), ok=status < 300)
                except (KeyError, ValueError) as error:
                    self._problems.append(f"{action} was answered {status}: {error!r}")
            else:
                self._problems.append(f"a request to {target or 'an unknown service'} is not counted here")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                asked = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, answer = proxy.handle(self.path, self.headers, asked)
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                pass  # a worker that was ended has closed its connections

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def handle(self, path: str, headers: Message, asked: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Pass one request on, and count it before its answer is given out: status, headers and body of that."""
        target = headers.get("X-Amz-Target", "")
        self._enters(target, 1)
        try:
            status, given, answer = self._pass_on(path, dict(headers), asked)
            self.count(target, asked, status, answer)
            return status, given, answer
        finally:
            self._enters(target, -1)

    def _pass_on(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self._target, timeout=_LONG_POLL_ANSWER)
        try:
            connection.request("POST", path, body, {**headers, "Host": self._target, "Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()
