"""A digest of a payload's fields and types, in a canonical form of rota's own: it tells one version of it from another.

Of its own, because what libraries, and Python itself, say of a type changes from one of their versions to the next.
"""

import dataclasses
import enum
import hashlib
import sys
import types
import typing
from typing import Any

LENGTH = 16
"""Hex digits of a digest."""

_digests: dict[Any, str] = {}


def payload_digest(payload: Any) -> str | None:
    """Of a dataclass or a pydantic model; None for no payload."""
    if payload is None:
        return None
    if payload not in _digests:
        _digests[payload] = hashlib.sha256(canonical(payload).encode()).hexdigest()[:LENGTH]
    return _digests[payload]


def canonical(payload: Any) -> str:
    """The fields with their types as text: `{name:str,note?:none|str}`, `?` where a field may be left out.

    Their order, defaults and documentation do not count, nor the names of classes and aliases, nor constraints on
    values. Fields have the names that they have in JSON. What holds itself says how many levels up: `{next:none|^1}`.
    """
    return _text(payload, 0, {})


def _text(kind: Any, depth: int, above: dict[Any, int]) -> str:
    return "|".join(sorted(_members(kind, depth, above)))


def _members(kind: Any, depth: int, above: dict[Any, int]) -> set[str]:  # noqa: PLR0911 - a case each
    """Each type as a union, most of one member: so unions in unions, aliases of unions and literals are all the same,
    however they are spelled. `above` has the classes and aliases around, each with its depth."""
    kind = _meant(kind, above)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return set().union(*(_members(one, depth, above) for one in arguments))
    if origin is typing.Literal:
        return {_constant(value) for value in arguments}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {f"enum[{','.join(sorted(f'{one.name}={_constant(one.value)}' for one in kind))}]"}
    is_alias = "TypeAliasType" in (type(kind).__name__, type(origin).__name__)
    if is_alias or _is_record(origin or kind):
        if kind in above:
            return {f"^{depth - above[kind]}"}
        if is_alias:
            return _members(_aliased(kind, origin, arguments), depth, {**above, kind: depth})
        # Without the aliases around: what holds itself by way of an alias does so by way of a class, too.
        classes = {one: at for one, at in above.items() if _is_record(typing.get_origin(one) or one)}
        return {_record(kind, depth + 1, {**classes, kind: depth})}
    if all(one is Any for one in arguments):  # `list`, `List` and `list[Any]` are one
        return {_name(origin or kind)}
    texts = ("..." if one is ... else _text(one, depth + 1, above) for one in arguments)
    return {f"{_name(origin)}[{','.join(texts)}]"}


def _aliased(kind: Any, origin: Any, arguments: tuple[Any, ...]) -> Any:
    alias = origin if arguments else kind
    holder = types.SimpleNamespace(__annotations__={"value": alias.__value__})
    known = vars(sys.modules[alias.__module__])  # for what it names before it is there, itself say
    value = typing.get_type_hints(holder, known, include_extras=True)["value"]
    return value[arguments] if arguments else value


def _meant(kind: Any, above: dict[Any, int]) -> Any:
    """Without what says nothing of the shape: Annotated's metadata, the names of NewTypes and type variables."""
    while True:
        origin = typing.get_origin(kind)
        if origin is typing.Annotated or str(origin).rpartition(".")[2] in _QUALIFIERS:
            kind = typing.get_args(kind)[0]
        elif hasattr(kind, "__supertype__"):
            kind = kind.__supertype__
        elif isinstance(kind, typing.TypeVar):
            kind = kind.__bound__ or (typing.Union[kind.__constraints__] if kind.__constraints__ else Any)  # noqa: UP007
        elif kind is typing.Self and above:
            kind = max(above, key=lambda one: above[one])
        elif type(kind).__name__ == "PydanticRecursiveRef":
            return _recursive(kind.type_ref, above)
        else:
            return kind


def _recursive(reference: str, above: dict[Any, int]) -> Any:
    """The class around that pydantic means: a generic model that holds itself refers to that by name and address."""
    for one in sorted(above, key=lambda one: -above[one]):
        origin = getattr(one, "__pydantic_generic_metadata__", {}).get("origin") or one
        if reference.startswith(f"{origin.__module__}.{origin.__qualname__}:"):
            return one
    return reference.partition(":")[0]


_QUALIFIERS = ("Final", "Required", "NotRequired", "ReadOnly")


