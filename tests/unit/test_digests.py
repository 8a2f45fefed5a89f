"""Digests of payloads: what makes another version of one, and what does not."""
# ruff: noqa: UP006, UP007, UP045 - the many spellings of a type are the point

import dataclasses
import decimal
import pathlib
import subprocess
import sys
import typing
from dataclasses import dataclass, field, make_dataclass
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, Optional, Self, Union

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, HttpUrl, PostgresDsn
from typing_extensions import TypeAliasType, TypedDict

from rota.digests import canonical, payload_digest

T = typing.TypeVar("T")
OrderId = NewType("OrderId", int)
Text = TypeAliasType("Text", Union[str, bytes])
MaybeNode = TypeAliasType("MaybeNode", "Node | None")
Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str | None")
Pair = TypeAliasType("Pair", tuple[T, T], type_params=(T,))


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Shade(StrEnum):
    BLUE = "blue"
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: str


class Options(TypedDict):
    name: str
    note: NotRequired[int]


@dataclass
class Node:
    next: "Node | None" = None


@dataclass
class NodeBySelf:
    next: Self | None = None


@dataclass
class NodeByAlias:
    next: "MaybeNodeByAlias" = None


MaybeNodeByAlias = TypeAliasType("MaybeNodeByAlias", "NodeByAlias | None")


class NodeModel(BaseModel):
    next: "NodeModel | None" = None


class NodeSelfModel(BaseModel):
    next: Self | None = None


@dataclass
class Box(Generic[T]):
    value: T
    more: "list[Box[T]]" = field(default_factory=list)


class BoxModel(BaseModel, Generic[T]):
    value: T
    more: "list[BoxModel[T]]" = []


@dataclass
class BoxOfInt:
    value: int
    more: "list[BoxOfInt]" = field(default_factory=list)


def of(kind: Any) -> str:
    """The canonical form of a field's type."""
    return canonical(make_dataclass("P", [("a", kind)])).removeprefix("{a:").removesuffix("}")


def test_the_text_of_a_whole_payload() -> None:
    @dataclass
    class Line:
        article: str
        count: int = 1

    @dataclass
    class Order:
        lines: list[Line]
        color: Color
        at: "decimal.Decimal | None" = None

    expected = "{at?:decimal.Decimal|none,color:enum[BLUE='blue',RED='red'],lines:list[{article:str,count?:int}]}"
    assert canonical(Order) == expected


def test_a_digest_is_of_16_hex_digits_the_same_in_every_process() -> None:
    first = payload_digest(Node)
    program = (
        "from dataclasses import dataclass\nfrom rota.digests import payload_digest\n"
        "@dataclass\nclass Other:\n  next: 'Other | None' = None\n"
        "import sys; print(payload_digest(Other), 'pydantic' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == f"{first} False\n"
    assert first is not None
    assert len(first) == 16
    assert int(first, 16)


def test_no_payload_has_no_digest() -> None:
    assert payload_digest(None) is None


@pytest.mark.parametrize(
    "kinds",
    [
        [Optional[int], int | None, None | int, Union[None, int], Union[int, None]],
        [list[str], typing.List[str]],
        [list, typing.List, list[Any]],
        [dict, typing.Dict, dict[Any, Any]],
        [Union[int, Union[str, None]], Optional[Union[str, int]], int | (str | None)],
        [int, OrderId, Annotated[int, "positive"], Annotated[OrderId, Field(gt=3)]],
        [int | str | bytes, Text | int, Union[int, bytes, str]],
        [tuple[int, int], Pair[int]],
        [Literal["a", "b"], Literal["b", "a"], Literal["a"] | Literal["b"]],
        [Literal["a", None], Literal["a"] | None],
        [Color, Shade],
        [Point, tuple[int, str]],
        [Node, NodeBySelf, NodeByAlias, NodeModel, NodeSelfModel],
        [Node | None, MaybeNode],
        [Box[int], BoxModel[int], BoxOfInt],
    ],
    ids=str,
)
def test_what_is_spelled_in_many_ways_is_the_same(kinds: list[Any]) -> None:
    assert len({of(kind) for kind in kinds}) == 1, [of(kind) for kind in kinds]


@pytest.mark.parametrize(
    "kinds",
    [
        [int, str, float, bool, bytes, decimal.Decimal, pathlib.Path, Any, None, list, dict],
        [list[int], set[int], frozenset[int], tuple[int], tuple[int, ...], typing.Sequence[int], list[int | None]],
        [Literal[1], Literal["1"], Literal[True], int],
        [Level, Color, Literal[Color.RED], Literal["red"]],
        [Box[int], Box[str], BoxModel[bytes]],
        [Point, Node, Options, Json],
        [list[list[int]], list[int]],
    ],
    ids=str,
)
def test_what_differs_differs(kinds: list[Any]) -> None:
    assert len({of(kind) for kind in kinds}) == len(kinds), [of(kind) for kind in kinds]


def test_recursion_by_way_of_an_alias_ends() -> None:
    assert of(Json) == "dict[str,^1]|list[^1]|none|str"


def test_a_class_that_is_held_twice_is_told_twice() -> None:
    assert canonical(make_dataclass("P", [("a", Options), ("b", Options)])) == (
        "{a:{name:str,note?:int},b:{name:str,note?:int}}"
    )


def test_where_a_library_keeps_a_class_does_not_count() -> None:
    class Path13:
        __module__ = "pathlib._local"
        __qualname__ = "Path"

    assert of(Path13) == of(pathlib.Path) == "pathlib.Path"


def test_pydantics_urls_are_named_as_in_every_version_of_it() -> None:
    assert of(HttpUrl) == "pydantic_core.Url"
    assert of(PostgresDsn) == "pydantic_core.MultiHostUrl"


def test_a_model_a_dataclass_and_pydantics_dataclass_with_the_same_fields_are_the_same() -> None:
    class Model(BaseModel):
        b: str = "x"
        a: int = Field(gt=3)

    @pydantic.dataclasses.dataclass
    class Pydantic:
        a: int
        b: str = Field(default="y")

    @dataclass
    class Plain:
        """With documentation."""

        a: Annotated[int, "metadata"]
        b: str = "z"

    assert canonical(Model) == canonical(Pydantic) == canonical(Plain) == "{a:int,b?:str}"


def test_fields_have_their_names_in_json() -> None:
    class ByAlias(BaseModel):
        a: int = Field(alias="x")

    class ByGenerator(BaseModel):
        model_config = ConfigDict(alias_generator=lambda name: f"my-{name}")
        a: int

    class ByTwo(BaseModel):
        a: int = Field(serialization_alias="x", validation_alias=AliasChoices("x", "y"))

    @pydantic.dataclasses.dataclass
    class Pydantic:
        a: int = Field(alias="x")

    @dataclass
    class Plain:
        a: Annotated[int, Field(alias="x")]

    assert canonical(ByAlias) == canonical(Pydantic) == canonical(Plain) == "{x:int}"
    assert canonical(ByGenerator) == "{'my-a':int}"
    assert canonical(ByTwo) == "{\"x<AliasChoices(choices=['x', 'y'])\":int}"


def test_fields_that_no_payload_brings_do_not_count() -> None:
    @dataclass
    class P:
        a: int
        made: int = field(init=False, default=3)
        of_class: typing.ClassVar[int] = 3

    assert canonical(P) == "{a:int}"


def test_names_of_enum_members_and_values_count() -> None:
    renamed, revalued = Enum("Color", {"ROT": "red", "BLUE": "blue"}), Enum("Color", {"RED": 1, "BLUE": "blue"})
    assert len({of(Color), of(renamed), of(revalued)}) == 3


names = st.from_regex(r"\A[a-z]{1,6}\Z").filter(lambda name: name not in {"is", "if", "in", "or", "as", "not", "and"})
names = names.filter(str.isidentifier).filter(lambda name: not __import__("keyword").iskeyword(name))
leaves = st.sampled_from([int, str, bytes, float, bool, decimal.Decimal, Color, Options, Node, Literal["a", 3]])
kinds: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(lambda one: list[one]),
        inner.map(lambda one: dict[str, one]),
        inner.map(lambda one: Annotated[one, "x"]),
        st.lists(inner, min_size=1, max_size=4).map(lambda some: Union[tuple(some)]),
    ),
    max_leaves=6,
)
fields = st.dictionaries(names, st.tuples(kinds, st.booleans()), min_size=1, max_size=5)


