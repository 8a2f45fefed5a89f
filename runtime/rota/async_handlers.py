"""Async handlers: all on one event loop a process, in a thread of its own, made at the first one.

The thread is a daemon and the loop is never closed: what handlers keep on it (clients, pools) serves every worker of
the process, also one that is started after another has stopped.
"""

import asyncio
import concurrent.futures
import logging
import os
import threading
from collections.abc import Awaitable
from typing import Any

log = logging.getLogger("rota.run")


class EventLoop:
    """Runs awaitables for threads that wait for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._of_parents: list[asyncio.AbstractEventLoop] = []

    def run(self, awaitable: Awaitable[Any], timeout: float | None) -> Any:
        """Await `awaitable` there. After `timeout` seconds it is cancelled, and `TimeoutError` raised once it has
        ended: one that does not heed the cancellation keeps its slot, as a thread would."""
        future = asyncio.run_coroutine_threadsafe(_bounded(awaitable, timeout), self._running())
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError("the handler was cancelled from within") from None

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_serve, args=[self._loop], name="rota-async", daemon=True).start()
            return self._loop

    def after_fork_in_child(self) -> None:
        """The loop's thread is not here, and one that held the lock neither: begin anew."""
        self._lock = threading.Lock()
        if self._loop is not None:
            # Kept: one that is collected before it ran closes itself, and takes its descriptors out of the selector
            # that it shares with the parent's, which would then sleep for ever.
            self._of_parents.append(self._loop)
            self._loop = None


event_loop = EventLoop()
"""That of this process."""

os.register_at_fork(after_in_child=event_loop.after_fork_in_child)


async def _bounded(awaitable: Awaitable[Any], timeout: float | None) -> Any:
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            return await awaitable
    except TimeoutError:
        if limit.expired():
            raise TimeoutError(f"cancelled at its deadline, after {timeout} s") from None
        raise


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    while True:
        try:
            loop.run_forever()
            return
        except (SystemExit, KeyboardInterrupt) as error:
            # These alone leave a task by way of its loop. The others on it must not wait forever for that.
            log.warning("an async handler raised %r: the event loop goes on", error)
