"""What the functions talk to: Secrets Manager and a load balancer, in one server that knows a good signature."""

import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

from rota.key_rotation import encode, new_key
from rota.signature import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, verify

SYSTEM_CERTIFICATES = Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")
NAME = "localhost"


class Stand:
    """One that listens, over TLS or without, until it is closed."""

    def __init__(self, folder: Path, *, tls: bool) -> None:
        self.tls = tls
        self._keys = (new_key(since="2026-11-21T11:00:00Z"), new_key(since="2026-11-21T12:00:00Z"))
        self.good = 0
        """Requests to the balancer with the signatures of both keys."""
        stand = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if "x-amz-target" in self.headers:
                    assert self.headers["x-amz-target"] == "secretsmanager.GetSecretValue"
                    said = {"ARN": json.loads(body)["SecretId"], "SecretString": encode(stand._keys)}
                else:
                    said = stand._answer(self.headers, body)
                data = json.dumps(said).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http{'s' if tls else ''}://{NAME}:{self.port}"
        self.authority, self.certificates = folder / "authority.pem", folder / "certificates.pem"
        if tls:
            self._secure()
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _secure(self) -> None:
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(NAME).configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.authority.write_bytes(authority.cert_pem.bytes())
        # With all of the system's: reading them is a part of what a first request costs.
        self.certificates.write_bytes(SYSTEM_CERTIFICATES.read_bytes() + authority.cert_pem.bytes())

    def _answer(self, headers: Any, body: bytes) -> dict[str, Any]:
        signatures = headers[SIGNATURE_HEADER].split(" ")
        assert len(signatures) == len(self._keys)
        for key, signature in zip(self._keys, signatures, strict=True):
            verify(
                [key.secret],
                message_id=headers[ID_HEADER],
                timestamp=headers[TIMESTAMP_HEADER],
                signature=signature,
                body=body,
                now=time.time(),
            )
        run = json.loads(body)
        assert run["endpoint"] == "web"
        self.good += 1
        return {"rota": 1, "job": run["job"], "run": run["run"], "outcome": "succeeded", "reason": "handler returned"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
