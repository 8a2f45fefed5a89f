"""The processes of the harness: servers that are killed, stopped and continued, and the proxy."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from chaos.lines import LineLog
from chaos.plan import Blow

END = 45.0
"""Seconds within which a server that is told to end has ended."""


class Server:
    """One place of the fleet: a process, and after a kill the next one. Writes what happens to it to `log`."""

    def __init__(
        self,
        name: str,
        offset: float,
        environment: Mapping[str, str],
        *,
        proxy: "ProxyProcess",
        log: LineLog,
        output: Path,
    ) -> None:
        self.name = name
        self._offset, self._environment, self._log, self._output = offset, environment, log, output
        self._proxy = proxy
        self._start()

    def _start(self) -> None:
        self._process = _spawn(
            ["chaos.worker", "--offset", str(self._offset)],
            {**self._environment, "AWS_ACCESS_KEY_ID": self.name},
            self._output,
            stdout=self._output,
        )
        self._log.write(event="born", server=self.name, pid=self._process.pid)

    @property
    def pid(self) -> int:
        """Of the process that is there now."""
        return self._process.pid

    def suffer(self, blow: Blow) -> None:
        """Begin the blow; `recover` ends it."""
        if blow.kind == "kill":
            self._process.kill()
            self._process.wait()
            self._log.write(event="killed", server=self.name, pid=self._process.pid)
        elif blow.kind == "cut off":
            self._proxy.tell("cut", self.name, blow.service)
            self._log.write(event="cut off", server=self.name, pid=self._process.pid)
        else:
            # Before: what it does until the signal arrives counts as done while stopped, which is the strict side.
            self._log.write(event="stopped", server=self.name, pid=self._process.pid)
            self._process.send_signal(signal.SIGSTOP)

    def recover(self, blow: Blow) -> None:
        """Start anew, continue, or give it its answers again."""
        if blow.kind == "kill":
            self._start()
        elif blow.kind == "cut off":
            self._proxy.tell("join", self.name)
            self._log.write(event="joined", server=self.name, pid=self._process.pid)
        else:
            self._process.send_signal(signal.SIGCONT)
            self._log.write(event="continued", server=self.name, pid=self._process.pid)

    @property
    def died(self) -> str | None:
        """How it ended by itself, which it should not; None while it lives."""
        code = self._process.poll()
        return None if code is None else f"{self.name} (pid {self._process.pid}) ended by itself with {code}"

    @property
    def output(self) -> str:
        """The end of what its processes have said."""
        return self._output.read_text()[-2000:]

    def terminate(self) -> None:
        """Tell it to end."""
        self._process.terminate()

    def wait(self) -> str | None:
        """Until it has ended; returns what is wrong with how it did."""
        try:
            code = self._process.wait(END)
        except subprocess.TimeoutExpired:
            return f"{self.name} (pid {self._process.pid}) had not ended {END:g} s after SIGTERM"
        return f"{self.name} (pid {self._process.pid}) ended with {code}" if code else None

    def end(self) -> None:
        """Without mercy, whatever it is doing."""
        _end(self._process)


class ProxyProcess:
    """The proxy; `url` is where it listens."""

    def __init__(self, arguments: list[str], output: Path) -> None:
        self._process = _spawn(["chaos.proxy", *arguments], {}, output, stdout=None)
        assert self._process.stdout is not None  # noqa: S101 - a pipe, as asked for
        self.url = self._process.stdout.readline().decode().strip()
        if not self.url:
            raise RuntimeError(f"the proxy did not start:\n{output.read_text()}")

    def tell(self, *words: str) -> None:
        """Give it a command; see `chaos.proxy`."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe, as asked for
        # One write, though threads share the pipe.
        os.write(self._process.stdin.fileno(), (" ".join(words) + "\n").encode())

    def end(self) -> None:
        """Let it write its last line."""
        if self._process.poll() is None and self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        _end(self._process)


def _spawn(
    arguments: list[str], environment: Mapping[str, str], output: Path, *, stdout: Path | None
) -> subprocess.Popen[bytes]:
    """A process that ends with this one, for it waits for the end of its standard input."""
    with output.open("ab") as errors:
        return subprocess.Popen(  # noqa: S603 - a list of our own, no shell
            [sys.executable, "-m", *arguments],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=errors if stdout else subprocess.PIPE,
            stderr=errors,
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def wait_until(moment: float) -> None:
    """Sleep until that moment of the monotonic clock."""
    time.sleep(max(0.0, moment - time.monotonic()))
