"""Documents in this process's memory: for tests, on any `Clock`."""

import threading
from collections.abc import Sequence

from rota.clock import Clock, SystemClock
from rota.stores.base import ConflictError, Document, Key, Page, Write


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
            if any(
                (found.version if found else None) != write.expects
                for found, write in zip(current, writes, strict=True)
            ):
                if all(found and found.version == write.version for found, write in zip(current, writes, strict=True)):
                    return
                raise ConflictError(current)
            self._documents |= {write.key: write.document() for write in writes}

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
