"""What will happen, all of it from the seed: what is sent when, and what is done to which worker."""

import json
import random
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

from chaos.jobs import Work, locked, queue, scheduled
from chaos.proxy.faults import SERVICES

STOPPED = (26.0, 32.0)
"""Seconds that a stop lasts: longer than the lease of 15, and the visibility timeout of 25, after which another has
the run. So who wakes up mostly finds that it is done."""
CUT_OFF = (16.0, 20.0)
"""Seconds for which a server gets no answer from a service: longer than a lease, while the others go on."""
LEAD = 3.0
"""Seconds before the first blow, for the fleet to have its hands full."""
BUSY = 10.0
"""Seconds that a blow waits for its worker to run something, at most."""
LONG = (16.0, 25.0)
"""Seconds that the long runs take: longer than a lease."""
WANTED = {"kill": (1, 0.0), "stop": (4, 1.0), "cut off": (2, 12.0)}
"""How many runs a blow waits for, and the seconds that each of them must have left: who is stopped is to come too late
with several, and who is cut off is told 10 s after its lease was renewed, at most."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything."""

    runs: int
    sending: float
    """Seconds within which they are sent."""
    stops: int
    kills: int
    gap: tuple[float, float]
    """Seconds between two blows to a worker."""
    outages: int
    cut_offs: int
    """How often a server is cut off from a service."""
    limit: float
    """Seconds until everything must have finished."""


MINUTE = Size(runs=150, sending=25, stops=2, kills=4, gap=(1, 4), outages=2, cut_offs=1, limit=150)
FULL = Size(runs=500, sending=140, stops=7, kills=24, gap=(4, 9), outages=9, cut_offs=3, limit=420)
OFFSETS = {"w1": 30.0, "w2": -30.0, "w3": 0.0}
"""The workers, and the seconds that their clocks are off."""


@dataclass(frozen=True, kw_only=True)
class Sending:
    """A message to send. Two of one run are a duplicate."""

    at: float
    """Seconds from the start."""
    run: str
    job: str
    body: str
    delay: int = 0
    """Seconds that SQS holds it back."""
    duplicate: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Where its record is: docs/ledger.md."""
        sort = self.run.removeprefix(f"{self.job}@")
        return f"run#{self.job}", sort if "~" in sort else f"{sort}#{queue.name}"


@dataclass(frozen=True, kw_only=True)
class Blow:
    """Something bad that happens to a worker."""

    kind: Literal["kill", "stop", "cut off"]
    wait: float
    """Seconds after it was well again from the last one; then until it runs something."""
    seconds: float
    """How long until it is started again, continued, or has its answers."""
    service: str = ""
    """What it is cut off from."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run of the harness."""

    sendings: list[Sending]
    """In the order of their times."""
    blows: list[list[Blow]]
    """For each worker, one after the other."""

    @property
    def runs(self) -> dict[str, Sending]:
        """The first message of each run."""
        return {sending.run: sending for sending in reversed(self.sendings)}


def make_plan(seed: int, size: Size, now: datetime) -> Plan:
    """The plan of a seed; `now` is what occurrences are counted back from."""
    chance = random.Random(f"{seed}/plan")
    sendings: list[Sending] = []
    for number in range(size.runs):
        first = _sending(chance, size, now, number)
        sendings.append(first)
        if chance.random() < 0.2:
            later, delay = chance.uniform(0, 10), chance.choice([0, 0, chance.randint(1, 20)])
            again = {"at": first.at + later, "delay": delay, "duplicate": True}
            sendings.append(Sending(**(asdict(first) | again)))
    return Plan(sendings=sorted(sendings, key=lambda sending: sending.at), blows=_blows(chance, size))


def _sending(chance: random.Random, size: Size, now: datetime, number: int) -> Sending:
    at = chance.uniform(0, size.sending)
    locks = chance.random() < 0.4
    job = chance.choice(locked if locks else scheduled)
    # The long ones early: or the harness would wait for them at the end.
    long = at < size.sending / 2 and chance.random() < 0.15
    work = Work(
        seconds=round(chance.uniform(*LONG) if long else chance.uniform(0.05, 3), 3),
        account=f"{chance.randrange(size.runs // 8)}" if locks else "",
        fails=1 if chance.random() < 0.1 else 0,
        obeys=chance.random() < 0.5,
    )
    body = {"rota": 1, "job": job.name, "payload": asdict(work)}
    if job.schedule:
        instant = now.replace(second=0, microsecond=0) - timedelta(minutes=number)
        written = instant.isoformat().replace("+00:00", "Z")
        run = f"{job.name}@{written}"
        body["scheduled_at"] = written
    else:
        enqueued_at = (now + timedelta(seconds=at)).isoformat().replace("+00:00", "Z")
        run = f"{job.name}@{enqueued_at}~{chance.getrandbits(64):016x}"
        body |= {"run": run, "enqueued_at": enqueued_at}
    return Sending(at=at, run=run, job=job.name, body=json.dumps(body))


def _blows(chance: random.Random, size: Size) -> list[list[Blow]]:
    """Dealt like cards, so that no worker is spared."""
    hands: list[list[Blow]] = [[] for _ in OFFSETS]
    first = chance.randrange(len(OFFSETS))
    lasting = {"stop": STOPPED, "kill": (0.0, 3.0)}
    for number in range(size.stops + size.kills):
        kind: Literal["stop", "kill"] = "stop" if number < size.stops else "kill"
        blow = Blow(kind=kind, wait=chance.uniform(*size.gap), seconds=chance.uniform(*lasting[kind]))
        hands[(first + number) % len(OFFSETS)].append(blow)
    for hand in hands:
        chance.shuffle(hand)
        # A stop last: what a kill leaves is hidden for a visibility timeout, for which the harness would wait at the
        # end. What a stop leaves comes back while it lasts.
        if stop := next((blow for blow in hand if blow.kind == "stop"), None):
            hand.remove(stop)
            hand.append(stop)
    # A blow like the others, for a server that is stopped or dead does not notice that it is cut off. For the hands
    # with the fewest stops, and not at the same time: the others are to go on.
    fewest = sorted(hands, key=lambda hand: sum(blow.kind == "stop" for blow in hand))
    for number in range(size.cut_offs):
        # DynamoDB mostly: there are the leases.
        service = SERVICES[0] if number % 3 == 2 else SERVICES[1]
        blow = Blow(kind="cut off", wait=chance.uniform(*size.gap), seconds=chance.uniform(*CUT_OFF), service=service)
        fewest[number % len(hands)].insert(3 * number, blow)
    return hands
