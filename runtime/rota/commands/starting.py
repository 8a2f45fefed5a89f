"""How the process of a command comes to be: in a session of its own, and tied to the life of this process."""

import fcntl
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from rota.interpreter import interpreter

_AFRESH = (
    "import os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, ()); "
    "[signal.signal(number, signal.SIG_DFL) for number in map(int, sys.argv[1].split())]; "
    "os.execvp(sys.argv[2], sys.argv[2:])"
)
"""What makes a process heed signals again, and then becomes the command."""

_OF_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
"""What an interpreter ignores from its start. `subprocess` sees to them, and here one comes after it."""

_HEEDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def start(command: Sequence[str], environment: dict[str, str]) -> tuple[subprocess.Popen[bytes], int, int]:
    """The process, the end of the pipe that its output comes out of, and its lifeline: once this process has closed
    that, or is no more, the system kills the group. Raises `OSError` where it cannot be started."""
    their_lifeline, lifeline = os.pipe()
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - as it stands in the manifest
            [*_afresh(command), *command],
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            env=environment,
            pass_fds=(their_lifeline,),
            # A group of its own: Ctrl-C is for the server, and a kill takes what the command has started.
            start_new_session=True,
        )
        _tie(their_lifeline, process.pid)
    except BaseException:
        os.close(reading)
        os.close(lifeline)
        raise
    finally:
        os.close(writing)
        os.close(their_lifeline)
    return process, reading, lifeline


def _tie(lifeline: int, group: int) -> None:
    """Have the system kill the group when the lifeline has no writer left. It is their open file, so it counts as long
    as one of them has it. Linux alone has it; elsewhere workers and middlewares end their commands when they stop."""
    if hasattr(fcntl, "F_SETSIG"):
        with suppress(OSError):  # it has ended already
            fcntl.fcntl(lifeline, fcntl.F_SETOWN, -group)
            fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def _afresh(command: Sequence[str]) -> list[str]:
    """What comes before the command where it would be deaf: a process inherits which signals its thread has blocked, as
    uWSGI does in its threads, and which are ignored. Not undone in this thread, for what comes meanwhile would be
    its; nor with `preexec_fn`, which other threads can bring to a standstill."""
    ignored = [number for number in _HEEDED if signal.getsignal(number) is signal.SIG_IGN]
    if not ignored and not signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        return []
    import shutil

    if shutil.which(command[0]) is None:
        return []  # to be told by the system
    try:
        python = interpreter()
    except OSError as error:
        raise OSError(f"this server ignores or blocks signals that a command is to heed, and {error}") from None
    return [python, "-I", "-S", "-c", _AFRESH, " ".join(str(int(number)) for number in (*ignored, *_OF_PYTHON))]