def made(of_fields: list[tuple[str, tuple[Any, bool]]]) -> type:
    required = [(name, kind) for name, (kind, optional) in of_fields if not optional]
    optional = [(name, kind, field(default=None)) for name, (kind, optional) in of_fields if optional]
    return make_dataclass("P", [*required, *optional])


@given(st.data(), fields)
def test_the_order_of_fields_does_not_count(data: st.DataObject, given_fields: dict[str, tuple[Any, bool]]) -> None:
    shuffled = data.draw(st.permutations(list(given_fields.items())))
    assert canonical(made(shuffled)) == canonical(made(list(given_fields.items())))


@given(fields)
def test_a_dataclass_and_a_model_are_the_same(given_fields: dict[str, tuple[Any, bool]]) -> None:
    definitions: dict[str, Any] = {
        name: (kind, None if optional else ...) for name, (kind, optional) in given_fields.items()
    }
    model = pydantic.create_model("P", **{f"x{name}": value for name, value in definitions.items()})
    renamed = {f"x{name}": value for name, value in given_fields.items()}
    assert canonical(model) == canonical(made(list(renamed.items())))


@given(st.data(), st.lists(kinds, min_size=2, max_size=5))
def test_the_order_and_nesting_of_a_union_do_not_count(data: st.DataObject, members: list[Any]) -> None:
    shuffled = data.draw(st.permutations(members))
    cut = data.draw(st.integers(1, len(members) - 1))
    alias = TypeAliasType("alias", Union[tuple(shuffled[:cut])])
    assert of(Union[tuple(members)]) == of(Union[(alias, *shuffled[cut:])])


@given(st.data(), fields)
def test_renaming_a_field_or_letting_it_be_left_out_counts(
    data: st.DataObject, given_fields: dict[str, tuple[Any, bool]]
) -> None:
    name = data.draw(st.sampled_from(sorted(given_fields)))
    kind, optional = given_fields[name]
    others = {one: value for one, value in given_fields.items() if one != name}
    digests = {
        payload_digest(made(list(version.items())))
        for version in (
            given_fields,
            {**others, f"{name}x7": (kind, optional)},
            {**given_fields, name: (kind, not optional)},
            {**given_fields, name: (tuple[kind, complex], optional)},
        )
    }
    assert len(digests) == 4


def test_a_digest_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = make_dataclass("P", [("a", int)])
    first = payload_digest(kind)
    monkeypatch.setattr(dataclasses, "fields", None)
    assert payload_digest(kind) == first
