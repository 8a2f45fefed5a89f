"""Which requests go wrong, and how. The seed decides it for the n-th request of each operation, so that a run of the
harness can be repeated: the same request of the same operation meets the same fault."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Literal

Kind = Literal["error", "slow question", "slow answer", "lost answer", "no answer", "sent twice"]

SERVICES = ("AmazonSQS", "DynamoDB_20120810")
"""As they name themselves in the header X-Amz-Target."""

SHARES: dict[Kind, float] = {
    "error": 0.04,
    "slow question": 0.02,
    "slow answer": 0.02,
    "lost answer": 0.03,
    "no answer": 0.005,
}
"""Of all requests. A lost answer breaks the connection; for no answer at all, the client has to wait until it gives
up."""

SENT_TWICE = 0.2
"""Of the requests that send messages and have no other fault."""

SLOWEST = 4.0
"""Seconds; rota's clients wait for 5."""

NEVER = 8.0
"""Seconds after which a connection without an answer is closed, for nobody waits any more."""

OUTAGES: tuple[Kind, ...] = ("no answer", "error", "lost answer")

OUTAGE = (3.0, 6.0)
"""Seconds that an outage lasts: longer than the tries of one request."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request."""

    kind: Kind
    seconds: float = 0.0
    """How slow."""
    chance: float = 0.0
    """Which error, from 0 to 1."""


@dataclass(frozen=True)
class Outage:
    """A service with the same fault at all requests, for some seconds."""

    service: str
    kind: Kind
    begin: float
    """In seconds from the first fault on."""
    end: float


class Faults:
    """The plan of one run. Safe to call from many threads. Outages begin within `during` seconds from `on`."""

    def __init__(self, seed: int, *, outages: int, during: float) -> None:
        self._seed = seed
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._begun: float | None = None
        self._cut: dict[str, str] = {}
        chance = random.Random(f"{seed}/outages")
        first = chance.randrange(6)
        self._outages = []
        for number in range(outages):
            # Each in its part of the time, or all of it could be one outage.
            begin = (number + chance.uniform(0.2, 0.8)) * during / outages
            end = begin + chance.uniform(*OUTAGE)
            # Six in a row are all kinds of both services.
            service, kind = SERVICES[(first + number) % 2], OUTAGES[(first + number) % 3]
            self._outages.append(Outage(service, kind, begin, end))

    def on(self) -> None:
        """From now on things go wrong."""
        self._begun = time.monotonic()

    def off(self) -> None:
        """From now on everything works."""
        self._begun = None

    def cut(self, server: str, service: str) -> None:
        """From now on that server gets no answer from that service, faults on or off."""
        self._cut[server] = service

    def join(self, server: str) -> None:
        """The end of that."""
        self._cut.pop(server, None)

    def next(self, target: str, server: str = "") -> tuple[int, Fault | None]:
        """The number of this request among those of its operation, and what goes wrong with it."""
        with self._lock:
            self._asked[target] += 1
            number = self._asked[target]
        if (cut := self._cut.get(server)) and target.startswith(cut):
            return number, Fault("no answer")
        begun = self._begun
        if begun is None:
            return number, None
        chance = random.Random(f"{self._seed}/{target}/{number}")
        now = time.monotonic() - begun
        for outage in self._outages:
            if target.startswith(outage.service) and outage.begin <= now < outage.end:
                return number, Fault(outage.kind, chance=chance.random())
        drawn = chance.random()
        for kind, share in SHARES.items():
            if drawn < share:
                return number, Fault(kind, chance.uniform(0.5, SLOWEST), chance.random())
            drawn -= share
        if "SendMessage" in target and chance.random() < SENT_TWICE:
            return number, Fault("sent twice")
        return number, None

    @property
    def asked(self) -> dict[str, int]:
        """How many requests of each operation there were."""
        return dict(self._asked)
