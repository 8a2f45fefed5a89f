"""YAML documents, and what is read from them whatever they hold. PyYAML is of the extra `rota[import]`."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from rota.importing.found import UnreadableError


def documents(text: str, *, source: str) -> list[Any]:
    """The documents of a YAML text. Raises `UnreadableError` for what is none, or where PyYAML is not installed."""
    return _load(text, source, "SafeLoader")


def texts(text: str, *, source: str) -> list[Any]:
    """The documents of a YAML text, with each value as the text that stands there: to YAML 1.1, as PyYAML reads it,
    `on`, `yes` and `true` are one. Raises as `documents` does."""
    return _load(text, source, "BaseLoader")


def _load(text: str, source: str, loader: str) -> list[Any]:
    try:
        import yaml
    except ImportError:
        raise UnreadableError("reading YAML takes PyYAML; install it: pip install 'rota[import]'") from None
    try:
        # Neither of the two makes anything but plain data.
        loaded = list(yaml.load_all(text, Loader=getattr(yaml, loader)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a ValueError is a date such as 2026-02-30
        raise UnreadableError(
            f"{source} is not YAML: {' '.join(str(error).split())}; a template is to be filled in first "
            "(helm template ... | rota import kubernetes -)"
        ) from None
    return [document for document in loaded if document not in (None, "")]


def mapping(value: Any) -> dict[Any, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def word(value: Any) -> str:
    """A value as a word of a command: of `true`, YAML's spelling and not Python's."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def duration(value: Any, unit: timedelta) -> timedelta | None:
    """So many units, or None for what is no number of them that there could be."""
    try:
        return value * unit if isinstance(value, int | float) else None
    except (OverflowError, ValueError):  # a ValueError is of not-a-number
        return None


def names(value: Any) -> Iterator[str]:
    """What is named in a mapping of names, or in a list of mappings that each have one."""
    if isinstance(value, dict):
        yield from map(str, value)
    for each in items(value):
        yield str(mapping(each).get("name", each))


def others(value: Any, *known: object) -> list[str]:
    """The keys beside those `known`, with the names below them."""
    return [
        f"{key} ({', '.join(below)})" if (below := list(names(content))) else str(key)
        for key, content in mapping(value).items()
        if key not in known
    ]
