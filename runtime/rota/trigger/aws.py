"""AWS without boto3, whose import alone takes several times as long as everything the trigger does."""

import http.client
import json
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from rota.errors import BackendError
from rota.trigger.sigv4 import Credentials, signed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

TRIES = 3
"""Of one request, where AWS is busy or the connection breaks."""
CONNECT, READ = 3.0, 10.0
"""Seconds that are waited for a connection, and for each part of an answer."""

_VARIABLES = {
    "sqs": "SQS",
    "secretsmanager": "SECRETS_MANAGER",
    "elasticloadbalancing": "ELASTIC_LOAD_BALANCING_V2",
    "ec2": "EC2",
}
"""How the services are called in `AWS_ENDPOINT_URL_<SERVICE>`.
https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html"""
_BUSY = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "SlowDown", "Unavailable", "InternalFailure")
"""What the codes of errors contain that another try may mend, whatever their status."""


class AwsError(BackendError):
    """AWS refused or did not answer a request."""

    def __init__(self, action: str, problem: str, code: str = "") -> None:
        super().__init__(f"{action}: {problem}")
        self.action, self.code = action, code
        """What was asked, as "sqs SendMessage", and AWS's code for what is wrong with it, if it gave one."""


class Aws:
    """Requests to services, over connections that are kept. Safe to share among threads.

    `environ` has region, credentials and `AWS_ENDPOINT_URL`, as a function's has; they are read at each request.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._environ, self._sleep = environ, sleep
        self._idle: dict[str, list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()

    def json(self, service: str, target: str, version: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Ask in AWS's JSON protocol: `target` as "AmazonSQS.SendMessage", `version` as "1.0". Raises `AwsError`."""
        action = f"{service} {target.rpartition('.')[2]}"
        headers = {"content-type": f"application/x-amz-json-{version}", "x-amz-target": target}
        answer = self._ask(action, service, headers, json.dumps(asked).encode())
        try:
            read = json.loads(answer or b"{}")
        except ValueError:
            raise AwsError(action, "the answer is no JSON") from None
        return read if isinstance(read, dict) else {}

    def query(self, service: str, action: str, version: str, asked: Mapping[str, str]) -> "Element":
        """Ask in AWS's query protocol; the XML that it answers. Raises `AwsError`."""
        from xml.etree import ElementTree as ET

        said = {"Action": action, "Version": version, **asked}
        body = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in said.items())
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        answer = self._ask(f"{service} {action}", service, headers, body.encode())
        try:
            return ET.fromstring(answer)  # noqa: S314 - AWS wrote it
        except ET.ParseError:
            raise AwsError(f"{service} {action}", "the answer is no XML") from None

    def _ask(self, action: str, service: str, headers: Mapping[str, str], body: bytes) -> bytes:
        for further in range(TRIES - 1, -1, -1):
            try:
                # What was kept may have died while the function was frozen: after one failure, only a new one will do.
                return self._try(action, service, headers, body, kept=further == TRIES - 1)
            except _TryAgainError as error:
                if not further:
                    raise error.error from error
                self._sleep(random.uniform(0.05, 0.2) * 2.0 ** (TRIES - 1 - further))
        raise AssertionError  # the last of the tries returned or raised

    def _try(self, action: str, service: str, headers: Mapping[str, str], body: bytes, *, kept: bool) -> bytes:
        region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION") or ""
        url = self._url(service, region)
        parts = urlsplit(url)
        sent = signed(
            {**headers, "host": parts.netloc},
            credentials=self._credentials(action),
            service=service,
            region=region,
            path=parts.path or "/",
            body=body,
            now=time.time(),
        )
        connection = self._connection(url, kept=kept)
        try:
            if connection.sock is None:
                connection.connect()
                if connection.sock is not None:  # it is not: connect() has made it
                    connection.sock.settimeout(READ)
            connection.request("POST", parts.path or "/", body, sent)
            answer = connection.getresponse()
            read = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            said = f"{type(error).__name__}: {error}".rstrip(": ")
            raise _TryAgainError(AwsError(action, f"no answer from {parts.netloc}: {said}")) from error
        if answer.will_close:
            connection.close()
        else:
            with self._lock:
                self._idle.setdefault(url, []).append(connection)
        if answer.status != http.client.OK:
            refusal = _refusal(action, answer.status, read)
            if answer.status >= 500 or answer.status == 429 or any(word in refusal.code for word in _BUSY):
                raise _TryAgainError(refusal)
            raise refusal
        return read

    def _connection(self, url: str, *, kept: bool) -> http.client.HTTPConnection:
        with self._lock:
            if kept and self._idle.get(url):
                return self._idle[url].pop()
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, parts.port, timeout=CONNECT)
        from rota.trigger.tls import context

        return http.client.HTTPSConnection(host, parts.port, timeout=CONNECT, context=context())

    def _url(self, service: str, region: str) -> str:
        given = self._environ.get(f"AWS_ENDPOINT_URL_{_VARIABLES[service]}") or self._environ.get("AWS_ENDPOINT_URL")
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return given or f"https://{service}.{region}.{domain}"

    def _credentials(self, action: str) -> Credentials:
        try:
            return Credentials(
                access_key=self._environ["AWS_ACCESS_KEY_ID"],
                secret_key=self._environ["AWS_SECRET_ACCESS_KEY"],
                token=self._environ.get("AWS_SESSION_TOKEN"),
            )
        except KeyError as error:
            raise AwsError(action, f"there are no credentials: {error.args[0]} is not set") from None


class _TryAgainError(Exception):
    """What another try may mend."""

    def __init__(self, error: AwsError) -> None:
        self.error = error


def _refusal(action: str, status: int, read: bytes) -> AwsError:
    """The error of an answer, in either protocol."""
    code = message = ""
    try:
        if read.lstrip().startswith(b"<"):
            from xml.etree import ElementTree as ET

            found = {one.tag.rpartition("}")[2]: one.text or "" for one in ET.fromstring(read).iter()}  # noqa: S314 - as above
            code, message = found.get("Code", ""), found.get("Message", "")
        else:
            said = json.loads(read)
            code = str(said.get("__type", "")).rpartition("#")[2]
            message = str(said.get("message") or said.get("Message") or "")
    except (ValueError, AttributeError, SyntaxError):  # SyntaxError: what ElementTree's is
        message = read[:200].decode(errors="replace")
    return AwsError(action, f"{code or 'error'} ({status}): {message}", code)
