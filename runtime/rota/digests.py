"""A digest of a payload's fields and types, in a canonical form of rota's own: it tells one version of it from another.

Of its own, because what libraries say of a type changes from one of their versions to the next.
"""

import dataclasses
import enum
import hashlib
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
    """The fields with their types as text. Their order, defaults and documentation do not count, nor do the names of
    classes; whether a field may be left out does."""
    return _type(payload, ())


def _type(kind: Any, inside: tuple[Any, ...]) -> str:
    """`inside`: the classes around, for one that holds itself."""
    kind = _plain(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return "|".join(sorted({_type(one, inside) for one in arguments}))
    if origin is typing.Literal:
        return f"literal[{','.join(sorted(map(repr, arguments)))}]"
    if origin is not None:
        return f"{_name(origin)}[{','.join(_type(one, inside) for one in arguments)}]"
    return _class(kind, inside) if _has_fields(kind) else _leaf(kind)


def _leaf(kind: Any) -> str:
    if kind in (None, type(None)):
        return "none"
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return f"enum[{','.join(sorted(f'{member.name}={member.value!r}' for member in kind))}]"
    return _name(kind)


def _class(kind: type, inside: tuple[Any, ...]) -> str:
    if kind in inside:
        return f"again[{inside[::-1].index(kind)}]"
    return "{" + ",".join(sorted(_fields(kind, (*inside, kind)))) + "}"


def _plain(kind: Any) -> Any:
    """Without what says nothing of the shape: Annotated's metadata, the names of aliases and of NewTypes."""
    while True:
        if typing.get_origin(kind) in (typing.Annotated, typing.Final, typing.Required, typing.NotRequired):
            kind = typing.get_args(kind)[0]
        elif hasattr(kind, "__supertype__"):
            kind = kind.__supertype__
        elif type(kind).__name__ == "TypeAliasType":
            kind = kind.__value__
        else:
            return kind


def _has_fields(kind: Any) -> bool:
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or hasattr(kind, "model_fields"))


def _fields(kind: Any, inside: tuple[Any, ...]) -> list[str]:
    if hasattr(kind, "model_fields"):
        found = [
            (field.alias or name, field.annotation, field.is_required()) for name, field in kind.model_fields.items()
        ]
    else:
        hints = typing.get_type_hints(kind, include_extras=True)
        missing = dataclasses.MISSING
        found = [
            (field.name, hints[field.name], field.default is missing and field.default_factory is missing)
            for field in dataclasses.fields(kind)
            if field.init
        ]
    return [f"{name}{'' if required else '?'}:{_type(of, inside)}" for name, of, required in found]


def _name(kind: Any) -> str:
    if not isinstance(kind, type):
        return str(kind)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
