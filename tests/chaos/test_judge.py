"""A judge that cannot find anyone guilty proves nothing: what each count sees in logs that are made up."""

from dataclasses import replace
from typing import Any

import pytest
from chaos.evidence import Evidence, Record, read_calls
from chaos.judge import judge
from chaos.report import NEEDED, Verdict, show
from rich.console import Console

EPOCH = 1_000_000.0
"""The wall clock when the monotonic one was 0."""

Lines = list[dict[str, Any]]


def call(
    name: str,
    *,
    pid: int = 1,
    start: float = 10.0,
    end: float | None = 12.0,
    told: float | None = None,
    writes: bool = False,
    **fields: Any,
) -> Lines:
    """The handlers' lines of one call, by default of run `r`, claimed just before it started; one that `writes` does so
    at its end."""
    token = int((EPOCH + start) * 1000) - 50
    lines = [
        {"event": "started", "run": "r", "lock": None, "token": token, "pid": pid, "attempt": 1, "at": start, **fields}
    ]
    if told is not None:
        lines.append({"event": "told", "at": told, "reason": "lost"})
    lines.append({"event": "fenced", "at": start + 0.1})
    if end is not None:
        if writes:
            lines.append({"event": "accepted", "key": "run:r", "asked": end - 0.1, "at": end})
        lines.append({"event": "ended", "how": "returned", "at": end})
    return [{"call": name, **line} for line in lines]


def evidence(*calls: Lines, events: Lines | None = None, **fields: Any) -> Evidence:
    """A run `r` that its last call has completed."""
    read = read_calls([line for lines in calls for line in lines], events or [], EPOCH)
    last = read[-1].token
    attempts = [(one.token, "abandoned") for one in read[:-1]] + [(last, "succeeded")]
    record = Record(state="finished", outcome="succeeded", reason="handler returned", token=last, attempts=attempts)
    known: dict[str, Any] = {"records": {"r": record}, "locked": set(), "writes": {}, **fields}
    return Evidence(sent={"r"}, calls=read, **known)


def found(given: Evidence) -> dict[str, int]:
    """What the judge saw, without what it did not."""
    return {count.what: len(count.seen) for count in judge(given) if count.seen}


def stopped(pid: int, begin: float, end: float) -> Lines:
    return [{"event": "stopped", "pid": pid, "at": begin}, {"event": "continued", "pid": pid, "at": end}]


def killed(pid: int, at: float) -> Lines:
    return [{"event": "killed", "pid": pid, "at": at}]


ONE = call("a")


def test_nothing_is_held_against_a_run_that_was_done_once() -> None:
    assert found(evidence(ONE)) == {}


def test_a_run_that_is_not_on_record_is_lost_and_has_no_completion() -> None:
    assert found(evidence(ONE, records={})) == {
        "runs lost": 1,
        "runs without exactly one recorded completion": 1,
    }


@pytest.mark.parametrize("state", ["running", "waiting"])
def test_a_run_that_never_finished_is_lost(state: str) -> None:
    record = Record(state=state, outcome=None, reason="", token=5, attempts=[])
    assert found(evidence(ONE, records={"r": record}))["runs lost"] == 1


def test_a_run_that_failed_is_lost_though_its_failure_is_recorded() -> None:
    record = Record(state="finished", outcome="failed", reason="attempts exhausted", token=5, attempts=[(5, "failed")])
    assert found(evidence(ONE, records={"r": record}))["runs lost"] == 1


def test_a_completion_that_no_handler_has_returned_for_is_a_loss() -> None:
    assert found(evidence(call("a", end=None), events=killed(1, 11))) == {"runs lost": 1}


def test_a_run_may_be_skipped_where_another_waits_for_its_lock_and_nowhere_else() -> None:
    record = Record(state="finished", outcome="skipped", reason="already waiting: q", token=0, attempts=[])
    assert found(evidence(ONE, records={"r": record}, locked={"r"})) == {}
    assert found(evidence(ONE, records={"r": record})) == {"runs lost": 1}
    other = replace(record, reason="start deadline")
    assert found(evidence(ONE, records={"r": other}, locked={"r"})) == {"runs lost": 1}


def test_two_completions_are_one_too_many() -> None:
    token = evidence(ONE).calls[0].token
    attempts = [(token - 1, "succeeded"), (token, "succeeded")]
    record = Record(state="finished", outcome="succeeded", reason="", token=token, attempts=attempts)
    assert found(evidence(ONE, records={"r": record})) == {"runs without exactly one recorded completion": 1}


