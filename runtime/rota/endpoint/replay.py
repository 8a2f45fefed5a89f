"""What one process remembers of its runs, where there is no ledger: so many, and never too few to tell a repetition."""

import threading
from collections.abc import Sequence
from datetime import timedelta

from rota.clock import Clock
from rota.envelope import read_instant
from rota.errors import LedgerError
from rota.ledger.records import partition_of
from rota.signature import TOLERANCE
from rota.stores.base import Document, Write
from rota.stores.memory import MemoryStore

MOST = 10_000
"""Documents: runs, and the locks and unique keys that these have."""

REMEMBERS = timedelta(seconds=3 * TOLERANCE)
"""For how long nothing is forgotten: a request that somebody recorded is stale long before."""

ROOM = 10
"""Which part of them is forgotten at once, so that not each new run has to look for the oldest."""


class BoundedStore(MemoryStore):
    """A store in memory that forgets what has ended, the oldest first, once it is full. Full of what it may not forget
    it refuses: a run that could be a repetition does not start. Locks and unique keys are never forgotten.

    `most`: how many documents it holds, 10,000 unless given.
    """

    def __init__(self, clock: Clock | None = None, *, most: int = MOST) -> None:
        super().__init__(clock)
        self._most = most
        self._making_room = threading.Lock()

    def __len__(self) -> int:
        return len(self._documents)

    def write(self, writes: Sequence[Write]) -> None:
        """As of a store. Raises `LedgerError` for something new where there is no room."""
        with self._making_room:
            new = {write.key for write in writes} - self._documents.keys()
            if new and len(self) + len(new) > self._most:
                self._forget(len(new))
            super().write(writes)

    def _forget(self, room: int) -> None:
        before = self.now() - REMEMBERS.total_seconds()
        known = ((_ended_at(document), key) for key, document in list(self._documents.items()))
        ended = sorted((at, key) for at, key in known if at is not None and at < before)
        for _, key in ended[: max(room, self._most // ROOM)]:
            del self._documents[key]
        if len(self) + room > self._most:
            raise LedgerError(
                f"this process remembers {len(self)} runs and may not forget any: all are of the last "
                f"{REMEMBERS.total_seconds() / 60:.0f} minutes, or under way. With a ledger there is no such bound"
            )


def _ended_at(document: Document) -> float | None:
    """Since when nothing depends on a run, in seconds since 1970; None for a lock or a unique key, which stay. One that
    waits for its next attempt, or whose thread died, ends too: the trigger's next request begins it anew."""
    if not document.key.partition.startswith(_RUNS):
        return None
    instants = (document.body.get(name) for name in ("finished_at", "not_before", "lease_until", "claimed_at"))
    return max((read_instant("at", at).timestamp() for at in instants if at), default=0.0)


_RUNS = partition_of("")
