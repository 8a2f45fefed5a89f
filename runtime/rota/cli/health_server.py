"""GET /health of `rota worker`: how the worker is, for load balancers and orchestrators."""

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rota.errors import RotaError

if TYPE_CHECKING:
    from rota.worker.health import Health

PATH = "/health"


class CannotListenError(RotaError):
    """The health route cannot be served."""


class HealthServer:
    """Answers in threads of its own, from `start` until the process ends. Binds when made, so that a port in use is
    known before the first run is received.

    Raises `CannotListenError`.
    """

    def __init__(self, health: "Callable[[], Health]", host: str, port: int) -> None:
        handler = type("HealthHandler", (_Handler,), {"health": staticmethod(health)})
        try:
            self._server = _server_for(host)((host, port), handler)
        except OSError as error:
            raise CannotListenError(
                f"--health-port {port}: cannot listen on {host}: {error.strerror or error}; end what listens there, or "
                "choose another port or --health-host"
            ) from None
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_address[1]}{PATH}"
        """Where it is."""

    def start(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self._server.serve_forever, name="rota-health", daemon=True).start()


class _Server(ThreadingTCPServer):
    # Not http.server's own: it looks its name up in DNS.
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that went away is its own affair."""


class _ServerOnIpv6(_Server):
    address_family = socket.AF_INET6


def _server_for(host: str) -> type[_Server]:
    return _ServerOnIpv6 if ":" in host else _Server


class _Handler(BaseHTTPRequestHandler):
    health: "Callable[[], Health]"
    timeout = 5
    server_version, sys_version = "rota", ""

    def do_GET(self) -> None:
        """How the worker is; 404 for any other path."""
        if urlsplit(self.path).path != PATH:
            self._answer(404, {"error": f"there is {PATH} alone"})
            return
        health = self.health()
        self._answer(health.http_status, health.as_dict())

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def _answer(self, status: int, said: object) -> None:
        body = json.dumps(said).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name for it
        """Nothing: a line every few seconds tells nobody anything."""
