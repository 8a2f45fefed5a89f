"""A store that fails as it is told to, before or after it has written."""

from collections.abc import Callable, Sequence
from typing import Literal

from rota.errors import LedgerError
from rota.stores.base import Document, Key, Page, Store, Write

Fault = Literal["fails", "loses the answer", "sends again", "is deaf", "is overtaken", "stays away"]


def nothing() -> None:
    """What there is to do where there is nothing."""


class FaultyStore:
    """A store whose next requests fail as `plan` says. Counts the writes that were done."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.plan: list[Fault] = []
        self.done = 0
        self.meanwhile: Callable[[], None] = nothing
        """What another does just before a write that "is overtaken"."""

    def now(self) -> float:
        return self._store.now()

    def get(self, key: Key) -> Document | None:
        if self.plan and self.plan[0] == "is deaf":
            self.plan.pop(0)
            raise LedgerError("the store does not answer")
        return self._store.get(key)

    def write(self, writes: Sequence[Write]) -> None:
        fault = self.plan.pop(0) if self.plan else None
        if fault == "stays away":
            self.plan = ["stays away"]  # for as long as it is asked
        if fault in ("fails", "stays away"):
            raise LedgerError("the store does not answer")
        if fault == "is overtaken":
            self.meanwhile()
        self._store.write(writes)
        self.done += 1
        if fault == "sends again":
            self._store.write(writes)
        if fault == "loses the answer":
            raise LedgerError("the store's answer was lost")

    def list(self, partition: str, *, limit: int, after: str | None = None) -> Page:
        return self._store.list(partition, limit=limit, after=after)
