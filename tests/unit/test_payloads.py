"""Payloads: what goes in comes out, and nothing else goes in."""

import enum
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, computed_field

from rota import PayloadError, payloads


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass(frozen=True)
class Address:
    street: str
    town: str | None = None


@dataclass(frozen=True)
class Order:
    id: int
    price: Decimal
    at: datetime
    day: date
    within: timedelta
    colour: Colour
    key: uuid.UUID
    to: Address
    tags: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    kind: Literal["new", "old"] = "new"
    note: str | None = None


class Invoice(BaseModel):
    number: int = Field(alias="invoiceNumber", gt=0)
    lines: list[Address] = []

    @computed_field  # type: ignore[prop-decorator] # as pydantic's documentation has it
    @property
    def count(self) -> int:
        return len(self.lines)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str

    @computed_field  # type: ignore[prop-decorator] # as pydantic's documentation has it
    @property
    def shout(self) -> str:
        return self.name.upper()


def through_json(payload: Any, value: Any) -> Any:
    return payloads.decode(payload, json.loads(json.dumps(payloads.encode(payload, value))))


@given(
    order=st.builds(
        Order,
        id=st.integers(),
        price=st.decimals(allow_nan=False, allow_infinity=False, places=2),
        at=st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)),
        day=st.dates(),
        within=st.timedeltas(timedelta(), timedelta(days=1000)),
        colour=st.sampled_from(Colour),
        key=st.uuids(),
        to=st.builds(Address, street=st.text(), town=st.none() | st.text()),
        tags=st.lists(st.text()).map(tuple),
        counts=st.dictionaries(st.text(), st.integers()),
        note=st.none() | st.text(),
    )
)
def test_a_dataclass_arrives_as_it_was_sent(order: Order) -> None:
    assert through_json(Order, order) == order


def test_a_pydantic_model_arrives_as_it_was_sent() -> None:
    invoice = Invoice(invoiceNumber=7, lines=[Address("a"), Address("b", "c")])
    assert through_json(Invoice, invoice) == invoice
    assert payloads.encode(Invoice, Invoice(invoiceNumber=7)) == {"invoiceNumber": 7, "lines": []}
    assert through_json(Strict, Strict(name="a")) == Strict(name="a")


def test_json_is_plain() -> None:
    order = Order(
        1,
        Decimal("1.10"),
        datetime(2026, 1, 2, tzinfo=UTC),
        date(2026, 1, 2),
        timedelta(minutes=5),
        Colour.RED,
        uuid.UUID(int=1),
        Address("a"),
    )
    assert payloads.encode(Order, order) == {
        "id": 1,
        "price": "1.10",
        "at": "2026-01-02T00:00:00Z",
        "day": "2026-01-02",
        "within": "PT5M",
        "colour": "red",
        "key": "00000000-0000-0000-0000-000000000001",
        "to": {"street": "a", "town": None},
        "tags": [],
        "counts": {},
        "kind": "new",
        "note": None,
    }


@dataclass(frozen=True)
class Item:
    number: int
    name: str = "x"
    share: float = 0.5
    on: bool = False
    at: datetime | None = None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "Item: number: Field required; got {}"),
        ({"number": "7"}, "Item: number: Input should be a valid integer; got '7'"),
        ({"number": 7.5}, "Item: number: Input should be a valid integer"),
        ({"number": True}, "Item: number: Input should be a valid integer; got True"),
        ({"number": 1, "name": 5}, "Item: name: Input should be a valid string; got 5"),
        ({"number": 1, "on": 1}, "Item: on: Input should be a valid boolean; got 1"),
        ({"number": 1, "at": "yesterday"}, "Item: at: Input should be a valid datetime"),
        ({"number": None, "name": None}, "Item: number: Input should be a valid integer; got None (and 1 more)"),
        ([], "Item: value: Input should be an object; got []"),
        (None, "Item: value: Input should be an object; got None"),
    ],
)
def test_what_does_not_fit_is_refused_with_field_rule_and_value(data: Any, said: str) -> None:
    with pytest.raises(PayloadError) as caught:
        payloads.decode(Item, data)
    assert str(caught.value).startswith(said)


def test_a_nested_field_is_named_by_its_path() -> None:
    with pytest.raises(PayloadError, match=r"Invoice: lines\.1\.street: Input should be a valid string; got 5"):
        payloads.decode(Invoice, {"invoiceNumber": 1, "lines": [{"street": "a"}, {"street": 5}]})


def test_a_whole_number_is_a_float_and_a_constraint_holds() -> None:
    assert payloads.decode(Item, {"number": 1, "share": 1}).share == 1.0
    with pytest.raises(PayloadError, match="invoiceNumber: Input should be greater than 0; got 0"):
        payloads.decode(Invoice, {"invoiceNumber": 0})


@pytest.mark.parametrize("value", [Address("a"), {"number": 1}, 7, None, Item])
def test_a_value_of_another_type_is_not_sent(value: Any) -> None:
    with pytest.raises(PayloadError, match=r"^expected Item, got "):
        payloads.encode(Item, value)


@pytest.mark.parametrize(
    "value",
    [Item("7"), Item(1, share=float("nan")), Item(1, share=float("inf")), Item(1, at="yesterday")],  # type: ignore[arg-type]
)
def test_a_value_that_breaks_its_own_declaration_is_not_sent(value: Item) -> None:
    with pytest.raises(PayloadError, match=r"^Item: "):
        payloads.encode(Item, value)


@dataclass
class Handle:
    file: object


@dataclass
class Raw:
    data: bytes


class Opaque: ...


@dataclass
class Holder:
    thing: Opaque


def test_what_json_cannot_carry() -> None:
    with pytest.raises(PayloadError, match=r"^Handle: "):
        payloads.encode(Handle, Handle(Opaque()))
    with pytest.raises(PayloadError, match=r"^Raw: "):
        payloads.encode(Raw, Raw(b"\xff"))
    with pytest.raises(PayloadError, match=r"payload Holder has a field that JSON cannot carry: .*Opaque"):
        payloads.encode(Holder, Holder(Opaque()))


def test_payload_types() -> None:
    assert payloads.type_problem(Item) is None
    assert payloads.type_problem(Invoice) is None
    for other in (dict, int, Opaque, Item(1), None, Annotated[int, 5], dict[str, int]):
        assert str(payloads.type_problem(other)).startswith("payload must be a dataclass or a pydantic model; got ")


def test_defaults() -> None:
    @dataclass
    class Defaults:
        kind: str = "daily"
        tags: list[str] = field(default_factory=list)

    assert payloads.has_default(Defaults)
    assert not payloads.has_default(Item)
    with pytest.raises(PayloadError, match="JSON cannot carry"):
        payloads.has_default(Holder)
