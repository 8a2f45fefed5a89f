"""Payloads to JSON values and back, strictly: no number becomes a string on the way. pydantic is imported at first
use."""

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

from rota.errors import PayloadError

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def type_problem(payload: Any) -> str | None:
    """Why `payload` cannot be a payload type, or None."""
    if isinstance(payload, type) and (dataclasses.is_dataclass(payload) or hasattr(payload, "__pydantic_validator__")):
        return None
    return f"payload must be a dataclass or a pydantic model; got {payload!r}"


_adapters: "dict[Any, TypeAdapter[Any]]" = {}


def _adapter(payload: Any) -> "TypeAdapter[Any]":
    if payload not in _adapters:
        _adapters[payload] = _new_adapter(payload)
    return _adapters[payload]


def _new_adapter(payload: Any) -> "TypeAdapter[Any]":
    from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter

    try:
        return TypeAdapter(payload)
    except (PydanticSchemaGenerationError, PydanticUserError, NameError) as error:
        raise PayloadError(f"payload {payload.__name__} has a field that JSON cannot carry: {error}") from None


def has_default(payload: Any) -> bool:
    """Whether `payload` can be made of nothing, all its fields having defaults.

    Raises `PayloadError` for a type that JSON cannot carry.
    """
    _adapter(payload)
    try:
        decode(payload, {})
    except PayloadError:
        return False
    return True


def encode(payload: type[T], value: T) -> Any:
    """The JSON value of `value`.

    Raises `PayloadError` for a value of another type, or one whose fields do not hold what they declare: what leaves
    here decodes.
    """
    from pydantic_core import PydanticSerializationError, from_json

    if type(value) is not payload:  # a subclass has fields of its own, which would not arrive
        raise PayloadError(f"expected {payload.__name__}, got {type(value).__name__}: {value!r}")
    try:
        # By alias and without computed fields: only so does every pydantic model read what it has written.
        text = _adapter(payload).dump_json(value, by_alias=True, round_trip=True, warnings=False)
    except PydanticSerializationError as error:
        raise PayloadError(f"{payload.__name__}: {error}") from None
    _read(payload, text)
    return from_json(text)


def decode(payload: type[T], data: Any) -> T:
    """The value of a JSON value. Raises `PayloadError` naming the field, the rule and the value got."""
    from pydantic_core import to_json

    return _read(payload, to_json(data))


def _read(payload: type[T], text: bytes) -> T:
    """By way of JSON: only there does strictness allow a date to be written as a string."""
    from pydantic import ValidationError

    try:
        value: T = _adapter(payload).validate_json(text, strict=True)
        return value
    except ValidationError as error:
        raise PayloadError(f"{payload.__name__}: {_first(error)}") from None


def _first(error: "ValidationError") -> str:
    """The first problem as a line: field, rule, value got."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"])) or "value"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place}: {first['msg']}; got {first.get('input')!r}{more}"
