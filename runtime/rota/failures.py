"""What a handler's exception means for its run, whether it was raised in this process or in a child."""

import builtins
import hashlib
import logging
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import Self

from rota.errors import GiveUp, HandlerError, RetryAfter

LENGTH = 1000
"""Characters of an error that are told of."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What the runner needs to know of an exception."""

    said: str
    """`Type: message`, in printable text of at most 1000 characters."""
    kinds: tuple[str, ...]
    """Its class and the bases of that, each as "module:Class"."""
    traceback_digest: str
    """Of the type and the functions it came through: the same on every server for the same failure."""
    give_up: bool = False
    """Whether the handler asked not to be called again."""
    retry_after: timedelta | None = None
    """How long it asked to wait, if it did."""
    error: BaseException | None = None
    """The exception itself, where it was raised in this process."""
    trace: str = ""
    """Its traceback as text, where it was raised in a child."""

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Of an exception that was raised in this process. Never raises."""
        return cls(
            said=printable(told(error))[:LENGTH],
            kinds=tuple(map(name_of, type(error).__mro__)),
            traceback_digest=_digest(error),
            give_up=isinstance(error, GiveUp),
            retry_after=error.wait if isinstance(error, RetryAfter) else None,
            error=error,
        )

    def matches(self, exceptions: Iterable[type[BaseException] | str]) -> bool:
        """Whether it is one of these, each a class or its name; see `exception_name_problem`."""
        return any(_full_name(entry) in self.kinds for entry in exceptions)

    def log(self, logger: logging.Logger, level: int, message: str) -> None:
        """Log `message` with the traceback, wherever that comes from."""
        if self.error is not None:
            logger.log(level, "%s", message, exc_info=self.error)
        else:
            logger.log(level, "%s: %s%s", message, self.said, f"\n{self.trace.rstrip()}" if self.trace else "")


def name_of(kind: type) -> str:
    """The name of a class as `Retry(on=...)` takes it."""
    return f"{kind.__module__}:{kind.__qualname__}"


def _full_name(entry: type[BaseException] | str) -> str:
    if isinstance(entry, type):
        return name_of(entry)
    return entry if ":" in entry else f"builtins:{entry}"


def exception_name_problem(entry: object) -> str | None:
    """Why `entry` names no exception, or None: a class, "module:Class", or the bare name of a builtin exception."""
    if isinstance(entry, type) and issubclass(entry, BaseException):
        return None
    if isinstance(entry, str):
        module, colon, name = entry.partition(":")
        if colon and all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
            return None
        found = getattr(builtins, entry, None)
        if isinstance(found, type) and issubclass(found, BaseException):
            return None
    return f"an exception class, 'module:Class' or the name of a builtin exception is expected; got {entry!r}"


def told(error: BaseException) -> str:
    """`Type: message`; rota's own errors about handlers are sentences already."""
    try:
        return str(error) if isinstance(error, HandlerError) else f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - a user's exception may not be able to tell what it is
        return type(error).__name__


def printable(text: str) -> str:
    """Without what SQS refuses: control characters, lone surrogates, the last two of the basic plane.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
    return "".join(
        c if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "?"
        for c in text
    )


def _digest(error: BaseException) -> str:
    """Without line numbers: an edit elsewhere in a file makes no other failure. rota's own frames do not count."""
    frames = [
        f"{PurePath(frame.filename).name}:{frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "rota" not in PurePath(frame.filename).parts[-2:-1]
    ]
    return hashlib.sha256("\n".join([name_of(type(error)), *frames]).encode("utf-8", "replace")).hexdigest()[:12]
