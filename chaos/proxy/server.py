"""An HTTP proxy between workers and the local AWS. From the standard library, a thread a connection: the whole harness
asks for less than a hundred requests a second, and a hand-written parser would be one more thing to be wrong."""

import contextlib
import http.client
import re
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from chaos.lines import LineLog
from chaos.proxy.errors import refusal
from chaos.proxy.faults import NEVER, Fault, Faults

ANSWER = 60.0
"""Seconds that the local AWS may take; a long poll takes 20."""

_HOP_BY_HOP = {"connection", "content-length", "keep-alive", "transfer-encoding"}


class Proxy(ThreadingHTTPServer):
    """Forwards each POST to `upstream`, or does what `faults` says; writes each fault to `log`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: str, faults: Faults, log: LineLog) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.upstream = urlsplit(upstream).netloc
        self.faults, self.log = faults, log

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is killed or stopped by the harness: nothing to tell."""


class _Connection(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target", "")
        # Each server has an access key of its own, which says who asks; the local AWS takes any.
        key = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
        server = key[1] if key else ""
        number, fault = self.server.faults.next(target, server)
        if fault is None:
            self._answer(self._forward(body))
            return
        self.server.log.write(
            request=target, number=number, server=server, fault=fault.kind, seconds=round(fault.seconds, 2)
        )
        self._fail(fault, target, body)

    def _fail(self, fault: Fault, target: str, body: bytes) -> None:
        if fault.kind == "error":
            found = refusal(target, fault.chance)
            headers = [("Content-Type", "application/x-amz-json-1.0"), ("Date", self.date_time_string())]
            self._answer((found.status, headers, found.body))
            return
        if fault.kind == "slow question":
            time.sleep(fault.seconds)
        answer = self._forward(body)
        if fault.kind == "sent twice":
            answer = self._forward(body)
        elif fault.kind == "slow answer":
            time.sleep(fault.seconds)
        elif fault.kind in ("lost answer", "no answer"):
            if fault.kind == "no answer":
                time.sleep(NEVER)
            self._hang_up()
            return
        self._answer(answer)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        # A connection each: one that is kept may be closed by the other side just now, and who then asks again may
        # have asked twice.
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=ANSWER)
        with contextlib.closing(upstream):
            kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
            upstream.request(self.command, self.path, body=body, headers=kept)
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()

    def _answer(self, answer: tuple[int, list[tuple[str, str]], bytes]) -> None:
        status, headers, body = answer
        self.send_response_only(status)
        # The Date among them: it is how rota learns the time.
        for name, value in headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Nothing: what matters is in the log of faults."""
