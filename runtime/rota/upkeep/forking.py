"""Servers that load the application and then fork: threads must run in the children alone.

A thread does not live through a fork, and one left in the master would run jobs in a process that serves nobody. So a
worker that is started in the master of a preloading server waits, and starts in each child; one that runs already when
its process forks (a handler that uses multiprocessing) stays with the parent, and the child has none.
"""

import os
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Protocol


class Forkable(Protocol):
    """What a worker does at a fork."""

    def after_fork_in_child(self) -> None:
        """Forget the parent's threads, or start if it waited for this."""
        ...


_workers: set[Forkable] = set()
"""Held firmly: `Worker(manifest).start()` in a preloading master leaves nothing else that refers to the worker."""


def watch(worker: Forkable) -> None:
    """Tell `worker` of forks from now on."""
    _workers.add(worker)


def forget(worker: Forkable) -> None:
    """Tell it no longer."""
    _workers.discard(worker)


def _tell() -> None:
    for worker in list(_workers):
        worker.after_fork_in_child()


os.register_at_fork(after_in_child=_tell)


def in_preloading_master() -> bool:
    """Whether gunicorn's master is loading the application, to fork afterwards.

    gunicorn does not say so anywhere, but the stack does: its arbiter loads the application then, and has not spawned a
    worker above it.
    """
    return any(module == _ARBITER for module, _ in _stack()) and not in_servers_child()


def in_servers_child() -> bool:
    """Whether this is a worker process of gunicorn: its arbiter spawns it, and everything else happens above that."""
    return (_ARBITER, "spawn_worker") in _stack()


_ARBITER = "gunicorn.arbiter"


def _stack() -> Iterator[tuple[str, str]]:
    """Module and function of each caller."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - one's own stack without formatting it
    while frame is not None:
        yield frame.f_globals.get("__name__", ""), frame.f_code.co_name
        frame = frame.f_back