def _record(kind: Any, depth: int, above: dict[Any, int]) -> str:
    origin = typing.get_origin(kind) or kind
    given = dict(zip(getattr(origin, "__parameters__", ()), typing.get_args(kind), strict=False))
    if issubclass(origin, tuple):  # a list in JSON: there the order counts, and the names do not
        return f"tuple[{','.join(_text(_filled(of, given), depth, above) for of in _hints(origin).values())}]"
    fields = (
        f"{name if name.isidentifier() else ascii(name)}{'' if required else '?'}:"
        f"{_text(_filled(of, given), depth, above)}"
        for name, of, required in _fields(origin)
    )
    return "{" + ",".join(sorted(fields)) + "}"


def _filled(kind: Any, given: dict[Any, Any]) -> Any:
    """With the types that a generic class was given in place of its variables."""
    if isinstance(kind, typing.TypeVar):
        return given.get(kind, kind)
    variables = () if isinstance(kind, type) else getattr(kind, "__parameters__", ())
    return kind[tuple(given.get(one, one) for one in variables)] if given and variables else kind


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and (
        dataclasses.is_dataclass(kind) or _is_model(kind) or _is_typed_dict(kind) or _is_named_tuple(kind)
    )


def _is_model(kind: Any) -> bool:
    return hasattr(kind, "__pydantic_validator__") and hasattr(kind, "model_fields")


def _is_typed_dict(kind: Any) -> bool:
    return issubclass(kind, dict) and hasattr(kind, "__required_keys__")


def _is_named_tuple(kind: Any) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields") and hasattr(kind, "__annotations__")


def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _fields(kind: Any) -> list[tuple[str, Any, bool]]:
    """Of each field its name in JSON, its type, and whether it has to be there."""
    if "__pydantic_fields__" in vars(kind) or _is_model(kind):
        if not getattr(kind, "__pydantic_complete__", True) and _is_model(kind):
            kind.model_rebuild(raise_errors=False)
        known = vars(kind).get("__pydantic_fields__") or kind.model_fields
        return [(_json_name(name, field), field.annotation, field.is_required()) for name, field in known.items()]
    hints = _hints(kind)
    if _is_typed_dict(kind):
        return [(name, of, _is_required(of, name in kind.__required_keys__)) for name, of in hints.items()]
    missing = dataclasses.MISSING
    return [
        (
            _json_name(field.name, *getattr(hints[field.name], "__metadata__", ())),
            hints[field.name],
            field.default is missing and field.default_factory is missing,
        )
        for field in dataclasses.fields(kind)
        if field.init
    ]


def _is_required(of: Any, otherwise: bool) -> bool:
    """As the type says it: under `from __future__ import annotations` the class does not know."""
    said = str(typing.get_origin(of)).rpartition(".")[2]
    return said == "Required" or (said != "NotRequired" and otherwise)


def _json_name(name: str, *infos: Any) -> str:
    """The name that is written; and the one that is read, where pydantic was told of another."""
    written = read = name
    for info in infos:
        alias = getattr(info, "alias", None)
        written = getattr(info, "serialization_alias", None) or alias or written
        read = getattr(info, "validation_alias", None) or alias or read
    return written if read == written else f"{written}<{read if isinstance(read, str) else repr(read)}"


def _constant(value: Any) -> str:
    """A value of a literal or an enumeration."""
    if isinstance(value, enum.Enum):
        return f"enum:{_constant(value.value)}"
    if value is None:
        return "none"
    if isinstance(value, tuple | list):
        return f"[{','.join(map(_constant, value))}]"
    return ascii(value) if type(value) in (bool, int, float, str, bytes) else _name(type(value))


def _name(kind: Any) -> str:
    if kind in (None, type(None)):
        return "none"
    if not isinstance(kind, type):
        return str(kind)
    bases = {base.__name__ for base in kind.__mro__ if base.__module__ == "pydantic.networks"}
    if bases & {"_BaseUrl", "_BaseMultiHostUrl"}:  # before pydantic 2.10 they were all one of these two
        return "pydantic_core.Url" if "_BaseUrl" in bases else "pydantic_core.MultiHostUrl"
    # Where a library keeps it is its own affair, and changes: in Python 3.13, Path is of the module pathlib._local.
    module = ".".join(part for part in kind.__module__.split(".") if not part.startswith("_"))
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"
