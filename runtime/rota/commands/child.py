"""The process of a command: followed, told to stop and killed by the thread that runs it."""

import logging
import os
import select
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from rota.argv import argv_text
from rota.commands.environment import environment
from rota.commands.group import Group
from rota.commands.output import Output
from rota.commands.programs import missing
from rota.commands.starting import start
from rota.commands.telling import failure, success
from rota.errors import CommandError
from rota.run import Run

log = logging.getLogger("rota.command")

KILL_AFTER = 4.0
"""Seconds from SIGTERM to SIGKILL. A lease that cannot be renewed is told of 5 s before its end, and another server
takes the run 5 s after it; a server that stops leaves 5 s after the end of its grace time. The kill comes before."""

_LOOK = 0.2
"""Seconds between two looks for a word to stop."""

_REST = 1 << 20
"""Bytes that are read once all has ended: more than a pipe holds. What has left the group might write for ever."""


def run(command: Sequence[str], run: Run, *, kill_after: float = KILL_AFTER) -> str:
    """Run the command, and return why it counts as succeeded: exit code 0, and the end of its output.

    Told to stop, its process group gets SIGTERM, and `kill_after` seconds later SIGKILL. What it leaves in its group
    is killed when it has ended. Raises `CommandError` for any other end, for exit code 0 after SIGTERM, and where it
    cannot be started.
    """
    try:
        child = Child(command, run)
    except OSError as error:
        why = missing(command) or error.strerror or str(error)
        raise CommandError(f"{argv_text(command)[:100]} cannot be started: {why}") from None
    return child.follow(kill_after)


def wait_for_told() -> bool:
    """Wait for the commands that were told to stop: they end, or are killed. Whether there were any."""
    end = time.monotonic() + KILL_AFTER + 1
    waited = False
    while any(child.is_told for child in list(_running)) and time.monotonic() < end:
        waited = True
        time.sleep(0.02)
    return waited


class Child:
    """A command that runs."""

    def __init__(self, command: Sequence[str], run: Run) -> None:
        self._stop = run.stop
        self._killed = False
        self._told_at: float | None = None
        with _no_forks:
            process, self._pipe, self._lifeline = start(command, environment(run))
            self._group = Group(process)
            _running.add(self)

    @property
    def is_told(self) -> bool:
        """Whether it was told to stop, or will be at the next look."""
        return self._stop.reason is not None

    def follow(self, kill_after: float) -> str:
        """Read what it prints until it has ended; see `run`."""
        output = Output(lambda line: log.info("%s", line))
        try:
            self._until_it_ends(output, kill_after)
            self._group.kill()
            self._read_rest(output)
            output.close()
        except BaseException:
            self._group.kill()
            raise
        finally:
            self.forget()
        code = self._group.code
        if code == 0 and self._told_at is None:
            return success(output.tail)
        told = None if self._told_at is None else self._stop.reason
        was_killed = self._killed and code == -signal.SIGKILL  # it may have ended before what it had started
        raise failure(code, output.tail, told=told, killed_after=kill_after if was_killed else None)

    def _until_it_ends(self, output: Output, kill_after: float) -> None:
        words, silent, pause = select.poll(), False, 0.001
        words.register(self._pipe)
        while True:
            # Looked at first: what has ended by itself was not told.
            ended = self._group.leader_has_ended()
            if ended and self._told_at is None:
                return
            self._see_to_stop(kill_after)
            # What it has started may still be at its last words: a shell goes before its program.
            if ended and (self._killed or not self._group.others_live()):
                return
            if silent or ended:
                time.sleep(pause)
                pause = min(2 * pause, _LOOK)
            if not silent and words.poll(0 if ended else _LOOK * 1000):
                silent = not self._read(output)

    def _see_to_stop(self, kill_after: float) -> None:
        if self._told_at is None and self._stop.reason is not None:
            self._told_at = time.monotonic()
            self._group.signal(signal.SIGTERM)
        elif self._told_at is not None and not self._killed and time.monotonic() - self._told_at >= kill_after:
            self._killed = True
            self._group.signal(signal.SIGKILL)

    def _read(self, output: Output) -> int:
        data = os.read(self._pipe, 1 << 16)
        output.feed(data)
        return len(data)

    def _read_rest(self, output: Output) -> None:
        os.set_blocking(self._pipe, False)
        left = _REST
        with suppress(BlockingIOError):  # what has left the group holds the other end
            while left > 0 and (read := self._read(output)):
                left -= read

    def forget(self) -> None:
        """Let go of it here. After a fork: it is the other process's child."""
        _running.discard(self)
        os.close(self._pipe)
        os.close(self._lifeline)


_running: set[Child] = set()
_no_forks = threading.RLock()
"""Held while one is started: what forks in the middle of that would keep the lifeline of a command it knows nothing
of."""


def _after_fork_in_child() -> None:
    _no_forks.release()
    for child in list(_running):
        child.forget()


os.register_at_fork(before=_no_forks.acquire, after_in_parent=_no_forks.release, after_in_child=_after_fork_in_child)
