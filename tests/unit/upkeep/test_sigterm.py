"""SIGTERM is heard beside the server's own handler."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from rota.upkeep import forking, sigterm


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sigterm, "_stops", ())
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


class Server:
    """Who has a handler."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.stopped, self.stops = threading.Semaphore(0), 0
        signal.signal(signal.SIGTERM, lambda number, _: self.heard.append(number))

    def stop(self) -> None:
        self.stops += 1
        self.stopped.release()


def test_both_hear_it_and_once() -> None:
    server = Server()
    assert sigterm.watch(server.stop)
    assert sigterm.watch(server.stop), "again"
    os.kill(os.getpid(), signal.SIGTERM)
    assert server.stopped.acquire(timeout=10)
    assert server.heard == [signal.SIGTERM]
    assert server.stops == 1


def test_a_server_that_installs_its_handler_later_is_chained_anew() -> None:
    first = Server()
    assert sigterm.watch(first.stop)
    second = Server()
    assert sigterm.watch(first.stop)
    os.kill(os.getpid(), signal.SIGTERM)
    assert first.stopped.acquire(timeout=10)
    assert (first.heard, second.heard) == ([], [signal.SIGTERM])


def test_who_wraps_it_and_a_second_endpoint_come_to_the_server_once() -> None:
    server = Server()
    assert sigterm.watch(server.stop)
    ours, wrapped = signal.getsignal(signal.SIGTERM), list[int]()
    assert callable(ours)

    def wrapper(number: int, frame: object) -> None:
        wrapped.append(number)
        ours(number, frame)  # type: ignore[arg-type] # a frame

    signal.signal(signal.SIGTERM, wrapper)
    other = threading.Semaphore(0)
    assert sigterm.watch(other.release)
    os.kill(os.getpid(), signal.SIGTERM)
    assert server.stopped.acquire(timeout=10)
    assert other.acquire(timeout=10)
    assert (server.heard, wrapped, server.stops) == ([signal.SIGTERM], [signal.SIGTERM], 1)


@pytest.mark.parametrize("there", [signal.SIG_DFL, signal.SIG_IGN])
def test_where_nobody_handles_it_nothing_is_changed(there: signal.Handlers) -> None:
    signal.signal(signal.SIGTERM, there)
    assert not sigterm.watch(lambda: None)
    assert signal.getsignal(signal.SIGTERM) is there


def test_other_threads_and_a_preloading_master_install_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    server, watched = Server(), []
    there = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=lambda: watched.append(sigterm.watch(server.stop)))
    thread.start()
    thread.join()
    monkeypatch.setattr(forking, "in_preloading_master", lambda: True)
    assert [*watched, sigterm.watch(server.stop)] == [False, False]
    assert signal.getsignal(signal.SIGTERM) is there
