"""What a run needs besides its own record: a place in a lock, a unique key. Each a document, written with the claim."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from rota.envelope import instant_text, read_instant
from rota.ledger.rules import KEEP, LockWanted, Request, UniqueWanted, overlaps
from rota.locks.in_store import state_of
from rota.locks.rules import Taken, lock_key
from rota.stores.base import Document, Key

REMEMBERED = 10
"""Runs of a unique key that stay on record: those of the latest instants. For a message that comes after so many newer
ones, the key is free."""


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """The guard lets the run in: what to write, and the token that it gives, if it does."""

    body: Mapping[str, Any]
    token: int = 0


@dataclass(frozen=True, kw_only=True)
class Denied:
    """The run is not to happen."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Waits:
    """Not yet: what to write, so that it is known who waits."""

    body: Mapping[str, Any]
    reason: str
    since: datetime | None
    """When it first asked."""


class Guard(Protocol):
    """One more condition of a claim."""

    key: Key
    keep: timedelta
    once: bool
    """Whether a run that was claimed before is not asked again."""

    def ask(
        self, document: Document | None, request: Request, now: datetime, *, token: int, waits: bool
    ) -> Admitted | Denied | Waits:
        """May the run start at `now`, going by what stands at `key`? `token` is the least that it may get; with
        `waits`, it would rather wait than be denied."""
        ...

    def left(self, document: Document | None, request: Request) -> Mapping[str, Any] | None:
        """What to write for a run that has waited and will not start; None where it did not wait."""
        ...


class LockGuard:
    """A place in a lock."""

    keep = KEEP
    once = False

    def __init__(self, wanted: LockWanted) -> None:
        self._wanted = wanted
        self.key = lock_key(wanted.key)

    def ask(
        self, document: Document | None, request: Request, now: datetime, *, token: int, waits: bool
    ) -> Admitted | Denied | Waits:
        wanted = self._wanted
        for overlap in overlaps(wanted, waits=waits):
            answer = state_of(document).ask(
                request.holder,
                now=now,
                due=request.due or now,
                lease=request.lease,
                limit=wanted.limit,
                overlap=overlap,
                hold_at_least=wanted.hold_at_least,
                least_token=token,
            )
            if answer.state is not None:
                break
        if isinstance(answer, Taken):
            return Admitted(body=answer.state.body(), token=answer.token)
        reason = f"lock {wanted.key!r}: {answer.reason}"
        return (
            Denied(reason=reason)
            if answer.state is None
            else Waits(body=answer.state.body(), reason=reason, since=answer.since)
        )

    def left(self, document: Document | None, request: Request) -> Mapping[str, Any] | None:
        state = state_of(document).without_waiter(request.holder)
        return None if state is None else state.body()


class UniqueGuard:
    """A key that one run in a window has. On record are all who had it lately: messages come in any order."""

    once = True

    def __init__(self, wanted: UniqueWanted, job: str) -> None:
        self._wanted = wanted
        self.key = Key(f"unique#{job}#{wanted.key}")
        self.keep = max(KEEP, 2 * wanted.window)

    def ask(
        self,
        document: Document | None,
        request: Request,
        now: datetime,
        *,
        token: int,  # noqa: ARG002 - it gives none
        waits: bool,  # noqa: ARG002 - another's window does not end by waiting a little
    ) -> Admitted | Denied | Waits:
        at = request.due or now
        runs: dict[str, str] = dict(document.body["runs"]) if document else {}
        for run, instant in runs.items():
            if run != request.holder and abs(at - read_instant("at", instant)) < self._wanted.window:
                return Denied(reason=f"unique: run {run} has key {self._wanted.key!r}")
        runs[request.holder] = instant_text(at)
        latest = sorted(runs, key=lambda run: read_instant("at", runs[run]))[-REMEMBERED:]
        return Admitted(body={"runs": {run: runs[run] for run in latest}})

    def left(self, document: Document | None, request: Request) -> Mapping[str, Any] | None:  # noqa: ARG002 - nobody waits
        return None


def guards_of(request: Request) -> list[Guard]:
    """The guards of a run. A lock that another provider keeps is none of them."""
    guards: list[Guard] = []
    if request.unique is not None:
        guards.append(UniqueGuard(request.unique, request.envelope.job))
    if request.lock is not None and request.lock.provider is None:
        guards.append(LockGuard(request.lock))
    return guards
