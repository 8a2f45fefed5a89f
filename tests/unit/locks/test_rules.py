"""Who holds a lock: each row of docs/ledger.md's table, and who comes back."""

import json
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
    assert first.holders == (Holder(id="a", token=MS, lease_until=NOW + 30 * SECOND),)
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


def test_a_waiter_that_has_not_asked_for_a_minute_has_lost_its_place() -> None:
    state = waits(taken(LockState(), "a"), "b").released("a", now=NOW)
    refused(state, "c", NOW + WAITER_KEEPS - SECOND)
    assert taken(state, "c", NOW + WAITER_KEEPS).waiter is None


def test_a_waiter_that_asks_again_keeps_its_place_longer() -> None:
    state = waits(taken(LockState(), "a"), "b")
    again = waits(state, "b", NOW + 20 * SECOND)
    assert again.waiter == Waiter(id="b", until=NOW + 20 * SECOND + WAITER_KEEPS, due=NOW)


def test_a_waiter_that_gives_up_makes_way() -> None:
    state = waits(taken(LockState(), "a"), "b")
    assert state.without_waiter("c") is None
    left = state.without_waiter("b")
    assert left is not None
    assert (left.waiter, left.holders) == (None, state.holders)


def test_holders_are_asked_to_stop_by_the_first_who_cancels_them() -> None:
    state = taken(taken(LockState(), "a", limit=2), "b", limit=2)
    asked = waits(state, "c", overlap="cancel_running", limit=2)
    assert [one.asked_to_stop for one in asked.holders] == ["c takes over", "c takes over"]
    newer = waits(asked, "d", overlap="cancel_running", limit=2, due=NOW + SECOND)
    assert [one.asked_to_stop for one in newer.holders] == ["c takes over", "c takes over"]
    assert newer.waiter is not None
    assert newer.waiter.id == "d"


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
            lease_until=instants,
            hold_until=st.one_of(st.none(), instants),
            asked_to_stop=st.one_of(st.none(), text),
        ),
        max_size=3,
    ).map(tuple),
    waiter=st.one_of(st.none(), st.builds(Waiter, id=text, until=instants, due=instants)),
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
