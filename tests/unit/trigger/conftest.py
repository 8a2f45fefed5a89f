"""A server on loopback that does what a script says, and a deployment's configuration around it."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rota.trigger.config import EndpointConfig

RESET = "reset"
"""Read the request, then break the connection."""
CLOSE = "close"
"""Read the request, then close without a word."""
HANG = "hang"
"""Read the request, and say nothing."""
REFUSE_BODY = "refuse body"
"""Answer 413 after the headers, and close."""


def answered(status: int, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of an answer."""
    said = {"content-length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in said.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Scripted:
    """Handles one connection after the other, each by the next step of its script; the last one stays."""

    def __init__(self, *script: bytes | str, secure: Callable[[socket.socket], socket.socket] | None = None) -> None:
        self.script = list(script)
        self.requests: list[bytes] = []
        self.connections = 0
        self._secure = secure
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it: from now on, connections are refused."""
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def headers(self, number: int = -1) -> dict[str, str]:
        """Those of a request."""
        lines = self.requests[number].partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    def body(self, number: int = -1) -> bytes:
        """That of a request."""
        return self.requests[number].partition(b"\r\n\r\n")[2]

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            try:
                with self._secure(connection) if self._secure else connection as made:
                    self._converse(made, step)
            except OSError:
                connection.close()

    def _converse(self, connection: socket.socket, step: bytes | str) -> None:
        connection.settimeout(10)
        read = b""
        while b"\r\n\r\n" not in read:
            read += _some(connection)
        if step == REFUSE_BODY:
            connection.sendall(answered(413, b"too large", connection="close"))
            return
        length = next(int(line[16:]) for line in read.lower().split(b"\r\n") if line.startswith(b"content-length: "))
        head = read.index(b"\r\n\r\n") + 4
        while len(read) < head + length:
            read += _some(connection)
        self.requests.append(read)
        if isinstance(step, bytes):
            connection.sendall(step)
        elif step == HANG:
            self._over.wait(10)
        elif step == RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _some(connection: socket.socket) -> bytes:
    if part := connection.recv(65536):
        return part
    raise ConnectionError


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    """Makes such servers, and stops them."""
    made: list[Scripted] = []

    def make(*script: bytes | str, **rest: Any) -> Scripted:
        made.append(Scripted(*script, **rest))
        return made[-1]

    yield make
    for server in made:
        if not server._over.is_set():
            server.stop()


@pytest.fixture
def closed_port() -> int:
    """One at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def answer() -> Callable[..., bytes]:
    """The bytes of an answer: `answer(status, body, **headers)`."""
    return answered


@pytest.fixture
def endpoint() -> Callable[..., EndpointConfig]:
    """Makes one on loopback, at a port."""

    def make(port: int = 1, **changes: Any) -> EndpointConfig:
        usual: dict[str, Any] = {
            "address": "127.0.0.1",
            "port": port,
            "tls": False,
            "host": "app.example.com",
            "path": "/jobs",
            "idle_timeout": 60.0,
            "lease": 30.0,
        }
        return EndpointConfig(**usual | changes)

    return make


@pytest.fixture
def record() -> Callable[..., dict[str, Any]]:
    """Makes a message as Lambda brings it."""
    return recorded


def recorded(body: str, **changes: Any) -> dict[str, Any]:
    """A message as Lambda brings it."""
    return {
        "messageId": changes.get("id", "m1"),
        "receiptHandle": changes.get("receipt", "receipt"),
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(changes.get("received", 1)),
            "SentTimestamp": str(round(changes.get("sent_at", time.time()) * 1000)),
        },
        "messageAttributes": {
            name: {"dataType": "String", "stringValue": value} for name, value in changes.get("said", {}).items()
        },
    }
