"""The manifest whose runs are counted: a job a kind of run. Handlers do nothing, or take a minute."""

import time
from dataclasses import dataclass
from datetime import timedelta

from rota import Every, Job, Lock, Manifest, Queue, Unique

LONG = 60.0
"""Seconds that a run of `long` takes."""


@dataclass(frozen=True)
class Order:
    """A payload as they mostly are: small."""

    order_id: int


def handle(order: Order) -> None:
    pass


def sleep(order: Order) -> None:
    time.sleep(LONG)


_QUEUE = Queue(name="work")
_MINUTE = Every(timedelta(minutes=1))
_HANDLER, _SLEEP = "benchmarks.cost.jobs:handle", "benchmarks.cost.jobs:sleep"
_FIRST = Order(order_id=0)

scheduled = Job(name="scheduled", handler=_HANDLER, target=_QUEUE, payload=Order, input=_FIRST, schedule=_MINUTE)
locked = Job(
    name="locked",
    handler=_HANDLER,
    target=_QUEUE,
    payload=Order,
    input=_FIRST,
    schedule=_MINUTE,
    lock=Lock(key="order:{order_id}"),
)
enqueued = Job(name="enqueued", handler=_HANDLER, target=_QUEUE, payload=Order)
unique = Job(
    name="unique",
    handler=_HANDLER,
    target=_QUEUE,
    payload=Order,
    unique=Unique(key="order:{order_id}", window=timedelta(days=1)),
)
long = Job(name="long", handler=_SLEEP, target=_QUEUE, payload=Order, input=_FIRST, schedule=_MINUTE)
long_locked = Job(
    name="long-locked",
    handler=_SLEEP,
    target=_QUEUE,
    payload=Order,
    input=_FIRST,
    schedule=_MINUTE,
    lock=Lock(key="order:{order_id}"),
)

manifest = Manifest(name="cost", jobs=[scheduled, locked, enqueued, unique, long, long_locked])
