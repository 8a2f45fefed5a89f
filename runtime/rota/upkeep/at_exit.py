"""An orderly end of the process for what runs in its threads."""

import atexit
import concurrent.futures.thread
import threading
from collections.abc import Callable


def register(stop: Callable[[], object]) -> None:
    """Call `stop` when the process ends; mostly twice."""
    atexit.register(stop)
    # That is too late for handlers that use executors or asyncio.to_thread: these refuse work by then, and a
    # handler would fail in its grace time. Callbacks of this kind run in reverse, so ours has to come after the
    # executors', which the import registers. The function is private to the standard library, hence getattr.
    if at_end_of_main_thread := getattr(threading, "_register_atexit", None):
        at_end_of_main_thread(lambda: None if _goes_on() else stop())


def _goes_on() -> bool:
    """Whether the process goes on in other threads, its main one having ended; executors' are no sign of that, for they
    end after this."""
    pools = concurrent.futures.thread._threads_queues  # noqa: SLF001 - where executors' threads are known
    others = (thread for thread in threading.enumerate() if thread is not threading.main_thread())
    return not all(thread.daemon or thread in pools for thread in others)
