"""Async handlers: all on one event loop a process, in a thread of its own, made at the first one."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any


class EventLoop:
    """Runs coroutines for threads that wait for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, coroutine: Coroutine[Any, Any, Any], timeout: float | None) -> Any:
        """Await `coroutine` there. After `timeout` seconds it is cancelled, and `TimeoutError` raised once it has
        ended: one that does not heed the cancellation keeps its slot, as a thread would."""
        future = asyncio.run_coroutine_threadsafe(self._bounded(coroutine, timeout), self._running())
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError("the handler was cancelled from within") from None

    @staticmethod
    async def _bounded(coroutine: Coroutine[Any, Any, Any], timeout: float | None) -> Any:
        async with asyncio.timeout(timeout):
            return await coroutine

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="rota-async", daemon=True).start()
            return self._loop

    def close(self) -> None:
        """Stop the loop, if there is one."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._loop = None
