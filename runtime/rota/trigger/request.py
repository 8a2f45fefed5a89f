"""One signed request to an endpoint, in one try: what was answered, or how far it came."""

import http.client
import io
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rota import __version__
from rota.signature import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from rota.trigger.config import EndpointConfig

CONNECT = 5.0
"""Seconds that are waited for a connection, and for TLS."""
PATIENCE = 5.0
"""Seconds beyond the load balancer's own idle timeout, so that its 504 comes before the trigger gives up."""
MOST_READ = 64 * 1024
"""Bytes of an answer; whatever follows is not read."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where one request goes."""

    address: str
    port: int
    server_name: str | None
    """The name that the certificate must have; None without TLS."""
    host: str
    path: str
    timeout: float
    """Seconds that an answer may take."""

    @classmethod
    def of(cls, endpoint: EndpointConfig) -> "Place":
        """Of an endpoint: its load balancer."""
        return cls(
            address=endpoint.address,
            port=endpoint.port,
            server_name=endpoint.host if endpoint.tls else None,
            host=endpoint.host,
            path=endpoint.path,
            timeout=endpoint.idle_timeout + PATIENCE,
        )

    @classmethod
    def of_server(cls, endpoint: EndpointConfig, address: str, port: int) -> "Place":
        """Of one server behind an endpoint."""
        return cls(
            address=address,
            port=port,
            server_name=(endpoint.server_name or endpoint.host) if endpoint.server_tls else None,
            host=endpoint.host,
            path=endpoint.path,
            timeout=endpoint.idle_timeout + PATIENCE,
        )


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was answered."""

    status: int
    body: bytes = b""
    retry_after: float | None = None
    """Seconds."""


@dataclass(frozen=True, kw_only=True)
class NoAnswer:
    """How far it came."""

    reason: str
    begun: bool
    """Whether a part of the request was sent: then it may have run."""
    passing: bool = False
    """Whether another try at once may do better. Only where it has not begun."""
    most: float | None = None
    """For how many seconds it is tried again at the most, where that is less than usual."""


def signed_request(place: Place, secrets: Iterable[str], message_id: str, body: bytes, now: float) -> bytes:
    """The bytes of the request: signed with each of the secrets, at `now`, seconds since 1970."""
    timestamp = int(now)
    signatures = [sign(secret, message_id=message_id, timestamp=timestamp, body=body) for secret in secrets]
    headers = {
        "host": place.host,
        "user-agent": f"rota/{__version__}",
        "content-type": "application/json",
        "content-length": str(len(body)),
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: " ".join(signatures),
        # One that is kept may be closed by the other side just as the next request begins: nobody knows then.
        "connection": "close",
    }
    head = f"POST {place.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return head.encode("latin-1") + b"\r\n" + body


def exchange(place: Place, request: bytes, until: float) -> Answer | NoAnswer:
    """Send it, and read the answer. It begins only where the answer may take its whole time before `until`, by the
    monotonic clock."""
    where = f"{place.address}:{place.port}"
    try:
        connection = socket.create_connection((place.address, place.port), timeout=CONNECT)
    except (OSError, UnicodeError) as error:  # UnicodeError: what is no host name
        return NoAnswer(reason=f"no connection to {where}: {_told(error)}", begun=False, passing=True)
    with connection:
        if place.server_name is None:
            return _converse(connection, place, request, until)
        import ssl

        from rota.trigger.tls import context

        try:
            secured = context().wrap_socket(connection, server_hostname=place.server_name)
        except ssl.SSLCertVerificationError as error:
            reason = f"the certificate at {where} is not good for {place.server_name}: {error.verify_message}"
            return NoAnswer(reason=reason, begun=False)
        except (OSError, ValueError) as error:  # ValueError: what is no server name
            return NoAnswer(reason=f"no TLS with {where}: {_told(error)}", begun=False, passing=True)
        with secured:
            return _converse(secured, place, request, until)


def _converse(connection: socket.socket, place: Place, request: bytes, until: float) -> Answer | NoAnswer:
    left = until - time.monotonic()
    if left < place.timeout:
        reason = f"the function has {max(left, 0):.0f} s left, and an answer may take {place.timeout:.0f} s"
        return NoAnswer(reason=reason, begun=False)
    ends = time.monotonic() + place.timeout
    sent, broken = _send(connection, request, ends)
    if not sent:
        return NoAnswer(reason=f"the connection broke at once: {_told(broken)}", begun=False, passing=True)
    try:
        # Even if it broke while sending: a server that refuses a body may close before it has read it.
        return _receive(connection, ends)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return NoAnswer(reason=f"no answer: {_told(broken or error)}", begun=True)


def _send(connection: socket.socket, request: bytes, ends: float) -> tuple[int, OSError | None]:
    """How many bytes the connection took, and what stopped it."""
    sent = 0
    try:
        while sent < len(request):
            connection.settimeout(max(ends - time.monotonic(), 0.001))
            sent += connection.send(request[sent : sent + 65536])
    except OSError as error:
        return sent, error
    return sent, None


def _receive(connection: socket.socket, ends: float) -> Answer:
    answer = http.client.HTTPResponse(_Within(connection, ends), method="POST")  # type: ignore[arg-type] # its makefile is all that is asked of it
    try:
        answer.begin()
        body = answer.read(MOST_READ)
        if answer.length and len(body) < MOST_READ:
            raise http.client.IncompleteRead(body, answer.length)
        return Answer(status=answer.status, body=body, retry_after=_seconds(answer.getheader("retry-after")))
    finally:
        answer.close()


class _Within(io.RawIOBase):
    """What comes in until `ends`. A socket's own timeout counts anew with each byte."""

    def __init__(self, connection: socket.socket, ends: float) -> None:
        self._connection, self._ends = connection, ends

    def makefile(self, _mode: str) -> io.BufferedReader:
        """As HTTPResponse asks a socket."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As RawIOBase has it."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


def _seconds(retry_after: str | None) -> float | None:
    """Of the header: seconds, or a date. None where it is neither."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(min(int(text[:9]), 10**8))
    from email.utils import parsedate_to_datetime

    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def _told(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")
