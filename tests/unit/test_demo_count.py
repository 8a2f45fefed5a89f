"""What the demo makes of its journal: the verdict of `make demo` stands on it."""

from typing import Any

import pytest
from examples.demo.count import Count, count

KILLED_AT = 100.0


def call(
    server: str, started: float, finished: float | None = None, *, attempt: int = 1, run: str = "r"
) -> list[dict[str, Any]]:
    """The journal's lines of one call of a handler on server `a`, which is killed, `b` or `c`."""
    fields = {"run": run, "job": "work", "scheduled_at": None, "server": server, "attempt": attempt}
    lines = [{"event": "started", "at": started, **fields}]
    return lines if finished is None else [*lines, {"event": "finished", "at": finished, **fields}]


def counted(*calls: list[dict[str, Any]], killed: str | None = "a") -> Count:
    lines = sorted((line for lines in calls for line in lines), key=lambda line: line["at"])
    return count(lines, killed=killed, killed_at=KILLED_AT)


def verdicts(seen: Count) -> set[str]:
    return {name for name in ("lost", "taken_over", "unacknowledged", "ran_again") if getattr(seen, name) == ["r"]}


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        pytest.param([call("b", 1, 2)], set(), id="ran once"),
        pytest.param([call("b", 1)], {"lost"}, id="never finished"),
        pytest.param([call("a", 99)], {"lost"}, id="killed, and never delivered again"),
        pytest.param([call("a", 99), call("b", 110, 111)], {"taken_over"}, id="taken over"),
        pytest.param([call("a", 99), call("b", 110)], {"lost"}, id="taken over, and not finished there either"),
        pytest.param([call("a", 98, 99.9), call("b", 110, 111)], {"unacknowledged"}, id="acknowledgement lost"),
        pytest.param([call("a", 98, 99.9), call("b", 110)], {"unacknowledged"}, id="the same, and still running"),
        pytest.param([call("a", 98, 99.7), call("b", 110, 111)], {"ran_again"}, id="finished long before the kill"),
        pytest.param([call("b", 1, 2), call("c", 3, 4)], {"ran_again"}, id="finished twice"),
        pytest.param([call("b", 1, 5), call("c", 3)], {"ran_again"}, id="a second start on a living server's run"),
        pytest.param([call("b", 1), call("c", 3, 4)], {"ran_again"}, id="a second start, the first never finished"),
        pytest.param([call("a", 1, 2), call("a", 3, 4)], {"ran_again"}, id="twice on the server that is killed later"),
        pytest.param([call("a", 98), call("b", 99, 101)], {"ran_again"}, id="a second start before the kill"),
        pytest.param(
            [call("a", 99), call("b", 110, 112), call("c", 111, 113)],
            {"taken_over", "ran_again"},
            id="taken over twice",
        ),
        pytest.param(
            [call("a", 98, 99.9), call("b", 110, 111), call("c", 120, 121)],
            {"unacknowledged", "ran_again"},
            id="acknowledgement lost, and then twice",
        ),
        pytest.param([call("b", 1), call("c", 3, 4, attempt=2)], set(), id="a retry"),
        pytest.param([call("a", 98), call("b", 101, 102, attempt=2)], set(), id="a retry of a failure before the kill"),
        pytest.param([call("b", 1, 2), call("c", 3, 4, attempt=2)], {"ran_again"}, id="tried again though it finished"),
        pytest.param(
            [call("b", 1), call("a", 99, attempt=2), call("c", 110, 111, attempt=2)],
            {"taken_over"},
            id="a retry, taken over",
        ),
    ],
)
def test_a_run_is(calls: list[list[dict[str, Any]]], expected: set[str]) -> None:
    assert verdicts(counted(*calls)) == expected


def test_where_no_server_was_killed_every_second_start_is_a_run_again() -> None:
    assert verdicts(counted(call("a", 99), call("b", 110, 111), killed=None)) == {"ran_again"}


def test_runs_are_counted_each_for_itself_and_by_server() -> None:
    occurrence = [line | {"scheduled_at": "2030-01-01T00:00:00+00:00"} for line in call("b", 1, 2, run="o")]
    seen = counted(occurrence, call("b", 1, 3), call("c", 2, 4, run="s"))
    assert (seen.occurrences, len(seen.runs), seen.by_server()) == (1, 3, {"b": 2, "c": 1})
    assert verdicts(seen) == set()
