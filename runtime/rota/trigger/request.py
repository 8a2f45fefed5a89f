"""One signed request to an endpoint: what was answered, or how far it came."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from rota import __version__
from rota.signature import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from rota.trigger.config import EndpointConfig
from rota.trigger.http import HttpError, connected, receive, send, written

CONNECT = 5.0
"""Seconds for a connection, and for each step of TLS."""
PATIENCE = 5.0
"""Seconds beyond the load balancer's idle timeout, so that its 504 comes first."""
MOST_READ = 64 * 1024
"""Bytes of an answer; no more are read."""


class Place(NamedTuple):
    """Where one request goes."""

    address: str
    port: int
    server_name: str | None
    """That of the certificate; None without TLS."""
    host: str
    path: str
    timeout: float
    """Seconds that an answer may take."""

    @classmethod
    def of(cls, endpoint: EndpointConfig) -> "Place":
        """Of an endpoint: its load balancer."""
        name = endpoint.host if endpoint.tls else None
        timeout = endpoint.idle_timeout + PATIENCE
        return cls(endpoint.address, endpoint.port, name, endpoint.host, endpoint.path, timeout)

    @classmethod
    def of_server(cls, endpoint: EndpointConfig, address: str, port: int) -> "Place":
        """Of one server behind an endpoint."""
        name = (endpoint.server_name or endpoint.host) if endpoint.server_tls else None
        return cls.of(endpoint)._replace(address=address, port=port, server_name=name)


class Answer(NamedTuple):
    """What was answered."""

    status: int
    body: bytes = b""
    retry_after: float | None = None
    """Seconds."""
    of_rota: bool = False
    """Whether it has the header of the middleware's."""


class NoAnswer(NamedTuple):
    """How far it came."""

    reason: str
    begun: bool = False
    """Whether a part of it was sent: then it may have run."""
    passing: bool = False
    """Whether another try at once may do better."""
    most: float | None = None
    """For how many seconds it is tried again, where that is less than usual."""


def signed_request(place: Place, secrets: Iterable[str], message_id: str, body: bytes, now: float) -> bytes:
    """The bytes of the request: signed with each of the secrets, at `now`, seconds since 1970."""
    timestamp = int(now)
    signatures = [sign(secret, message_id=message_id, timestamp=timestamp, body=body) for secret in secrets]
    headers = {
        "host": place.host,
        "user-agent": f"rota/{__version__}",
        "content-type": "application/json",
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: " ".join(signatures),
        # One that is kept may be closed just as the next request begins: nobody knows then.
        "connection": "close",
    }
    return written(place.path, headers, body)


def exchange(place: Place, request: bytes, until: float) -> Answer | NoAnswer:  # noqa: PLR0911 - one for each end
    """Send it, and read the answer; only where that may take its whole time before `until`, by the monotonic clock."""
    where = f"{place.address}:{place.port}"
    try:
        connection = connected(place.address, place.port, CONNECT, place.server_name)
    except (OSError, ValueError) as error:
        if said := getattr(error, "verify_message", ""):  # of ssl, not imported for that
            return NoAnswer(f"the certificate at {where} is not good for {place.server_name}: {said}")
        return NoAnswer(f"no connection to {where}: {_told(error)}", passing=True)
    with connection:
        ends = time.monotonic() + place.timeout
        if ends > until:
            left = max(place.timeout - (ends - until), 0)
            return NoAnswer(f"the function has {left:.0f} s left, and an answer may take {place.timeout:.0f} s")
        sent, broken = send(connection, request, ends)
        if not sent:
            return NoAnswer(f"the connection to {where} broke at once: {_told(broken)}", passing=True)
        try:
            # Even if it broke while sending: a server that refuses a body may close before it has read it.
            answer = receive(connection, ends, MOST_READ)
        except HttpError as error:
            return NoAnswer(f"{_told(broken) if broken else error}", begun=True)
        except OSError as error:
            return NoAnswer(f"no answer: {_told(broken or error)}", begun=True)
    headers = answer.headers
    return Answer(answer.status, answer.body, _seconds(headers.get("retry-after")), "rota-version" in headers)


def _seconds(retry_after: str | None) -> float | None:
    """Of the header: seconds, or a date. None where it is neither."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdecimal():
        return float(retry_after[:9])
    from email.utils import parsedate_to_datetime

    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def _told(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")
