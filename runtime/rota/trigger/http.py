"""HTTP/1.1, as the trigger speaks it. `http.client` brings in `email` and `ssl`: a third of a start."""

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
    broken: str = ""
    """Why the body is not whole, where it broke off."""


def connected(address: str, port: int, timeout: float, server_name: str | None = None) -> socket.socket:
    """A connection; with a server name over TLS, with a certificate for that name. Raises `OSError`, as `ssl.SSLError`
    is, or `ValueError` for what is no name."""
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
    """The process's: to read all the authorities' certificates costs most of a first request."""
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
    """How many bytes it took before `ends`, by the monotonic clock, and what stopped it."""
    sent = 0
    try:
        while sent < len(request):
            connection.settimeout(max(ends - time.monotonic(), 0.001))
            sent += connection.send(request[sent : sent + _PART])
    except OSError as error:
        return sent, error
    return sent, None


def receive(connection: socket.socket, ends: float, most: int) -> Response:
    """The answer, with up to `most` bytes of its body, as far as it came before `ends`. Raises `HttpError` or `OSError`
    where status and headers did not."""
    incoming = _Incoming(connection, ends)
    version, status, headers = incoming.head()
    while 100 <= status < 200 and status != 101:  # words before the answer, as "103 Early Hints"
        version, status, headers = incoming.head()
    length, broken = _length(headers.get("content-length", "")), ""
    try:
        if status in (101, 204, 304):
            length = 0
        elif headers.get("transfer-encoding", "").lower().endswith("chunked"):
            length = 0
            incoming.chunks(most)
        else:
            incoming.take(most + 1 if length is None else min(length, most + 1), to_the_end=length is None)
    except (OSError, HttpError) as error:
        broken = f"{type(error).__name__}: {error}"
    body = bytes(incoming.body)
    whole = length is not None and not broken and len(body) <= most and version == "HTTP/1.1"
    return Response(status, headers, body[:most], whole and headers.get("connection", "").lower() != "close", broken)


def _length(said: str) -> int | None:
    """Of the header, which may say it several times; None where nobody knows."""
    lengths = {one.strip().lstrip("0") or one.strip()[-1:] for one in said.split(",")}
    length = lengths.pop()
    return int(length[:18]) if not lengths and length.isascii() and length.isdecimal() else None


class _Incoming:
    """What comes in until `ends`: a socket's own timeout counts anew with each byte."""

    def __init__(self, connection: socket.socket, ends: float) -> None:
        self._connection, self._ends, self._read = connection, ends, b""
        self.body = bytearray()

    def head(self) -> tuple[str, int, dict[str, str]]:
        """Version, status and headers."""
        first = self._line()
        version, status, *_ = [*first.split(None, 2), "", ""]
        number = len(status) == 3 and status.isascii() and status.isdecimal() and status >= "100"
        if not (number and version.startswith("HTTP/1.")):
            raise HttpError(f"the answer begins with {first[:40]!r}")
        headers: dict[str, str] = {}
        left = _MOST_HEAD
        while line := self._line():
            if (left := left - len(line)) < 0:
                raise HttpError("the answer's headers have no end")
            name, _, value = line.partition(":")
            if line[0] not in " \t":  # else more of the value before
                headers.setdefault(name.strip().lower(), value.strip())
        return version, int(status), headers

    def take(self, count: int, *, to_the_end: bool = False) -> None:
        """So many bytes more of the body; or fewer, to the connection's end."""
        while count:
            if not self._read and not self._more(or_end=to_the_end):
                return
            part, self._read = self._read[:count], self._read[count:]
            self.body += part
            count -= len(part)

    def chunks(self, most: int) -> None:
        """A body in chunks, or a little more than `most` bytes of it."""
        while len(self.body) <= most:
            said = self._line().partition(";")[0].strip()
            # Not int() alone: that takes signs, "1_0" and any script.
            if not said or said.strip("0123456789abcdefABCDEF"):
                raise HttpError(f"a chunk's size is {said[:40]!r}")
            size = int(said.lstrip("0")[:16] or "0", 16)
            if not size:
                while self._line(or_end=True):  # headers behind the body
                    pass
                return
            self.take(min(size, most + 1 - len(self.body)))
            if len(self.body) <= most and self._line():
                raise HttpError("a chunk is longer than its size")

    def _line(self, *, or_end: bool = False) -> str:
        """A line, without its end; or what there is before the connection's."""
        while b"\n" not in self._read:
            if len(self._read) > _MOST_HEAD:
                raise HttpError("a line of the answer has no end")
            if not self._more(or_end=or_end):
                break
        found, _, self._read = self._read.partition(b"\n")
        return found.removesuffix(b"\r").decode("latin-1")

    def _more(self, *, or_end: bool = False) -> bool:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        part = self._connection.recv(_PART)
        if not part and not or_end:
            raise HttpError("the connection was closed before the answer was whole")
        self._read += part
        return bool(part)
