"""Commands as real processes, in folders of their own."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rota import CommandError, Run, commands
from rota.commands import child
from rota.run import Stop


class Shell:
    """Runs scripts as commands."""

    word = "its deadline has passed"

    def __init__(self, folder: Path) -> None:
        self.folder, self.stop = folder, Stop()
        self.threads = ThreadPoolExecutor(2)

    def run(self, script: str, *, kill_after: float = 10) -> str:
        return self.program("sh", "-c", f"cd '{self.folder}'; {script}", kill_after=kill_after)

    def program(self, *command: str, kill_after: float = 10) -> str:
        run = Run(job="a", id="1", attempt=1, queue="work", stop=self.stop)
        return commands.run(command, run, kill_after=kill_after)

    def fails(self, script: str, *, kill_after: float = 10) -> CommandError:
        with pytest.raises(CommandError) as raised:
            self.run(script, kill_after=kill_after)
        return raised.value

    def told(self, script: str, *, kill_after: float = 10) -> CommandError:
        """How it fails when it is told to stop once it has written `started`."""
        failing = self.threads.submit(self.fails, script, kill_after=kill_after)
        self.wrote("started")
        self.stop.request(self.word)
        return failing.result(60)

    def wrote(self, name: str) -> str:
        there = self.folder / name
        self.wait_until(lambda: there.exists() and there.read_text().endswith("\n"))
        return there.read_text().strip()

    def sees_end_of(self, pid: int) -> None:
        self.wait_until(lambda: not self.is_alive(pid))

    @staticmethod
    def is_alive(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    @staticmethod
    def wait_until(holds: Callable[[], object], timeout: float = 30) -> None:
        end = time.monotonic() + timeout
        while not holds():
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.02)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.threads.shutdown()
    assert not child._running
