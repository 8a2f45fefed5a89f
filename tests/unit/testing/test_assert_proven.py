"""The proof as an assertion of users' tests."""

from datetime import UTC, datetime

import pytest

from rota import Cron, Job, Manifest, Queue, ScheduleError
from rota.testing import assert_proven

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)


def manifest(expression: str, time_zone: str = "UTC") -> Manifest:
    schedule = Cron(expression, time_zone=time_zone)
    return Manifest(name="shop", jobs=[Job(name="a", handler="b:c", target=Queue(name="q"), schedule=schedule)])


def test_what_surprises_nobody_passes():
    assert_proven(manifest("0 9 * * MON-FRI"))
    assert_proven(manifest("0 9 * * *", "Europe/Berlin"), start=NOW, accept={"shifted"})


def test_what_may_surprise_is_told_with_what_to_write_instead_and_how_to_accept_it():
    with pytest.raises(AssertionError) as failed:
        assert_proven(manifest("30 2 * * *", "Europe/Berlin"), start=NOW)
    said = str(failed.value)
    assert "manifest 'shop' has 2 that may surprise" in said
    assert "  skipped: a: 02:30 Europe/Berlin skipped on Sun 2027-03-28" in said
    assert "(instead: a time outside 02:00-02:59" in said
    assert 'accept={"shifted", "gap:close-books"}' in said


def test_what_is_accepted_is_not_told():
    with pytest.raises(AssertionError, match="has 1 that may surprise:\n  repeated:"):
        assert_proven(manifest("30 2 * * *", "Europe/Berlin"), start=NOW, accept={"skipped:a"})
    with pytest.raises(ScheduleError, match="accept 'skips'"):
        assert_proven(manifest("30 2 * * *"), accept={"skips"})


def test_it_looks_as_far_as_it_is_told():
    assert_proven(manifest("30 2 * * *", "Europe/Berlin"), start=NOW, days=100)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"days": -5}, "days must be 1 or more, such as 400; got -5"),
        ({"days": 0}, "days must be 1 or more, such as 400; got 0"),
        (
            {"start": datetime(2027, 1, 1)},
            r"start must be aware, such as .*; got datetime.datetime\(2027, 1, 1, 0, 0\)",
        ),
    ],
)
def test_a_time_that_is_none_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        assert_proven(manifest("0 9 * * *"), **wrong)
