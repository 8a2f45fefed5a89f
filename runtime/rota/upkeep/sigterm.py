"""SIGTERM, as soon as it comes. gunicorn and uvicorn first let open requests finish, and end the process, or the
lifespan, after that: runs whose requests wait for them would never be told to stop."""

import _thread
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from rota.upkeep import forking

_stops: tuple[Callable[[], object], ...] = ()
_heard: Callable[[int, FrameType | None], None] | None = None
"""The handler that was installed last. It alone tells: others may have wrapped those before it."""


def watch(stop: Callable[[], object]) -> bool:
    """Call `stop`, in a thread of its own, when SIGTERM comes; the server's own handler is called as ever. Returns
    whether it will be. It is not where the server has installed no handler of Python's (yet), outside of the main
    thread, or in a master that forks afterwards: its children install theirs anew."""
    global _stops  # noqa: PLW0603 - a process has one handler
    if not _chained():
        return False
    if stop not in _stops:
        _stops = (*_stops, stop)
    return True


def _chained() -> bool:
    global _heard  # noqa: PLW0603 - as above
    if threading.current_thread() is not threading.main_thread() or forking.in_preloading_master():
        return False
    before = signal.getsignal(signal.SIGTERM)
    if before is _heard is not None:
        return True
    if not callable(before):
        return False

    def heard(number: int, frame: FrameType | None) -> None:
        for stop in _stops if _heard is heard else ():
            # Not threading.Thread: the interrupted main thread may hold a lock that this needs. While the interpreter
            # ends none can be started, nor need be.
            with suppress(RuntimeError):
                _thread.start_new_thread(stop, ())
        before(number, frame)

    _heard = heard
    signal.signal(signal.SIGTERM, heard)
    signal.siginterrupt(signal.SIGTERM, False)  # as gunicorn has it, and asyncio: setting a handler undoes that
    return True
