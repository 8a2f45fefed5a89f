"""The pool of an endpoint: so many runs at once, kept up while they run, and an end to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime

import pytest

from rota.endpoint import pool as pools
from rota.endpoint.answers import problem
from rota.endpoint.pool import AlreadyHereError, Pool, Posted
from rota.testing import FakeClock

ONE, OTHER = problem(503), problem(404)

NewThreads = Callable[[str], set[str]]


class Gate:
    """Work that waits until it may end, or is told to stop."""

    def __init__(self, *, heeds: bool = True) -> None:
        self.entered, self.may_go, self.heeds = threading.Semaphore(0), threading.Event(), heeds
        self.told: list[str | None] = []

    def __call__(self, posted: Posted) -> None:
        self.entered.release()
        if self.heeds:
            while not self.may_go.is_set() and not posted.stop.event.wait(0.01):
                pass
        else:
            assert self.may_go.wait(20)
        self.told.append(posted.stop.reason)
        posted.say(ONE)


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(2, "endpoint web", FakeClock(datetime(2026, 1, 1, tzinfo=UTC)))
    yield made
    made.close(0)


def test_so_many_run_at_once_and_no_more_wait(pool: Pool, new_threads: NewThreads) -> None:
    gate = Gate()
    taken = [pool.take(number, gate) for number in range(3)]
    assert [posted is not None for posted in taken] == [True, True, False]
    assert {"rota-post-0", "rota-post-1"} <= new_threads("rota-post")
    with pytest.raises(AlreadyHereError):
        pool.take(0, gate)
    gate.may_go.set()
    for posted in taken[:2]:
        assert posted is not None
        assert posted.answer.result(10) is ONE


def test_threads_are_made_when_they_are_needed_and_used_again(pool: Pool, new_threads: NewThreads) -> None:
    assert new_threads("rota-post") == set()
    for number in range(20):
        posted = None
        while posted is None:  # the last one may not have left yet
            posted = pool.take(number, lambda posted: posted.say(ONE))
        assert posted.answer.result(10) is ONE
    assert {name for name in new_threads("rota-post") if name[-1].isdigit()} <= {"rota-post-0", "rota-post-1"}


def test_a_place_is_free_before_anybody_hears_of_the_outcome(pool: Pool, new_threads: NewThreads) -> None:
    def work(posted: Posted) -> None:
        pool.end(posted, ONE)
        assert again.wait(20)

    again = threading.Event()
    first = pool.take("key", work)
    assert first is not None
    assert first.answer.result(10) is ONE
    second = pool.take("key", work)
    assert second is not None
    again.set()
    assert second.answer.result(10) is ONE
    assert pool.close(10)
    assert new_threads("rota-post") == set()


def test_an_error_costs_no_thread(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    def fails(posted: Posted) -> None:
        posted.say(ONE)
        raise SystemExit(1)

    for number in range(5):
        posted = None
        while posted is None:
            posted = pool.take(number, fails)
        posted.answer.result(10)
    assert pool.close(10)
    assert [record.message for record in caplog.records] == [
        "a run of endpoint web ended by an error of rota's own"
    ] * 5


def test_a_process_without_threads_to_give_keeps_its_places(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(number: int) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(pool, "_thread", none_left)
        for _ in range(3):
            with pytest.raises(RuntimeError):
                pool.take("key", lambda posted: posted.say(ONE))
    posted = pool.take("key", lambda posted: posted.say(ONE))
    assert posted is not None
    assert posted.answer.result(10) is ONE


def test_the_first_answer_counts(pool: Pool) -> None:
    posted = Posted("key", "endpoint web", FakeClock())
    posted.say(ONE)
    posted.say(OTHER)
    assert posted.answer.result(0) is ONE


def test_nobody_who_stops_waiting_takes_the_answer_from_others(pool: Pool) -> None:
    posted = Posted("key", "endpoint web", FakeClock())
    answer: Future[object] = posted.answer  # type: ignore[assignment] # a future is what it is
    assert not answer.cancel()
    posted.say(ONE)
    assert posted.answer.result(0) is ONE


def test_a_close_waits_for_what_runs(pool: Pool, new_threads: NewThreads) -> None:
    gate, closed = Gate(), []
    posted = pool.take("key", gate)
    assert posted is not None
    gate.entered.acquire()
    closing = threading.Thread(target=lambda: closed.append(pool.close(20)))
    closing.start()
    while not pool.closed:
        pass
    assert pool.take("other", gate) is None
    gate.may_go.set()
    closing.join(10)
    assert closed == [True]
    assert gate.told == [None], "it had the time"
    assert new_threads("rota-post") == set()


def test_after_the_grace_time_runs_are_told_to_stop(pool: Pool) -> None:
    gate = Gate()
    pool.take("key", gate)
    gate.entered.acquire()
    assert pool.close(0)
    assert gate.told == ["the grace time of the stopping server has ended"]
    assert pool.close(0), "again"


def test_who_closes_it_while_runs_have_their_last_words_waits_for_these(pool: Pool) -> None:
    gate, closed = Gate(heeds=False), []
    posted = pool.take("key", gate)
    assert posted is not None
    gate.entered.acquire()
    closing = [threading.Thread(target=lambda grace=grace: closed.append(pool.close(grace))) for grace in (600, 0)]
    for thread in closing:
        thread.start()
    assert posted.stop.event.wait(10)
    gate.may_go.set()
    for thread in closing:
        thread.join(10)
    assert closed == [True, True]


def test_who_waits_for_what_does_not_heed_is_answered_in_the_end(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "LAST_WORDS", 0.05)
    gate = Gate(heeds=False)
    posted = pool.take("key", gate)
    assert posted is not None
    posted.late = OTHER
    assert not pool.close(0)
    assert posted.answer.result(0) is OTHER
    gate.may_go.set()


def test_what_does_not_heed_is_kept_until_it_ends(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "LAST_WORDS", 0.05)
    gate = Gate(heeds=False)
    posted = pool.take("key", gate)
    gate.entered.acquire()
    assert not pool.close(0)
    assert not pool.close(600), "a second call does not wait as long again"
    assert pool.held == [posted]
    gate.may_go.set()
    assert posted is not None
    assert posted.answer.result(10) is ONE
    while pool.held:
        pass
    assert pool.close(0)


def test_heartbeats_that_die_are_told(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    monkeypatch.setattr("rota.upkeep.roles.PAUSE", 0.0)

    def fails() -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr(pool.renewer, "look", fails)
    assert pool.trouble(20) == []
    pool.take("key", gate)
    while not pool.trouble(20):
        pass
    assert "post-renewer has died 5 times" in pool.trouble(20)[0]
    gate.may_go.set()
