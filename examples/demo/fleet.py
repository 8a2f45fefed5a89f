"""Three web servers of the shop, as real processes: start them, ask one for a page, kill one."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path

START_SECONDS = 30


class Server:
    """One web server with its worker threads."""

    def __init__(self, name: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.port = _free_port()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "uvicorn",
                    "examples.shop.web:app",
                    "--port",
                    str(self.port),
                    "--log-level",
                    "warning",
                ],
                env={**environment, "SHOP_SERVER": name},
                stdout=output,
                stderr=output,
            )
        self._log = log

    def wait_until_up(self) -> None:
        """Block until it serves its page. Raises `RuntimeError` with the end of its log if it does not."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"{self.name} did not come up:\n{self._log.read_text()[-2000:]}")

    def post(self, path: str, **form: object) -> None:
        """Submit a form of its page."""
        data = urllib.parse.urlencode(form).encode()
        urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data=data, timeout=10).close()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> float:
        """SIGKILL: no goodbye, as when a machine goes away. Returns when."""
        at = time.time()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        return at

    def terminate(self) -> None:
        """SIGTERM: it stops gracefully."""
        if self.alive:
            self._process.terminate()

    def wait(self) -> None:
        """Until it has ended; after half a minute without mercy."""
        try:
            self._process.wait(35)
        except subprocess.TimeoutExpired:
            self.kill()


def start(names: list[str], environment: Mapping[str, str], folder: Path) -> list[Server]:
    """Start servers side by side and wait until all are up."""
    servers = [Server(name, {**os.environ, **environment}, folder / f"{name}.log") for name in names]
    try:
        for server in servers:
            server.wait_until_up()
    except RuntimeError:
        for server in servers:
            server.kill()
        raise
    return servers


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
