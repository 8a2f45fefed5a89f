"""The process group of a command: seen to end, signalled, reaped. In this order, for a process that has been reaped
leaves its number to others."""

import os
import signal
import subprocess
from contextlib import suppress


class Group:
    """A process that leads a group of its own, and what it has started and has stayed in it."""

    def __init__(self, leader: "subprocess.Popen[bytes]") -> None:
        self.code: int | None = None
        """The leader's exit code, below 0 for a signal. None as long as it runs, and where somebody else took it."""
        self._leader = leader
        self._ended = self._reaped = self._gone = False

    def leader_has_ended(self) -> bool:
        """Whether it has. It is not reaped by that: its number stays the group's."""
        if not self._ended:
            try:
                # Not `Popen.poll`: where another has seen the end, or SIGCHLD is ignored, it answers exit code 0.
                self._ended, self.code = self._seen()
            except ChildProcessError:
                self._ended = self._reaped = True
                self._leader.returncode = 0
        return self._ended

    def others_live(self) -> bool:
        """Whether any are left once the leader has ended. The system tells of a group whose leader has been reaped; its
        number is not another's as long as one of them lives."""
        self._reap()
        if not self._gone:
            try:
                os.killpg(self._leader.pid, 0)
            except OSError:  # none is left; they are another user's, or macOS's dead
                self._gone = True
        return not self._gone

    def signal(self, number: int) -> None:
        """Send it to all of them, unless they are known to be gone; after SIGKILL they are."""
        if not self._gone:
            self._gone = number == signal.SIGKILL
            with suppress(ProcessLookupError, PermissionError):  # they have ended; they are another user's
                os.killpg(self._leader.pid, number)

    def kill(self) -> None:
        """Kill what is left of it, and reap the leader."""
        self.signal(signal.SIGKILL)
        self._reap()

    def _seen(self) -> tuple[bool, int | None]:
        if not hasattr(os, "waitid"):  # macOS, before Python 3.13
            found, status = os.waitpid(self._leader.pid, os.WNOHANG)
            if not found:
                return False, None
            self._reaped, code = True, os.waitstatus_to_exitcode(status)
            self._leader.returncode = code
            return True, code
        end = os.waitid(os.P_PID, self._leader.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if end is None:
            return False, None
        return True, end.si_status if end.si_code == os.CLD_EXITED else -end.si_status

    def _reap(self) -> None:
        if not self._reaped:
            with suppress(subprocess.TimeoutExpired):  # longer takes only what the system itself cannot end
                self._leader.wait(1.0)
                self._reaped = True
