"""`Lock` and `Unique`: what may be declared, and the keys that payloads fill in."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pydantic
import pytest

from rota.errors import ManifestError, PayloadError
from rota.exclusion import MAX_KEY, Lock, Unique, fields_of, fields_problem, fill

HOUR = timedelta(hours=1)


@dataclass
class Order:
    tenant: str
    order_id: int = 7


class Model(pydantic.BaseModel):
    tenant: str


def test_fields_stand_in_braces() -> None:
    assert fields_of("tenant:{tenant}/{order_id}") == ["tenant", "order_id"]
    assert fields_of("a {{word}} in braces") == []
    assert fields_of("report") == []


def test_a_key_is_filled_with_the_payload_s_values() -> None:
    assert fill("{tenant}:{order_id}:{{x}}", Order(tenant="Grüße")) == "Grüße:7:{x}"
    assert fill("{tenant}", Model(tenant="a")) == "a"
    assert fill("report", None) == "report"


def test_a_key_that_a_value_makes_too_long_for_dynamodb_is_refused() -> None:
    assert fill("{tenant}", Order(tenant="x" * MAX_KEY)) == "x" * MAX_KEY
    with pytest.raises(PayloadError, match=re.escape("key '{tenant}' is too long: 501 bytes with its fields")):
        fill("{tenant}", Order(tenant="x" * (MAX_KEY + 1)))
    with pytest.raises(PayloadError, match="502 bytes"):
        fill("{tenant}", Order(tenant="ü" * 251))


def test_a_value_that_is_no_text_is_refused() -> None:
    with pytest.raises(PayloadError, match="surrogates not allowed"):
        fill("{tenant}", Order(tenant="\ud800"))


@pytest.mark.parametrize("payload", [Order, Model])
def test_fields_that_the_payload_has_are_no_problem(payload: type) -> None:
    assert fields_problem("{tenant}", payload) is None
    assert fields_problem("report", None) is None


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (Order, "key '{id}' names field 'id'; payload Order has tenant, order_id"),
        (Model, "key '{id}' names field 'id'; payload Model has tenant"),
        (None, "key '{id}' names field 'id'; the job declares no payload type"),
    ],
)
def test_fields_that_it_lacks_are_told_with_those_it_has(payload: type | None, problem: str) -> None:
    assert fields_problem("{id}", payload) == problem


@pytest.mark.parametrize("key", ["", "  ", None, 7, "x" * (MAX_KEY + 1), "{", "{a", "}"])
@pytest.mark.parametrize("declare", [lambda key: Unique(key=key, window=HOUR), lambda key: Lock(key=key or "")])
def test_a_key_is_text_that_can_be_read(declare: Callable[[Any], object], key: object) -> None:
    with pytest.raises(ManifestError, match=r"^(Lock|Unique): key "):
        declare(key)


@pytest.mark.parametrize("key", ["{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>10}", "{a b}"])
def test_nothing_but_names_stands_in_braces(key: str) -> None:
    with pytest.raises(ManifestError, match=r"key may hold fields of the payload in braces, such as \{tenant_id\}"):
        Lock(key=key)


def test_each_field_has_its_limits_and_all_problems_are_told() -> None:
    with pytest.raises(ManifestError) as refused:
        Lock(
            key="{",
            limit=101,
            overlap="queue",  # type: ignore[arg-type]
            hold_at_least=timedelta(days=2),
            provider="No Name",
        )
    text = str(refused.value)
    assert text.startswith("Lock: 5 problems")
    for problem in (
        "key '{' cannot be read",
        "limit must be a whole number from 1 to 100; got 101",
        """overlap must be "skip", "wait" or "cancel_running"; got 'queue'""",
        "hold_at_least must be from 0:00:00 to 1 day",
        "got 'No Name'",
    ):
        assert problem in text


@pytest.mark.parametrize("window", [timedelta(), timedelta(days=31), timedelta(milliseconds=1500), 60])
def test_a_window_is_of_whole_seconds_up_to_thirty_days(window: Any) -> None:
    with pytest.raises(ManifestError, match=r"^Unique: window must be "):
        Unique(key="a", window=window)


def test_limits_themselves_are_allowed() -> None:
    Lock(key="x" * MAX_KEY, limit=100, hold_at_least=timedelta(days=1), provider="zoo")
    Unique(key="{a}", window=timedelta(days=30))
    assert Lock() == Lock(key=None, limit=1, overlap="skip", hold_at_least=timedelta(), provider=None)
