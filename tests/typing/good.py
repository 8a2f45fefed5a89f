"""What mypy and pyright must accept in a user's code."""

# pyright: strict

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from pydantic import BaseModel

from rota import (
    Client,
    CommandError,
    Cron,
    Endpoint,
    Every,
    EveryServer,
    Job,
    Manifest,
    Once,
    Queue,
    Retry,
    Run,
    Worker,
)
from rota.testing import FakeClock, MemoryBackend


@dataclass(frozen=True)
class SendInvoice:
    order_id: int
    copies: list[str] = field(default_factory=list[str])


class Report(BaseModel):
    kind: str = "daily"


billing = Queue(name="billing", visibility_timeout=timedelta(seconds=30), max_deliveries=5)

tidy_up = Job(name="tidy-up", handler="shop.tidy:up", target=billing)
tidy_at_night = Job(name="tidy-at-night", handler="shop.tidy:up", target=billing, schedule=Cron("0 2 * * *"))
send_invoice = Job(name="send-invoice", handler="shop.billing:send", target=billing, payload=SendInvoice)
build_report = Job(
    name="build-report",
    handler="shop.reports:build",
    target=billing,
    payload=Report,
    input=Report(kind="weekly"),
    schedule=Cron.aws("0 18 ? * MON-FRI *", time_zone="Europe/Berlin"),
    retry=Retry(attempts=5, backoff=timedelta(seconds=1)),
    timeout=timedelta(minutes=5),
    enabled=False,
    description="On working days",
)

report = Job(name="report", command=["./bin/report", "--daily"], target=billing, retry=Retry(on=[CommandError]))
tidy_logs = Job(name="tidy-logs", command=("sh", "-c", "rm -f logs/*.gz"), target=billing)

web = Endpoint(name="web", path="/jobs", idle_timeout=timedelta(seconds=60), ledger=False)
web_us = Endpoint(name="web-us")
at_one = Job(name="at-one", handler="shop.prices:refresh", target=web, idempotent=True)
at_every = Job(name="at-every", handler="shop.caches:drop", target=EveryServer(web), schedule=Every(timedelta(hours=1)))
at_several = Job(name="at-several", handler="shop.search:build", target=[web, web_us], payload=Report)
mixed = Job(name="mixed", handler="shop.search:build", target=(web, EveryServer(web_us)), payload=SendInvoice)
elsewhere = Job(name="elsewhere", target=web)

assert_type(at_one, Job[None])
assert_type(at_several, Job[Report])
assert_type(mixed, Job[SendInvoice])
assert_type(elsewhere, Job[None])
assert_type(tidy_up, Job[None])
assert_type(tidy_at_night, Job[None])
assert_type(send_invoice, Job[SendInvoice])
assert_type(build_report, Job[Report])

manifest = Manifest(name="shop", jobs=[tidy_up, tidy_at_night, send_invoice, build_report])
as_a_tuple = Manifest(name="shop", jobs=(tidy_up, send_invoice))
over_http = Manifest(name="shop", jobs=[at_one, at_every, at_several, mixed, elsewhere])
Client(over_http).enqueue(at_several, Report())
Client(over_http).enqueue(at_one, delay=timedelta(seconds=5))

client = Client(manifest)
run_id: str = client.enqueue(tidy_up)
client.enqueue(tidy_up, delay=timedelta(seconds=5))
client.enqueue(send_invoice, SendInvoice(order_id=7))
client.enqueue(send_invoice, SendInvoice(order_id=7), delay=timedelta(minutes=1))
client.enqueue(send_invoice, payload=SendInvoice(order_id=7))
client.enqueue(build_report, Report())


def invoices() -> Iterator[SendInvoice]:
    yield SendInvoice(order_id=1)


run_ids: list[str] = client.enqueue_many(send_invoice, [SendInvoice(order_id=1), SendInvoice(order_id=2)])
client.enqueue_many(send_invoice, invoices(), delay=timedelta(seconds=5))
client.enqueue_many(tidy_up, [None, None])


def whatever(job: Job[Any], value: Any) -> None:
    client.enqueue(job, value)


def by_name(name: str) -> Job[Any] | None:
    return manifest.find(name)


def handler(invoice: SendInvoice, run: Run) -> None:
    while not run.stop_requested:
        run.stop_event.wait(1)


worker: Worker = Worker(manifest, queues=[billing], concurrency=8).start()
finished: bool = worker.stop(timedelta(seconds=5))
with Worker(manifest, backend=MemoryBackend(clock=FakeClock()), clock=FakeClock()) as running:
    assert_type(running, Worker)

first: datetime | None = Every(timedelta(minutes=5)).next(datetime.now(UTC))
expressions: tuple[str, ...] = Once(datetime(2030, 1, 1, tzinfo=UTC)).aws_expressions()
