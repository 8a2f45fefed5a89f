"""HTTP/1.1, as much of it as the trigger speaks. `http.client` brings in `email` and `ssl`: a third of a start."""

import socket
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from rota.errors import RotaError

if TYPE_CHECKING:
    import ssl

_MOST_HEAD = 64 * 1024
"""Bytes of an answer's status and headers."""
_PART = 64 * 1024
"""Bytes that are sent or received at once."""


class HttpError(RotaError):
    """The answer is no HTTP, or not a whole one."""


class Response(NamedTuple):
    """An answer. The names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool
    """Whether the connection may take another request."""


def connected(address: str, port: int, timeout: float, server_name: str | None = None) -> socket.socket:
    """A connection; with a server name over TLS, and then the certificate is good for that name. Raises `OSError`, of
    which `ssl.SSLError` is one, or `ValueError` for what is no name."""
    connection = socket.create_connection((address, port), timeout=timeout)
    if server_name is None:
        return connection
    try:
        return _context().wrap_socket(connection, server_hostname=server_name)
    except BaseException:
        connection.close()
        raise


_lock = threading.Lock()
_contexts: "list[ssl.SSLContext]" = []


def _context() -> "ssl.SSLContext":
    """The one of the process: to read all the authorities' certificates costs most of a first request."""
    with _lock:
        if not _contexts:
            import ssl

            _contexts.append(ssl.create_default_context())
        return _contexts[0]


def written(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """The bytes of a `POST`."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body


def send(connection: socket.socket, request: bytes, ends: float) -> tuple[int, OSError | None]:
    """How many bytes the connection took before `ends`, by the monotonic clock, and what stopped it."""
    sent = 0
    try:
        while sent < len(request):
            connection.settimeout(max(ends - time.monotonic(), 0.001))
            sent += connection.send(request[sent : sent + _PART])
    except OSError as error:
        return sent, error
    return sent, None


def receive(connection: socket.socket, ends: float, most: int) -> Response:
    """The answer, with up to `most` bytes of its body. Raises `HttpError`, or `OSError`; `TimeoutError` where it is not
    there by `ends`."""
    incoming = _Incoming(connection, ends)
    version, status, headers = incoming.head()
    while 100 <= status < 200 and status != 101:  # words before the answer, as "103 Early Hints"
        version, status, headers = incoming.head()
    length = headers.get("content-length")
    ends_with_connection = False
    if status in (101, 204, 304):
        body = b""
    elif headers.get("transfer-encoding", "").lower().endswith("chunked"):
        body = incoming.chunks(most)
    elif length is not None:
        if not (length.isascii() and length.isdecimal()):
            raise HttpError(f"the answer's content-length is {length[:40]!r}")
        body = incoming.exactly(min(int(length[:18]), most + 1))
    else:
        body, ends_with_connection = incoming.rest(most), True
    whole = len(body) <= most and not ends_with_connection and version == "HTTP/1.1"
    return Response(status, headers, body[:most], whole and headers.get("connection", "").lower() != "close")


class _Incoming:
    """What comes in until `ends`. A socket's own timeout counts anew with each byte."""

    def __init__(self, connection: socket.socket, ends: float) -> None:
        self._connection, self._ends, self._read = connection, ends, b""

    def head(self) -> tuple[str, int, dict[str, str]]:
        """Version, status and headers."""
        first, *lines = self._until(b"\r\n\r\n").split("\r\n")
        version, _, rest = first.partition(" ")
        status = rest[:3]
        if not (version.startswith("HTTP/1.") and status.isascii() and status.isdecimal() and int(status) >= 100):
            raise HttpError(f"the answer begins with {first[:40]!r}")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
        return version, int(status), headers

    def exactly(self, count: int) -> bytes:
        """So many bytes."""
        while len(self._read) < count:
            self._more()
        found, self._read = self._read[:count], self._read[count:]
        return found

    def rest(self, most: int) -> bytes:
        """All that comes until the other side has closed, or a little more than `most` bytes."""
        while len(self._read) <= most and (part := self._receive()):
            self._read += part
        return self._read

    def chunks(self, most: int) -> bytes:
        """A body in chunks, to its end, or a little more than `most` bytes of it."""
        body = b""
        while True:
            said = self._until(b"\r\n").partition(";")[0].strip()
            # Not int() alone: that takes signs, "1_0" and the digits of every script.
            if not said or said.strip("0123456789abcdefABCDEF"):
                raise HttpError(f"a chunk's size is {said[:40]!r}")
            size = int(said[:16], 16)
            if not size:
                while self._until(b"\r\n"):  # headers behind the body
                    pass
                return body
            body += self.exactly(min(size, most + 1 - len(body)))
            if len(body) > most:
                return body
            self.exactly(2)

    def _until(self, mark: bytes) -> str:
        """The text before `mark`, which is taken out too."""
        while mark not in self._read:
            if len(self._read) > _MOST_HEAD:
                raise HttpError("the answer's headers have no end")
            self._more()
        found, _, self._read = self._read.partition(mark)
        return found.decode("latin-1")

    def _more(self) -> None:
        part = self._receive()
        if not part:
            raise HttpError("the connection was closed before the answer was whole")
        self._read += part

    def _receive(self) -> bytes:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        return self._connection.recv(_PART)
