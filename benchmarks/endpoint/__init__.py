"""The local SQS endpoint that all contenders share, seen from the harness."""

import http.client
import json
import secrets
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).parent


class Endpoint:
    """The endpoint's process, and requests to it. Safe to share among threads."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(["node", HERE / "server.mjs"], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        port = self._process.stdout.readline().strip()
        if not port:
            raise RuntimeError("the SQS endpoint did not start; it needs Node 20 or newer")
        self._address = f"127.0.0.1:{port}"
        self._connections = threading.local()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def url(self) -> str:
        return f"http://{self._address}"

    def sqs(self, action: str, **body: Any) -> dict[str, Any]:
        """An SQS request. The endpoint checks no signatures, so there is none."""
        return self._post(
            "/", body, {"X-Amz-Target": f"AmazonSQS.{action}", "Content-Type": "application/x-amz-json-1.0"}
        )

    def ask(self, command: str, queue: str, **body: Any) -> dict[str, Any]:
        """One of the commands in control.mjs."""
        return self._post(f"/_bench/{command}", {"queue": queue, **body}, {})

    def make_queue(self, visibility: int) -> tuple[str, str]:
        """A queue nobody else has: its name and URL."""
        name = f"q{secrets.token_hex(5)}"
        return name, self.sqs("CreateQueue", QueueName=name, Attributes={"VisibilityTimeout": str(visibility)})[
            "QueueUrl"
        ]

    def cpu(self) -> float:
        """Seconds of processor time that it has used."""
        used = self.ask("stats", "-")["cpu"]
        return (used["user"] + used["system"]) / 1e6

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        connection = getattr(self._connections, "own", None)
        if connection is None:
            connection = self._connections.own = http.client.HTTPConnection(self._address)
        connection.request("POST", path, json.dumps(body), headers)
        answer = json.loads(connection.getresponse().read())
        if "__type" in answer:
            raise RuntimeError(f"{path} {headers.get('X-Amz-Target', '')}: {answer}")
        return answer
