"""The manifest of the test of least privilege: a job for each thing that a worker asks AWS for."""

from dataclasses import dataclass
from datetime import timedelta

from rota import Cron, Job, Lock, Manifest, Queue, Retry, Unique


@dataclass(frozen=True)
class Order:
    n: int


# Shorter than the lease, so that a run that is held open must extend both.
work = Queue(name="work", visibility_timeout=timedelta(seconds=4))

# A night in the far future: the test fires these itself.
never = Cron.aws("0 3 1 1 ? 2199")
# A zone makes it a schedule.
never_in_berlin = Cron.aws("0 3 1 1 ? 2199", time_zone="Europe/Berlin")

by_rule = Job(name="by-rule", handler="office_handlers:note", target=work, schedule=never)
by_schedule = Job(name="by-schedule", handler="office_handlers:note", target=work, schedule=never_in_berlin)
plain = Job(name="plain", handler="office_handlers:note_order", target=work, payload=Order)
held = Job(name="held", handler="office_handlers:hold", target=work)
locked = Job(
    name="locked", handler="office_handlers:hold_order", target=work, payload=Order, lock=Lock(key="order:{n}")
)
unique = Job(
    name="unique",
    handler="office_handlers:note_order",
    target=work,
    payload=Order,
    unique=Unique(key="order:{n}", window=timedelta(hours=1)),
)
failing = Job(
    name="failing",
    handler="office_handlers:fail",
    target=work,
    schedule=never,
    retry=Retry(attempts=2, backoff=timedelta()),
)

manifest = Manifest(name="office", jobs=[by_rule, by_schedule, plain, held, locked, unique, failing])
