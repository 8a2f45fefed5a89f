"""The snapshot of what will run when: every change of a declaration that changes a run is a change of it."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota import Cron, Endpoint, Job, Lock, Manifest, Queue, Retry, Unique
from rota.testing.snapshot import schedule_snapshot
from rota.testing.spelling import spell_exactly

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Report:
    kind: str = "täglich"


PLAIN: Job[Any] = Job(
    name="close", handler="shop:close", target=Queue(name="q"), schedule=Cron("0 2 * * *"), payload=Report
)


def added(**changes: Any) -> list[str]:
    """The lines that the snapshot then has more."""
    before, after = (
        schedule_snapshot(Manifest(name="shop", jobs=[each])).splitlines()
        for each in (PLAIN, replace(PLAIN, **changes))
    )
    return [line for line in after if line not in before]


def test_of_a_job_with_defaults_nothing_is_said_but_what_runs_where_and_when() -> None:
    text = schedule_snapshot(Manifest(name="shop", jobs=[PLAIN]), count=1)
    assert text.split("\n\n")[1].splitlines() == [
        "close",
        "  handler   shop:close",
        "  target    queue q",
        "  schedule  0 2 * * *",
        "  zone      UTC",
        "  aws       cron(0 2 * * ? *)",
        "  next      Fri 2027-01-01 02:00:00 +0000",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"input": Report()}, 'input     {"kind": "täglich"}'),
        ({"lock": Lock()}, "lock      key close"),
        (
            {"lock": Lock(key="books", limit=3, overlap="wait", hold_at_least=90 * MINUTE, provider="redis")},
            "lock      key books, limit 3, overlap wait, hold_at_least 1 h 30 min, provider redis",
        ),
        ({"unique": Unique(key="{kind}", window=MINUTE)}, "unique    key {kind}, window 1 min"),
        ({"timeout": timedelta(hours=2, minutes=30, seconds=5)}, "timeout   2 h 30 min 5 s"),
        ({"retry": Retry(attempts=5)}, "retry     attempts 5"),
        (
            {"retry": Retry(backoff=timedelta(), jitter=0, on=[OSError, "shop:Busy"], give_up_on=["shop:Closed"])},
            "retry     backoff 0 s, jitter 0, on builtins:OSError and shop:Busy, give_up_on shop:Closed",
        ),
        ({"isolation": "process"}, "isolation process"),
        ({"idempotent": True}, "idempotent yes"),
        ({"handler": "", "payload": None, "command": ["./close", "--all books"]}, "command   ./close '--all books'"),
        ({"schedule": Cron("0 2 * * *", jitter=MINUTE)}, "jitter    up to 1 min"),
        ({"schedule": Cron("0 2 * * *", flexible_window=15 * MINUTE)}, "flexible  up to 15 min"),
        ({"schedule": Cron("0 2 * * *", excluding=[date(2030, 1, 1)])}, "excluding Tue 2030-01-01"),
        ({"start_deadline": timedelta(days=1, hours=2, minutes=3)}, "deadline  1 d 2 h 3 min"),
        ({"catch_up": "latest"}, "catch up  latest"),
        ({"enabled": False}, "enabled   no"),
        ({"target": Endpoint(name="web")}, "target    endpoint web"),
    ],
)
def test_what_is_not_the_default_is_one_line(changes: dict[str, Any], line: str) -> None:
    assert added(**changes) == [f"  {line}"]


@pytest.mark.parametrize(
    ("duration", "spelled"),
    [
        (timedelta(), "0 s"),
        (timedelta(milliseconds=1500), "1.5 s"),
        (timedelta(days=30), "30 d"),
        (timedelta(days=1, seconds=1), "1 d 1 s"),
        (timedelta(hours=23, minutes=59, seconds=59), "23 h 59 min 59 s"),
    ],
)
def test_a_duration_is_spelled_in_all_of_its_units(duration: timedelta, spelled: str) -> None:
    assert spell_exactly(duration) == spelled


@given(st.timedeltas(min_value=timedelta()))
def test_no_duration_is_rounded(duration: timedelta) -> None:
    units = {"d": "days", "h": "hours", "min": "minutes", "s": "seconds"}
    words = spell_exactly(duration).split()
    read = {units[unit]: Decimal(count) for count, unit in zip(words[::2], words[1::2], strict=True)}
    seconds = read.pop("seconds", Decimal())
    whole = {unit: int(count) for unit, count in read.items()}
    assert timedelta(**whole, microseconds=int(seconds * 1_000_000)) == duration
