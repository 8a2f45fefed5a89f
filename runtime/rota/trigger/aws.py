"""AWS without boto3, whose import alone takes longer than all that the trigger does."""

import json
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rota.errors import BackendError
from rota.trigger.http import HttpError, Response, connected, receive, send, written
from rota.trigger.sigv4 import Credentials, signed

TRIES = 3
"""Of one request."""
CONNECT, READ = 3.0, 10.0
"""Seconds for a connection, and for an answer."""
_MOST_READ = 16 * 1024 * 1024

_VARIABLES = {
    "sqs": "SQS",
    "secretsmanager": "SECRETS_MANAGER",
    "elasticloadbalancing": "ELASTIC_LOAD_BALANCING_V2",
    "ec2": "EC2",
}
"""In `AWS_ENDPOINT_URL_<SERVICE>`.
https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html"""
_BUSY = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "SlowDown", "Unavailable", "InternalFailure")
"""In codes of errors that another try may mend, whatever their status."""


class AwsError(BackendError):
    """AWS refused or did not answer a request."""

    def __init__(self, action: str, problem: str, code: str = "", *, passing: bool = False) -> None:
        super().__init__(f"{action}: {problem}")
        self.code, self.passing = code, passing
        """AWS's code; whether another try may mend it."""


class Aws:
    """Requests to services, over connections that are kept. Safe to share among threads. Region, credentials and
    `AWS_ENDPOINT_URL` are read from `environ` at each request."""

    def __init__(self, environ: Mapping[str, str] = os.environ, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._environ, self._sleep = environ, sleep
        self._idle: dict[str, list[socket.socket]] = {}
        self._lock = threading.Lock()

    def json(self, service: str, target: str, version: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Ask in the JSON protocol: `target` as "AmazonSQS.SendMessage", `version` as "1.0". Raises `AwsError`."""
        action = f"{service} {target.rpartition('.')[2]}"
        headers = {"content-type": f"application/x-amz-json-{version}", "x-amz-target": target}
        answer: dict[str, Any] = json.loads(self._ask(action, service, headers, json.dumps(asked).encode()) or "{}")
        return answer

    def query(self, service: str, action: str, version: str, asked: Mapping[str, str]) -> Any:
        """Ask in the query protocol; the XML that is answered, an `Element`. Raises `AwsError`."""
        from urllib.parse import quote
        from xml.etree import ElementTree as ET

        said = {"Action": action, "Version": version, **asked}
        body = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in said.items())
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        answer = self._ask(f"{service} {action}", service, headers, body.encode())
        return ET.fromstring(answer)  # noqa: S314 - AWS wrote it

    def _ask(self, action: str, service: str, headers: Mapping[str, str], body: bytes) -> bytes:
        tries = 1
        while True:
            try:
                # What was kept may have died while the function was frozen.
                return self._try(action, service, headers, body, kept=tries == 1)
            except AwsError as error:
                if not error.passing or tries == TRIES:
                    raise
            self._sleep(random.uniform(0.05, 0.2) * 2.0**tries)
            tries += 1

    def _try(self, action: str, service: str, headers: Mapping[str, str], body: bytes, *, kept: bool) -> bytes:
        region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION") or ""
        url = self._url(service, region)
        place = _Url.of(url)
        sent = signed(
            {**headers, "host": place.host},
            credentials=self._credentials(action),
            service=service,
            region=region,
            path=place.path,
            body=body,
            now=time.time(),
        )
        try:
            answer = self._exchange(url, place, written(place.path, sent, body), kept=kept)
        except (OSError, ValueError, HttpError) as error:
            raise AwsError(action, f"no answer from {place.host}: {error!r}", passing=True) from error
        if answer.status != 200:
            raise _refusal(action, answer)
        return answer.body

    def _exchange(self, url: str, place: "_Url", request: bytes, *, kept: bool) -> Response:
        with self._lock:
            connection = self._idle[url].pop() if kept and self._idle.get(url) else None
        if connection is None:
            connection = connected(place.name, place.port, CONNECT, place.name if place.tls else None)
        try:
            ends = time.monotonic() + READ
            _, broken = send(connection, request, ends)
            if broken:
                raise broken
            answer = receive(connection, ends, _MOST_READ)
            if answer.broken:
                raise HttpError(answer.broken)
        except BaseException:
            connection.close()
            raise
        if answer.whole:
            with self._lock:
                self._idle.setdefault(url, []).append(connection)
        else:
            connection.close()
        return answer

    def _url(self, service: str, region: str) -> str:
        given = self._environ.get(f"AWS_ENDPOINT_URL_{_VARIABLES[service]}") or self._environ.get("AWS_ENDPOINT_URL")
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return given or f"https://{service}.{region}.{domain}"

    def _credentials(self, action: str) -> Credentials:
        try:
            key, secret = self._environ["AWS_ACCESS_KEY_ID"], self._environ["AWS_SECRET_ACCESS_KEY"]
        except KeyError as error:
            raise AwsError(action, f"there are no credentials: {error.args[0]} is not set") from None
        return Credentials(key, secret, self._environ.get("AWS_SESSION_TOKEN"))


class _Url(NamedTuple):
    tls: bool
    host: str
    """As the header has it."""
    name: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> "_Url":
        # Not urllib.parse: it costs an import.
        scheme, _, rest = url.partition("://")
        host, _, path = rest.partition("/")
        name, colon, port = host.rpartition(":")
        tls = scheme != "http"
        if not (colon and port.isdecimal()):
            name, port = host, "443" if tls else "80"
        return cls(tls, host, name.strip("[]"), int(port), f"/{path}")


def _refusal(action: str, answer: Response) -> AwsError:
    """An answer's error, in either protocol."""
    text = answer.body.decode(errors="replace")
    if text.lstrip().startswith("<"):
        code, message = (text.partition(f"<{tag}>")[2].partition("<")[0] for tag in ("Code", "Message"))
    else:
        try:
            said = json.loads(text)
            code = str(said.get("__type", "")).rpartition("#")[2]
            message = str(said.get("message") or said.get("Message") or "")
        except (ValueError, AttributeError):
            code, message = "", text[:200]
    passing = answer.status >= 500 or answer.status == 429 or any(word in code for word in _BUSY)
    return AwsError(action, f"{code or 'error'} ({answer.status}): {message}", code, passing=passing)
