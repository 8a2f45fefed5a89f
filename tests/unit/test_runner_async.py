"""Async handlers: one loop for all, in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rota import Outcome
from rota.async_handlers import event_loop
from rota.envelope import Envelope

if TYPE_CHECKING:
    from tests.unit.conftest import Fleet

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
NEW = Envelope(job="work", run="r1", enqueued_at=datetime(2026, 1, 1, tzinfo=UTC))


def test_async_handlers_share_one_loop_in_a_thread_of_its_own(fleet: Fleet) -> None:
    seen: list[Any] = []

    async def handle() -> None:
        await asyncio.sleep(0)
        seen.append((asyncio.get_running_loop(), threading.current_thread()))

    runner = fleet.runner(handle)
    for _ in range(2):
        assert fleet.deliver(runner, NEW).outcome is Outcome.SUCCEEDED
    assert seen[0] == seen[1]
    assert seen[0][1] is not threading.current_thread()


def test_workers_of_a_process_share_the_loop(fleet: Fleet) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def handle() -> None:
        loops.append(asyncio.get_running_loop())

    for _ in range(2):
        assert fleet.deliver(fleet.runner(handle), NEW).outcome is Outcome.SUCCEEDED
    assert loops[0] is loops[1]
    assert [thread.name for thread in threading.enumerate()].count("rota-async") == 1


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_after_a_fork_the_child_has_a_loop_of_its_own_and_the_parent_keeps_its(fleet: Fleet) -> None:
    async def handle() -> None:
        await asyncio.sleep(0)

    runner = fleet.runner(handle)
    assert fleet.deliver(runner, NEW).outcome is Outcome.SUCCEEDED
    with event_loop._lock:  # held by another thread while this one forks
        child = os.fork()
        if child == 0:
            threading.Timer(20, os._exit, [2]).start()
            ended = 1
            try:
                ended = 0 if fleet.deliver(runner, NEW).outcome is Outcome.SUCCEEDED else 1
            finally:  # whatever happens, no second pytest goes on here
                os._exit(ended)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert fleet.deliver(runner, NEW).outcome is Outcome.SUCCEEDED


def test_a_plain_function_that_returns_a_coroutine_is_awaited(fleet: Fleet) -> None:
    async def work() -> None:
        raise ValueError("it ran")

    assert fleet.deliver(fleet.runner(lambda: work()), NEW).reason == "ValueError: it ran"  # noqa: PLW0108 - not async


def test_at_its_deadline_an_async_handler_is_cancelled(fleet: Fleet) -> None:
    cancelled = threading.Event()

    async def handle() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            cancelled.set()

    verdict = fleet.deliver(fleet.runner(handle, timeout=SECOND), NEW)
    assert cancelled.is_set()
    assert (verdict.outcome, verdict.reason) == (Outcome.FAILED, "TimeoutError: cancelled at its deadline, after 1.0 s")


def test_a_timeout_of_the_handlers_own_is_told_as_that(fleet: Fleet) -> None:
    async def handle() -> None:
        raise TimeoutError("the database did not answer")

    verdict = fleet.deliver(fleet.runner(handle, timeout=MINUTE), NEW)
    assert verdict.reason == "TimeoutError: the database did not answer"


def test_system_exit_in_an_async_handler_fails_its_run_and_leaves_the_loop_alive(fleet: Fleet) -> None:
    ends = iter([SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), None])

    async def handle() -> None:
        if (error := next(ends)) is not None:
            raise error

    runner = fleet.runner(handle)
    assert fleet.deliver(runner, NEW).reason == "SystemExit: 3"
    assert fleet.deliver(runner, NEW).reason == "KeyboardInterrupt: "
    assert fleet.deliver(runner, NEW).reason == "RuntimeError: the handler was cancelled from within"
    assert fleet.deliver(runner, NEW).outcome is Outcome.SUCCEEDED
