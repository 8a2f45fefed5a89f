"""Documents in this process's memory: for tests, on any `Clock`."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from rota.clock import Clock, SystemClock
from rota.stores.base import ConflictError, Document, Key, Page, Write, already_done, conflicts


class MemoryStore:
    """A database of this process. Its time is the wall clock of `clock`."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._documents: dict[Key, Document] = {}
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._clock.now().timestamp()

    def get(self, key: Key) -> Document | None:
        with self._lock:
            return self._documents.get(key)

    def write(self, writes: Sequence[Write]) -> None:
        with self._lock:
            current = [self._documents.get(write.key) for write in writes]
            if already_done(current, writes):
                return
            if conflicts(current, writes):
                raise ConflictError(current)
            # A copy: a database does not follow what the caller does to it later.
            self._documents |= {
                write.key: Document(key=write.key, version=write.version, body=_copied(write.body)) for write in writes
            }

    def list(self, partition: str, *, limit: int, after: str | None = None) -> Page:
        with self._lock:
            found = sorted(
                (
                    document
                    for document in self._documents.values()
                    if document.key.partition == partition and (after is None or document.key.sort < after)
                ),
                key=lambda document: document.key.sort,
                reverse=True,
            )
        page = found[:limit]
        return Page(page, page[-1].key.sort if len(found) > limit else None)


def _copied(value: Any) -> Any:
    """A copy of a JSON value. `copy.deepcopy`, which takes anything, takes ten times as long."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {name: each if isinstance(each, _PLAIN) else _copied(each) for name, each in value.items()}
    return [_copied(each) for each in value]


_PLAIN = (str, int, float, type(None))
