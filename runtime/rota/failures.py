"""What a handler's exception means for its run, whether it was raised in this process or in a child."""

import builtins
import hashlib
import logging
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self, TypeVar

from rota.errors import CommandError, GiveUp, HandlerError, HandlerProcessError, RetryAfter, RotaError

LENGTH = 1000
"""Characters of an error that are told of."""

TRACE_LENGTH = 50_000
"""Characters of a traceback that leave a child; the end of it, where the error is."""

T = TypeVar("T")

_SENTENCES = (HandlerError, HandlerProcessError, CommandError)


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
    def of(cls, error: BaseException) -> "Failure":
        """Of an exception that was raised in this process, or of one that brings the failure of a child. Never
        raises, whatever a user's exception does when it is asked."""
        kind = type(error)
        if issubclass(kind, IsolatedFailure):
            carried: Failure = error.failure  # type: ignore[attr-defined] # isinstance() would ask the exception itself
            return carried
        wait = _asked(lambda: error.__dict__.get("wait"), None) if issubclass(kind, RetryAfter) else None
        return cls(
            said=_asked(lambda: printable(told(error)[:LENGTH]), "an exception that cannot be told"),
            kinds=_asked(lambda: tuple(map(name_of, type.mro(kind))), ()),
            traceback_digest=_asked(lambda: _digest(error), ""),
            give_up=issubclass(kind, GiveUp),
            retry_after=wait if isinstance(wait, timedelta) else None,
            error=error,
        )

    def without_error(self) -> Self:
        """The same as plain data, to leave this process: the traceback becomes text."""
        if self.error is None:
            return self
        error = self.error
        trace = _asked(lambda: "".join(traceback.format_exception(error))[-TRACE_LENGTH:], "")
        return replace(self, error=None, trace=trace)

    def matches(self, exceptions: Iterable[type[BaseException] | str]) -> bool:
        """Whether it is one of these, each a class or its name; see `exception_name_problem`."""
        return any(not _names(entry).isdisjoint(self.kinds) for entry in exceptions)

    def log(self, logger: logging.Logger, level: int, message: str) -> None:
        """Log `message` with the traceback, wherever that comes from."""
        # A command's error says it all; the traceback would be rota's.
        if self.error is not None and not issubclass(type(self.error), CommandError):
            logger.log(level, "%s", message, exc_info=(type(self.error), self.error, _TRACEBACK(self.error)))
        else:
            logger.log(level, "%s: %s%s", message, self.said, f"\n{self.trace.rstrip()}" if self.trace else "")


class IsolatedFailure(RotaError):  # noqa: N818 - it carries a Failure
    """The handler failed in its own process."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.said)
        self.failure = failure
        """What was raised there."""


def name_of(kind: type) -> str:
    """The name of a class as `Retry(on=...)` takes it."""
    module = str(_MODULE(kind)).replace("__mp_main__", "__main__")  # its name in a child
    return f"{module}:{_QUALNAME(kind)}"


def _names(entry: type[BaseException] | str) -> set[str]:
    """What an entry of `Retry(on=...)` stands for. A name that a module merely passes on, as `requests:Timeout`, also
    means the class it leads to; nothing is imported for that."""
    if isinstance(entry, type):
        return {name_of(entry)}
    full = entry if ":" in entry else f"builtins:{entry}"
    module, _, path = full.partition(":")
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return {full, name_of(found)} if isinstance(found, type) else {full}


# Asked of `type` and `BaseException` themselves, for a user's class may answer anything.
_TRACEBACK: Callable[[BaseException], Any] = BaseException.__dict__["__traceback__"].__get__
_MODULE: Callable[[type], object] = type.__dict__["__module__"].__get__
_QUALNAME: Callable[[type], str] = type.__dict__["__qualname__"].__get__
_NAME: Callable[[type], str] = type.__dict__["__name__"].__get__


def _asked(question: Callable[[], T], otherwise: T) -> T:
    """The answer, unless a user's exception raises when it is asked."""
    try:
        return question()
    except BaseException:  # noqa: BLE001 - SystemExit from a `__str__` must not end a slot either
        return otherwise


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
    """`Type: message`; rota's own errors about handlers and commands are sentences already."""
    name = _NAME(type(error))
    text = _asked(lambda: "".join(("", str(error))), None)
    if text is None:
        return name
    return text if issubclass(type(error), _SENTENCES) else f"{name}: {text}"


def printable(text: str) -> str:
    """Without what SQS refuses: control characters, lone surrogates, the last two of the basic plane.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
    return "".join(
        c if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "?"
        for c in text
    )


def _digest(error: BaseException) -> str:
    """Without line numbers: an edit elsewhere in a file makes no other failure. Without paths, which differ from server
    to server, and without what differs from one Python to the next: the standard library's frames, those of
    comprehensions, and how deep a recursion came. rota's own frames do not count, for a child has others."""
    places: dict[str, None] = {}
    for frame, _ in traceback.walk_tb(_TRACEBACK(error)):
        module = str(frame.f_globals.get("__name__")).replace("__mp_main__", "__main__")
        function = frame.f_code.co_qualname
        if module.partition(".")[0] not in _NOT_THE_USERS and not function.endswith("comp>"):
            places[f"{module}:{function}"] = None
    return hashlib.sha256("\n".join([name_of(type(error)), *places]).encode("utf-8", "replace")).hexdigest()[:12]


_NOT_THE_USERS = (sys.stdlib_module_names | {"rota"}) - {"__main__"}
