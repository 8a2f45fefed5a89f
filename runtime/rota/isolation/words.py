"""What a worker and its children say to each other, pickled, over a socket pair that nobody else has."""

from dataclasses import dataclass
from typing import Any

from rota.failures import Failure


@dataclass(frozen=True, kw_only=True)
class Call:
    """To the child: run this. None in its place: nothing more will come."""

    job: str
    handler: str
    request: bytes
    """The payload's type and its value. Pickled apart: what reads words is not what imports the application."""
    run: dict[str, Any] | None
    """The fields of the Run, but for its Stop; None to import the handler and no more."""
    until: float | None
    """When an async handler is cancelled, on the monotonic clock, which all processes of a machine share."""
    log_levels: dict[str, int]
    """Of the loggers here that have one, so that the child makes no record that nobody wants."""


@dataclass(frozen=True, kw_only=True)
class StopWord:
    """To the child: the run it works on should stop."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Ended:
    """From the child: the handler has returned, or raised."""

    failure: Failure | None


@dataclass(frozen=True, kw_only=True)
class Logged:
    """From the child: the attributes of a log record."""

    record: dict[str, Any]
