"""What is on record of a run, and how it is written down. docs/ledger.md is the page."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from rota.envelope import Envelope, instant_text, read_instant
from rota.run import Outcome
from rota.stores.base import Key

REMEMBERED = 20
"""Attempts of a run that stay on record: the newest."""

REASON_LENGTH = 1000
"""Characters of a text that stay on record: a document has its limit, and a completion must not fail by it."""

LONGEST_ID = 1000
"""Bytes of a run id up to which it is the sort key itself: DynamoDB takes 1,024.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


class State(StrEnum):
    """Where a run is, as far as the ledger knows."""

    RUNNING = "running"
    """A server has claimed it."""
    WAITING = "waiting"
    """An attempt failed, the next one is due at `not_before`."""
    FINISHED = "finished"
    """It has its one outcome."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One claim of a run, and what became of it."""

    number: int
    token: int
    server: str
    started_at: datetime
    ended_at: datetime
    """When it ended; of an abandoned one, when it was taken over."""
    outcome: Outcome
    reason: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is on record of a run. Instants are aware, in UTC, and AWS's."""

    job: str
    run: str
    target: str
    state: State
    attempt: int
    """The attempt that runs, ran last, or is due next."""
    token: int = 0
    """Of the last claim; 0 for a run that was refused without one."""
    server: str = ""
    """Who has claimed it last, as `host:pid`."""
    scheduled_at: datetime | None = None
    enqueued_at: datetime | None = None
    claimed_at: datetime | None = None
    lease_until: datetime | None = None
    not_before: datetime | None = None
    finished_at: datetime | None = None
    outcome: Outcome | None = None
    reason: str = ""
    lock: str | None = None
    """The key of the lock that it holds, or held."""
    abandoned: int = 0
    """How many of its servers have died since an attempt last ended."""
    redrives: int = 0
    redriven_by: str | None = None
    history: tuple[Attempt, ...] = ()

    def ended(self, outcome: Outcome, reason: str, *, now: datetime) -> Self:
        """The same with the attempt that was running in its history."""
        last = Attempt(
            number=self.attempt,
            token=self.token,
            server=self.server,
            started_at=self.claimed_at or now,
            ended_at=now,
            outcome=outcome,
            reason=shortened(reason),
        )
        return replace(self, history=(*self.history, last)[-REMEMBERED:])

    def body(self) -> dict[str, Any]:
        """As a store keeps it; what says nothing is left out."""
        # Written at each claim and each completion: the fields that say nothing are most of them.
        told = ((name, value) for name, value in vars(self).items() if value is not None and value not in _EMPTY)
        return {name: _written(value) for name, value in told}

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """The record of a body; what a later rota has added is ignored."""
        known = {name: value for name, value in body.items() if name in cls.__dataclass_fields__}
        known |= {name: read_instant(name, known[name]) for name in _INSTANTS if name in known}
        known["state"] = State(known["state"])
        if "outcome" in known:
            known["outcome"] = Outcome(known["outcome"])
        known["history"] = tuple(map(_attempt, known.get("history", ())))
        return cls(**known)


def shortened(text: str) -> str:
    """As much of a text as stays on record, without the halves of characters that UTF-8 does not have."""
    text = text[:REASON_LENGTH]
    return text if text.isascii() else text.encode(errors="replace").decode()


_EMPTY: tuple[object, ...] = ("", ())
_INSTANTS = ("scheduled_at", "enqueued_at", "claimed_at", "lease_until", "not_before", "finished_at")


def _written(value: Any) -> Any:
    if isinstance(value, str):  # other programs may write any id
        return str(value) if isinstance(value, StrEnum) else shortened(value)
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, tuple):
        return [{name: _written(each) for name, each in vars(one).items()} for one in value]
    return value


def _attempt(body: Mapping[str, Any]) -> Attempt:
    known = {name: value for name, value in body.items() if name in Attempt.__dataclass_fields__}
    known |= {name: read_instant(name, body[name]) for name in ("started_at", "ended_at")}
    return Attempt(**known | {"outcome": Outcome(body["outcome"])})


def partition_of(job: str) -> str:
    """Where the runs of a job are on record."""
    return f"run#{job}"


_OWN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?Z~[0-9a-f]+(/[a-z0-9.:/-]+)?")
"""What stands behind `<job>@` in an id such as `Envelope.new` makes; behind that, the trigger puts which of several
endpoints it is for."""


def key_of(job: str, run: str, *, target: str, scheduled_at: datetime | None) -> Key:
    """Where a run is on record: by its instant and target if it is an occurrence, else by its id."""
    if scheduled_at is not None:
        return Key(partition_of(job), f"{instant_text(scheduled_at)}#{target}")
    # Ids of rota's own begin with the job, and then sort by time. Of others nothing is cut off: two could become one.
    own = run.removeprefix(f"{job}@")
    sort = own if _OWN.fullmatch(own) else run
    encoded = sort.encode(errors="surrogatepass")
    if not 0 < len(encoded) <= LONGEST_ID or encoded != sort.encode(errors="replace"):
        sort = hashlib.sha256(encoded).hexdigest()  # other programs may write any id
    return Key(partition_of(job), sort)


def key_of_envelope(envelope: Envelope, *, target: str) -> Key:
    """The same of a message."""
    return key_of(envelope.job, envelope.run or "", target=target, scheduled_at=envelope.scheduled_at)


def holder_of(key: Key) -> str:
    """The name by which a run holds locks and unique keys: one a record. Ids would not do: other programs may give two
    jobs the same, and an occurrence has one id for each of its targets."""
    return f"{key.partition.removeprefix('run#')}@{key.sort}"
