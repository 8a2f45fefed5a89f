"""A fleet in memory: servers that run what they are given, on a clock that stands still."""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from random import Random
from types import ModuleType
from typing import Any

import pytest

from rota import Job, LedgerError, Manifest, Queue, Run, logs
from rota.envelope import Envelope
from rota.ledger import Ledger, Record
from rota.run import Stop
from rota.runner import Runner
from rota.stores.base import Document, Key, Page, Write
from rota.stores.memory import MemoryStore
from rota.testing import FakeClock
from rota.verdicts import Verdict

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BILLING = Queue(name="billing")


class Watched:
    """A store in memory that counts what it is asked for, and does not answer while `silent`."""

    def __init__(self, clock: FakeClock) -> None:
        self.real, self.clock = MemoryStore(clock), clock
        self.reads: list[Key] = []
        self.writes: list[list[Key]] = []
        self.silent = False

    def _asked(self) -> None:
        if self.silent:
            self.clock.advance(50)  # a lease: nobody waits longer for an answer
            raise LedgerError("no answer")

    def now(self) -> float:
        self._asked()
        return self.real.now()

    def get(self, key: Key) -> Document | None:
        self._asked()
        self.reads.append(key)
        return self.real.get(key)

    def write(self, writes: Sequence[Write]) -> None:
        self._asked()
        self.writes.append([write.key for write in writes])
        self.real.write(writes)

    def list(self, partition: str, *, limit: int, after: str | None = None) -> Page:
        self._asked()
        return self.real.list(partition, limit=limit, after=after)


class Fleet:
    """Servers whose job "work" does what a test says. `ledger=True` for runs on record, all in one ledger."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.clock = FakeClock(NOW)
        self.store = Watched(self.clock)
        self.ledger = Ledger(self.store, clock=self.clock)
        self.runs: list[Run] = []

    def runner(
        self, handle: Callable[..., Any] | None = None, *, ledger: Ledger | bool = False, **declared: Any
    ) -> Runner:
        def note(run: Run) -> None:
            self.runs.append(run)

        handler = f"handle_{len(vars(self.module))}"
        vars(self.module)[handler] = handle or note
        job: Job[Any] = Job(
            **{"name": "work", "handler": f"{self.module.__name__}:{handler}", "target": BILLING, **declared}
        )
        known = (self.ledger if ledger else None) if isinstance(ledger, bool) else ledger
        return Runner(Manifest(name="shop", jobs=[job]), clock=self.clock, ledger=known, chance=Random(1))

    def deliver(self, runner: Runner, envelope: Envelope | str, stop: Stop | None = None) -> Verdict:
        body = envelope if isinstance(envelope, str) else envelope.encode()
        return runner.run(body, queue="billing", stop=stop or Stop())

    @property
    def records(self) -> Sequence[Record]:
        """What is on record of the job, the newest first."""
        return self.ledger.list("work")[0]

    @property
    def record(self) -> Record:
        """What is on record of its one run."""
        (record,) = self.records
        return record


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    module = ModuleType("shop_runner")
    monkeypatch.setitem(sys.modules, "shop_runner", module)
    return Fleet(module)


@pytest.fixture
def recorded(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    factory = logging.getLogRecordFactory()
    logs.install()
    caplog.set_level(logging.INFO)
    yield caplog
    logging.setLogRecordFactory(factory)
