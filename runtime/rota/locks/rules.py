"""Who holds a lock: pure rules over its record. docs/ledger.md says them in words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from rota.envelope import instant_text, read_instant
from rota.exclusion import Overlap
from rota.leases import MARGIN
from rota.stores.base import Key

WAITER_KEEPS = timedelta(minutes=5)
"""For how long a waiter that does not ask again keeps its place."""


def lock_key(key: str) -> Key:
    """Where a lock is on record."""
    return Key(f"lock#{key}")


@dataclass(frozen=True, kw_only=True)
class Holder:
    """One who has a place."""

    id: str
    token: int
    due: datetime
    """What it is for: of two where one would stop the other, the later counts."""
    lease_until: datetime
    hold_until: datetime | None = None
    """Not free before, even if the holder is done or dead."""
    asked_to_stop: str | None = None
    """Why it should make room, where someone asked."""

    def occupies(self, now: datetime) -> bool:
        """Whether the place may not be given to another yet."""
        return now < self.lease_until + MARGIN or (self.hold_until is not None and now < self.hold_until)


@dataclass(frozen=True, kw_only=True)
class Waiter:
    """The one who is next."""

    id: str
    since: datetime
    """When it first asked."""
    until: datetime
    """When it loses its place, unless it asks again."""
    due: datetime
    """As of a holder."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A place was free."""

    state: "LockState"
    token: int


@dataclass(frozen=True, kw_only=True)
class Full:
    """There was none. With `state`, write that and ask again: this is the waiter, and has been `since` then. Without,
    another waits, or nobody may."""

    state: "LockState | None"
    reason: str
    since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class LockState:
    """What is on record of a lock."""

    token: int = 0
    """The last that was given; only grows."""
    holders: tuple[Holder, ...] = ()
    waiter: Waiter | None = None

    def find(self, holder: str) -> Holder | None:
        """The place of that holder, or None."""
        return next((one for one in self.holders if one.id == holder), None)

    def ask(  # one question with all that it depends on
        self,
        holder: str,
        *,
        now: datetime,
        due: datetime,
        lease: timedelta,
        limit: int,
        overlap: Overlap,
        hold_at_least: timedelta = timedelta(),
        least_token: int = 0,
    ) -> Taken | Full:
        """A place for `holder`, or why there is none."""
        # One who comes back for a place of its own, after a failed attempt or a crash, does not stand in its own way.
        others = tuple(one for one in self.holders if one.id != holder and one.occupies(now))
        waiter = self.waiter if self.waiter and self.waiter.until > now and self.waiter.id != holder else None
        cancels = overlap == "cancel_running"
        if waiter is not None and cancels and due > waiter.due:
            waiter = None
        before = self.find(holder)
        is_back = before is not None and before.occupies(now)  # for a place that was not free: no waiter goes before it
        if len(others) + (waiter is not None and not is_back) < limit:
            token = max(self.token + 1, least_token, int(now.timestamp() * 1000))  # as rota.ledger.rules.token_at
            place = Holder(
                id=holder,
                token=token,
                due=due,
                lease_until=now + lease,
                hold_until=now + hold_at_least if hold_at_least else None,
            )
            return Taken(state=LockState(token=token, holders=(*others, place), waiter=waiter), token=token)
        by = ", ".join(one.id for one in others)
        if waiter is not None and overlap != "skip":
            return Full(state=None, reason=f"already waiting: {waiter.id}")
        if overlap == "skip":
            return Full(state=None, reason=f"held by {by}" if by else f"next is {waiter.id if waiter else 'nobody'}")
        if cancels:
            older = [one for one in others if one.due <= due]
            if not older:
                return Full(state=None, reason=f"held by {by}, which {'is' if len(others) == 1 else 'are'} newer")
            if not any(one.asked_to_stop for one in others):  # one place is enough
                oldest = min(older, key=lambda one: one.due)
                leaving = replace(oldest, asked_to_stop=f"{holder} takes over")
                others = tuple(leaving if one is oldest else one for one in others)
        since = self.waiter.since if self.waiter and self.waiter.id == holder else now
        mine = Waiter(id=holder, since=since, until=now + WAITER_KEEPS, due=due)
        return Full(state=replace(self, holders=others, waiter=mine), reason=f"waits for {by}", since=since)

    def renewed(self, holder: str, *, lease_until: datetime) -> Self:
        """With a later end of the holder's lease."""
        later = (replace(one, lease_until=lease_until) if one.id == holder else one for one in self.holders)
        return replace(self, holders=tuple(later))

    def released(self, holder: str, *, now: datetime) -> Self:
        """Without the holder, or with its place still taken until `hold_at_least` has passed."""
        kept = tuple(
            replace(one, lease_until=now - MARGIN) if one.id == holder else one
            for one in self.holders
            if one.id != holder or (one.hold_until is not None and one.hold_until > now)
        )
        return replace(self, holders=kept)

    def without_waiter(self, holder: str) -> Self | None:
        """Without `holder` as the one who waits; None where it does not."""
        return replace(self, waiter=None) if self.waiter is not None and self.waiter.id == holder else None

    def body(self) -> dict[str, Any]:
        """As a store keeps it."""
        written = {"token": self.token, "holders": list(map(_written, self.holders))}
        return written | ({"waiter": _written(self.waiter)} if self.waiter else {})

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """The state of a body."""
        return cls(
            token=body.get("token", 0),
            holders=tuple(_read(Holder, holder) for holder in body.get("holders", ())),
            waiter=_read(Waiter, body["waiter"]) if body.get("waiter") else None,
        )


_INSTANTS = ("since", "lease_until", "hold_until", "until", "due")

T = TypeVar("T", Holder, Waiter)


def _written(one: Holder | Waiter) -> dict[str, Any]:
    written = {name: value for name, value in asdict(one).items() if value is not None}
    return {name: instant_text(value) if isinstance(value, datetime) else value for name, value in written.items()}


def _read(kind: type[T], body: Mapping[str, Any]) -> T:
    known = {name: value for name, value in body.items() if name in kind.__dataclass_fields__}
    return kind(**known | {name: read_instant(name, known[name]) for name in _INSTANTS if name in known})
