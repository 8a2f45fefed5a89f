"""Who holds a lock: each row of docs/ledger.md's table, and who comes back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.exclusion import Overlap
from rota.locks.rules import WAITER_KEEPS, Full, Holder, LockState, Taken, Waiter

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MS = 1_795_262_400_000


def ask(state: LockState, holder: str, now: datetime = NOW, **fields: Any) -> Taken | Full:
    wanted: dict[str, Any] = {"due": NOW, "lease": 30 * SECOND, "limit": 1, "overlap": "skip"}
    return state.ask(holder, now=now, **wanted | fields)


def taken(state: LockState, holder: str, now: datetime = NOW, **fields: Any) -> LockState:
    answer = ask(state, holder, now, **fields)
    assert isinstance(answer, Taken), answer
    return answer.state


def waits(state: LockState, holder: str, now: datetime = NOW, **fields: Any) -> LockState:
    answer = ask(state, holder, now, **{"overlap": "wait"} | fields)
    assert isinstance(answer, Full)
    assert answer.state is not None, answer
    return answer.state


def refused(state: LockState, holder: str, now: datetime = NOW, **fields: Any) -> str:
    answer = ask(state, holder, now, **fields)
    assert isinstance(answer, Full)
    assert answer.state is None, answer
    return answer.reason


def test_a_free_place_is_taken_with_a_token_that_grows() -> None:
    first = taken(LockState(), "a")
    assert first.holders == (Holder(id="a", token=MS, due=NOW, lease_until=NOW + 30 * SECOND),)
    second = taken(first.released("a", now=NOW), "b")
    assert (second.token, second.holders[0].token) == (MS + 1, MS + 1)
    assert taken(LockState(), "a", least_token=2 * MS).token == 2 * MS


def test_a_limit_is_how_many_hold_it() -> None:
    state = LockState()
    for holder in "abc":
        state = taken(state, holder, limit=3)
    assert refused(state, "d", limit=3) == "held by a, b, c"
    assert len(taken(state.released("b", now=NOW), "d", limit=3).holders) == 3


def test_a_place_is_free_five_seconds_after_its_lease() -> None:
    state = taken(LockState(), "a")
    refused(state, "b", NOW + timedelta(seconds=34.999))
    assert [one.id for one in taken(state, "b", NOW + 35 * SECOND).holders] == ["b"]
    later = state.renewed("a", lease_until=NOW + 60 * SECOND)
    refused(later, "b", NOW + 35 * SECOND)


def test_a_place_is_kept_for_as_long_as_declared_however_soon_it_is_released() -> None:
    state = taken(LockState(), "a", hold_at_least=60 * SECOND).released("a", now=NOW + SECOND)
    refused(state, "b", NOW + timedelta(seconds=59.999))
    taken(state, "b", NOW + 60 * SECOND)
    assert state.released("a", now=NOW + 60 * SECOND).holders == ()


def test_one_waits_and_others_are_refused() -> None:
    state = waits(taken(LockState(), "a"), "b")
    assert refused(state, "c", overlap="wait") == "already waiting: b"
    assert refused(state, "c", overlap="skip") == "held by a"
    free = state.released("a", now=NOW)
    assert refused(free, "c", overlap="skip") == "next is b"
    assert taken(free, "b", overlap="wait").waiter is None


def test_a_waiter_that_has_not_asked_for_five_minutes_has_lost_its_place() -> None:
    state = waits(taken(LockState(), "a"), "b").released("a", now=NOW)
    refused(state, "c", NOW + 299 * SECOND)
    assert taken(state, "c", NOW + 300 * SECOND).waiter is None


def test_a_waiter_that_asks_again_keeps_its_place_longer() -> None:
    state = waits(taken(LockState(), "a"), "b")
    again = waits(state, "b", NOW + 20 * SECOND)
    assert again.waiter == Waiter(id="b", since=NOW, until=NOW + 20 * SECOND + WAITER_KEEPS, due=NOW)


def test_a_waiter_has_waited_since_it_first_asked_and_another_in_its_place_since_then() -> None:
    state = taken(LockState(), "a", lease=10 * WAITER_KEEPS)
    for holder, at, since in (("b", 0, 0), ("b", 20, 0), ("b", 319, 0), ("c", 619, 619), ("b", 919, 919)):
        now = NOW + at * SECOND
        answer = ask(state, holder, now, overlap="wait", due=NOW - 100 * SECOND)
        assert isinstance(answer, Full)
        assert answer.state is not None
        assert answer.since == NOW + since * SECOND, (holder, at)
        state = answer.state


def test_a_retry_that_waits_again_has_not_waited_since_its_first_attempt_did() -> None:
    free = waits(taken(LockState(), "a"), "b").released("a", now=NOW)
    failed = taken(free, "b", NOW + SECOND, overlap="wait").released("b", now=NOW + 2 * SECOND)
    again = waits(taken(failed, "c", NOW + 3 * SECOND), "b", NOW + 4 * SECOND)
    assert again.waiter is not None
    assert again.waiter.since == NOW + 4 * SECOND


def test_a_waiter_that_gives_up_makes_way() -> None:
    state = waits(taken(LockState(), "a"), "b")
    assert state.without_waiter("c") is None
    left = state.without_waiter("b")
    assert left is not None
    assert (left.waiter, left.holders) == (None, state.holders)


def test_one_holder_is_asked_to_stop_by_the_first_who_cancels_it() -> None:
    """The oldest, and no other for as long as it is there: one place is enough."""
    state = taken(taken(LockState(), "a", limit=2), "b", limit=2, due=NOW - SECOND)
    asked = waits(state, "c", overlap="cancel_running", limit=2)
    assert [one.asked_to_stop for one in asked.holders] == [None, "c takes over"]
    newer = waits(asked, "d", overlap="cancel_running", limit=2, due=NOW + SECOND)
    assert [one.asked_to_stop for one in newer.holders] == [None, "c takes over"]
    assert newer.waiter is not None
    assert newer.waiter.id == "d"
    entered = taken(newer.released("b", now=NOW), "d", overlap="cancel_running", limit=2, due=NOW + SECOND)
    last = waits(entered, "e", overlap="cancel_running", limit=2, due=NOW + 2 * SECOND)
    assert [one.asked_to_stop for one in last.holders] == ["e takes over", None]


def test_nobody_is_asked_while_a_newer_one_is_about_to_leave() -> None:
    state = taken(LockState(), "new", limit=2, due=NOW + SECOND)
    leaving = replace(state.holders[0], asked_to_stop="somebody takes over")
    state = taken(replace(state, holders=(leaving,)), "old", limit=2, due=NOW - SECOND)
    asked = waits(state, "between", overlap="cancel_running", limit=2)
    assert [one.asked_to_stop for one in asked.holders] == ["somebody takes over", None]


def test_an_older_run_does_not_stop_a_newer_one_and_is_refused() -> None:
    state = taken(LockState(), "new", due=NOW)
    assert refused(state, "old", overlap="cancel_running", due=NOW - SECOND) == "held by new, which is newer"
    same = waits(state, "same", overlap="cancel_running", due=NOW)
    assert [one.asked_to_stop for one in same.holders] == ["same takes over"]
    two = taken(taken(LockState(), "a", limit=2), "b", limit=2)
    reason = refused(two, "old", overlap="cancel_running", limit=2, due=NOW - SECOND)
    assert reason == "held by a, b, which are newer"


@pytest.mark.parametrize("overlap", ["skip", "wait"])
def test_only_a_run_that_would_stop_others_is_held_against_newer_ones(overlap: Overlap) -> None:
    state = taken(LockState(), "new", due=NOW)
    answer = ask(state, "old", overlap=overlap, due=NOW - SECOND)
    assert isinstance(answer, Full)
    assert (answer.reason, answer.state is None) == (
        ("held by new", True) if overlap == "skip" else ("waits for new", False)
    )


def test_of_many_places_those_of_older_runs_are_asked_for() -> None:
    state = taken(taken(LockState(), "old", limit=2, due=NOW - 2 * SECOND), "new", limit=2)
    asked = waits(state, "between", overlap="cancel_running", limit=2, due=NOW - SECOND)
    assert [one.asked_to_stop for one in asked.holders] == ["between takes over", None]
    freed = asked.released("old", now=NOW)
    assert len(taken(freed, "between", overlap="cancel_running", limit=2, due=NOW - SECOND).holders) == 2


def test_a_newer_run_counts_for_as_long_as_its_place_is_not_free() -> None:
    """Whether it may be taken over yet, or is done and keeps its place."""
    dead = taken(LockState(), "new", due=NOW)
    older: dict[str, Any] = {"overlap": "cancel_running", "due": NOW - SECOND}
    refused(dead, "old", NOW + timedelta(seconds=34.999), **older)
    assert taken(dead, "old", NOW + 35 * SECOND, **older).find("new") is None
    done = taken(LockState(), "new", due=NOW, hold_at_least=60 * SECOND).released("new", now=NOW + SECOND)
    refused(done, "old", NOW + timedelta(seconds=59.999), **older)
    taken(done, "old", NOW + 60 * SECOND, **older)


def test_a_failed_attempt_comes_back_to_a_newer_run_and_is_refused_or_has_its_place_still() -> None:
    older: dict[str, Any] = {"overlap": "cancel_running", "due": NOW - SECOND}
    failed = taken(LockState(), "old", **older).released("old", now=NOW)
    assert refused(taken(failed, "new"), "old", **older) == "held by new, which is newer"
    kept = taken(LockState(), "old", hold_at_least=60 * SECOND, **older).released("old", now=NOW)
    asked = waits(kept, "new", overlap="cancel_running")
    back = taken(asked, "old", NOW + SECOND, **older)
    assert [(one.id, one.asked_to_stop) for one in back.holders] == [("old", None)]
    again = waits(back, "new", NOW + 2 * SECOND, overlap="cancel_running")
    assert [one.asked_to_stop for one in again.holders] == ["new takes over"]


@pytest.mark.parametrize("due", [NOW - SECOND, NOW])
def test_a_run_that_is_not_newer_does_not_take_the_waiter_s_place(due: datetime) -> None:
    state = waits(taken(LockState(), "a"), "b", overlap="cancel_running")
    assert refused(state, "c", overlap="cancel_running", due=due) == "already waiting: b"


@pytest.mark.parametrize("overlap", ["skip", "wait", "cancel_running"])
def test_who_comes_back_has_its_place_whoever_waits(overlap: Overlap) -> None:
    """After a failed attempt, while `hold_at_least` keeps its place."""
    state = taken(LockState(), "a", hold_at_least=60 * SECOND).released("a", now=NOW)
    state = waits(state, "b")
    back = taken(state, "a", NOW + SECOND, overlap=overlap)
    assert [one.id for one in back.holders] == ["a"]
    assert back.waiter == state.waiter


def test_who_comes_back_to_a_place_that_was_free_is_behind_the_waiter() -> None:
    state = waits(taken(LockState(), "a"), "b").released("a", now=NOW)
    assert refused(state, "a", overlap="wait") == "already waiting: b"


instants = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
states = st.builds(
    LockState,
    token=st.integers(0, 2**60),
    holders=st.lists(
        st.builds(
            Holder,
            id=text,
            token=st.integers(0, 2**60),
            due=instants,
            lease_until=instants,
            hold_until=st.one_of(st.none(), instants),
            asked_to_stop=st.one_of(st.none(), text),
        ),
        max_size=3,
    ).map(tuple),
    waiter=st.one_of(st.none(), st.builds(Waiter, id=text, since=instants, until=instants, due=instants)),
)


@given(states)
def test_a_lock_is_read_as_it_was_written(state: LockState) -> None:
    body = json.loads(json.dumps(state.body()))
    assert LockState.read(body) == state
    for one in body["holders"]:
        one["later"] = 1
    assert LockState.read(body | {"later": 1}) == state


@given(states, text, instants, st.integers(1, 4), st.sampled_from(["skip", "wait", "cancel_running"]))
def test_there_are_never_more_holders_than_the_limit_and_tokens_grow(
    state: LockState, holder: str, now: datetime, limit: int, overlap: Overlap
) -> None:
    answer = state.ask(holder, now=now, due=now, lease=SECOND, limit=limit, overlap=overlap)
    if isinstance(answer, Taken):
        assert len(answer.state.holders) <= limit
        assert answer.token > state.token
        assert all(not one.occupies(now) or one in answer.state.holders for one in state.holders if one.id != holder)
    elif answer.state is not None:
        assert answer.state.waiter is not None
        assert answer.state.waiter.id == holder