def test_two_calls_of_a_run_at_the_same_time_are_two_holders() -> None:
    assert found(evidence(call("a"), call("b", pid=2, start=11.9, end=13))) == {"two live holders of one run": 1}
    assert found(evidence(call("a"), call("b", pid=2, start=12.1, end=13))) == {}


def test_a_long_call_is_compared_with_more_than_its_neighbour() -> None:
    given = evidence(call("a", end=40), call("b", pid=2, start=11, end=12), call("c", pid=3, start=20, end=21))
    assert found(given) == {"two live holders of one run": 2}


def test_two_runs_under_one_lock_at_the_same_time_are_two_holders() -> None:
    first, second = call("a", lock="account:1"), call("b", run="q", lock="account:1", pid=2, start=11, end=13)
    assert found(evidence(second, first)) == {"two live holders of one lock": 1}


def test_a_killed_process_holds_nothing_and_one_that_lives_does() -> None:
    first, second = call("a", end=None), call("b", pid=2, start=30, end=31)
    assert found(evidence(first, second, events=killed(1, 29))) == {}
    assert found(evidence(first, second, events=killed(1, 30.5))) == {"two live holders of one run": 1}
    assert found(evidence(first, second, events=killed(3, 29))) == {"two live holders of one run": 1}


def test_a_stopped_process_holds_nothing_from_the_stop_on_even_once_it_goes_on() -> None:
    zombie, holder = call("a", end=36), call("b", pid=2, start=32, end=37)
    assert found(evidence(zombie, holder, events=stopped(1, 11, 35))) == {}
    assert found(evidence(zombie, holder, events=stopped(1, 33, 60))) == {"two live holders of one run": 1}


def test_a_call_that_was_claimed_before_a_stop_and_begins_after_it_holds_nothing() -> None:
    holder = call("b", pid=2, start=32, end=37)
    zombie = call("a", start=35.1, end=36, token=int((EPOCH + 10.9) * 1000))
    assert found(evidence(zombie, holder, events=stopped(1, 11, 35))) == {}
    claimed_after = call("a", start=35.1, end=36)
    assert found(evidence(claimed_after, holder, events=stopped(1, 11, 35))) == {"two live holders of one run": 1}


def test_a_call_that_knows_that_it_is_to_stop_holds_nothing_any_more() -> None:
    assert found(evidence(call("a", told=20, end=36), call("b", pid=2, start=32, end=37))) == {}
    assert found(evidence(call("a", told=33, end=36), call("b", pid=2, start=32, end=37))) == {
        "two live holders of one run": 1
    }


def test_a_write_with_a_lower_token_than_one_before_is_stale() -> None:
    assert found(evidence(ONE, writes={"run:r": [(5, "a"), (7, "b"), (9, "c")]})) == {}
    assert found(evidence(ONE, writes={"run:r": [(5, "a"), (7, "b"), (6, "a")]})) == {"stale writes accepted": 1}


def test_a_write_that_begins_once_a_later_call_has_passed_its_fence_is_stale() -> None:
    stop, holder = stopped(1, 11, 35), call("b", pid=2, start=32, end=40)
    assert found(evidence(call("a", end=36, writes=True), holder, events=stop)) == {"stale writes accepted": 1}
    assert found(evidence(call("a", end=36), holder, events=stop)) == {}
    assert found(evidence(call("a", end=32.1, writes=True), holder, events=stop)) == {}
    assert found(evidence(call("a", end=36, writes=True), [*holder[:1], *holder[2:]], events=stop)) == {}


def test_two_calls_that_write_with_one_token_cannot_be_told_apart() -> None:
    assert found(evidence(ONE, writes={"run:r": [(5, "a"), (5, "a")]})) == {}
    assert found(evidence(ONE, writes={"run:r": [(5, "a"), (5, "b")]})) == {"stale writes accepted": 1}


def test_dead_letters_messages_left_and_broken_servers_count() -> None:
    assert found(evidence(ONE, dead_letters=["x"], left=2, mishaps=["w1 ended"])) == {
        "dead letters": 1,
        "messages left in the queue": 2,
        "servers that ended by themselves, or not when told": 1,
    }


def test_all_is_well_only_if_nothing_was_seen_and_the_chaos_did_happen() -> None:
    console, chaos = Console(quiet=True), dict.fromkeys(NEEDED, 1)
    assert show(console, judge(evidence(ONE)), chaos, repeat="") is Verdict.HELD
    assert show(console, judge(evidence(ONE, left=1)), chaos, repeat="") is Verdict.BROKEN
    for needed in NEEDED:
        less = chaos | {needed: 0}
        assert show(console, judge(evidence(ONE)), less, repeat="") is Verdict.PROVES_NOTHING
        assert show(console, judge(evidence(ONE, left=1)), less, repeat="") is Verdict.BROKEN
