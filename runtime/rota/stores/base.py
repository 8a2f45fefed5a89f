"""What the ledger and the locks ask of a database: small versioned documents, written all or none."""

import random
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from rota.errors import BackendError, LedgerError


class Key(NamedTuple):
    """Where a document is. Those of one partition are listed together, by their `sort`."""

    partition: str
    sort: str = "-"


def new_version() -> str:
    """An id for one write. A request that is sent again keeps it, and so recognises itself."""
    return uuid.uuid4().hex


@dataclass(frozen=True, kw_only=True)
class Document:
    """What stands at a key."""

    key: Key
    version: str
    body: Mapping[str, Any]
    """Text, whole numbers, lists and mappings of such. The names pk, sk, ttl and version are the store's own."""


@dataclass(frozen=True, kw_only=True)
class Write:
    """One document to write, where `expects` is still the version that stands there; None for nothing there yet."""

    key: Key
    expects: str | None
    body: Mapping[str, Any]
    keep_until: float
    """When it may be removed, in seconds since 1970. It stays until then; whether it is removed soon after is not
    promised, and nothing may depend on it."""
    version: str = field(default_factory=new_version)

    def document(self) -> Document:
        """What stands there once it is written."""
        return Document(key=self.key, version=self.version, body=self.body)


class RefusedError(BackendError):
    """The database refuses this request, however often it is sent. No `LedgerError`: those are worth another try."""


class ConflictError(LedgerError):
    """Another write came first."""

    def __init__(self, current: Sequence[Document | None] = ()) -> None:
        super().__init__()
        self.current = tuple(current)
        """What stands at the keys of the writes, in their order; empty where the database did not say."""


def already_done(current: Sequence[Document | None], writes: Sequence[Write]) -> bool:
    """Whether these writes have been done already: a version is of one request, and that writes all or none. What it
    wrote elsewhere may have been overwritten since."""
    return any(
        found is not None and found.version == write.version for found, write in zip(current, writes, strict=True)
    )


def conflicts(current: Sequence[Document | None], writes: Sequence[Write]) -> bool:
    """Whether something else stands where these writes expect another version, or nothing."""
    return any(
        (found.version if found else None) != write.expects for found, write in zip(current, writes, strict=True)
    )


def tries() -> Iterator[None]:
    """As many tries as a write gets beside which others write the same: with pauses between them that grow, and are of
    random length, since the others pause too."""
    for number in range(10):
        if number:
            time.sleep(random.uniform(0, min(1.0, 0.02 * 2**number)))
        yield


class Page(NamedTuple):
    """Some of the documents of a partition, and behind which the next ones begin, if any; None for the last page."""

    documents: Sequence[Document]
    after: str | None


class Store(Protocol):
    """A database. Safe to share among threads.

    Every method raises `LedgerError` where it does not answer: a write may then have happened or not. It may raise
    `RefusedError` for a key or a body that it never takes: then nothing is written.
    `rota.testing.StoreConformance` states the rules as tests.
    """

    def now(self) -> float:
        """The database's time in seconds since 1970, whatever this machine's clock shows. May ask for it at the first
        call."""
        ...

    def get(self, key: Key) -> Document | None:
        """What stands at `key`, every finished write included."""
        ...

    def write(self, writes: Sequence[Write]) -> None:
        """Write all or none. Raises `ConflictError` where a version is not the expected one, unless one of these writes
        stands there already: then this is the second try of a request that had succeeded."""
        ...

    def list(self, partition: str, *, limit: int, after: str | None = None) -> Page:
        """Up to `limit` documents of a partition, those with the greatest `sort` first; from behind `after` on."""
        ...
