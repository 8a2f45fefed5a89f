"""Enqueueing."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from rota import (
    Client,
    Endpoint,
    EnqueueError,
    EnqueueFailure,
    EveryServer,
    Job,
    Manifest,
    PartialEnqueueError,
    PayloadError,
    Queue,
    Retry,
)
from rota.digests import payload_digest
from rota.errors import BackendError
from rota.queues.base import Message, Outgoing, SendFailure
from rota.testing import FakeClock, MemoryBackend


@dataclass(frozen=True)
class SendInvoice:
    order_id: int
    text: str = ""


billing, reports = Queue(name="billing"), Queue(name="reports")
send_invoice = Job(name="send-invoice", handler="shop:send", target=billing, payload=SendInvoice)
tidy_up = Job(name="tidy-up", handler="shop:tidy", target=reports)
web = Endpoint(name="web")
drop_caches = Job(name="drop-caches", handler="shop:drop", target=EveryServer(web), idempotent=True)
rebuild = Job(
    name="rebuild", handler="shop:rebuild", target=[web, Endpoint(name="web-us")], payload=SendInvoice,
    timeout=timedelta(minutes=2), start_deadline=timedelta(hours=1), retry=Retry(attempts=5),
)  # fmt: skip
shop = Manifest(name="shop", jobs=[send_invoice, tidy_up, drop_caches, rebuild])


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def backend(clock: FakeClock) -> MemoryBackend:
    return MemoryBackend(clock=clock)


@pytest.fixture
def client(backend: MemoryBackend, clock: FakeClock) -> Client:
    return Client(shop, backend=backend, clock=clock)


def sent(backend: MemoryBackend, queue: str) -> list[Any]:
    return [json.loads(message.body) for message in backend.queue(queue).waiting]


def test_a_run_goes_to_the_queue_of_its_job(client: Client, backend: MemoryBackend) -> None:
    run_id = client.enqueue(send_invoice, SendInvoice(order_id=7))
    assert sent(backend, "billing") == [
        {
            "rota": 1,
            "job": "send-invoice",
            "run": run_id,
            "payload": {"order_id": 7, "text": ""},
            "digest": payload_digest(SendInvoice),
            "enqueued_at": "2026-01-01T00:00:00Z",
        }
    ]
    run_id = client.enqueue(tidy_up)
    assert sent(backend, "reports") == [
        {"rota": 1, "job": "tidy-up", "run": run_id, "enqueued_at": "2026-01-01T00:00:00Z"}
    ]


def test_a_run_for_endpoints_goes_to_the_trigger_with_all_that_it_has_to_know(
    client: Client, backend: MemoryBackend
) -> None:
    run_id = client.enqueue(rebuild, SendInvoice(order_id=7), delay=timedelta(minutes=5))
    assert sent(backend, "trigger") == [
        {
            "rota": 1,
            "job": "rebuild",
            "run": run_id,
            "payload": {"order_id": 7, "text": ""},
            "digest": payload_digest(SendInvoice),
            "enqueued_at": "2026-01-01T00:00:00Z",
            "post": {"endpoints": ["web", "web-us"], "timeout": 120.0, "start_deadline": 3600.0, "attempts": 5},
        }
    ]
    assert backend.queue("trigger").receive(10, 0) == [], "it is not due yet"
    client.enqueue_many(drop_caches, [None, None])
    assert [message["post"] for message in sent(backend, "trigger")[1:]] == [
        {"endpoints": ["web/*"], "attempts": 3, "idempotent": True}
    ] * 2


def test_run_ids_name_the_job_and_sort_by_time(client: Client, clock: FakeClock) -> None:
    ids = []
    for _ in range(5):
        ids.append(client.enqueue(tidy_up))
        clock.advance(1.5)
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"tidy-up@2026-01-01T00:00:0\d(\.5\d*)?Z~[0-9a-f]{16}", one) for one in ids)


@pytest.mark.parametrize("delay", [timedelta(), timedelta(seconds=1), timedelta(minutes=15)])
def test_delays(client: Client, backend: MemoryBackend, clock: FakeClock, delay: timedelta) -> None:
    client.enqueue(tidy_up, delay=delay)
    queue = backend.queue("reports")
    if delay:
        assert queue.receive(1, 0) == []
    clock.advance(delay)
    assert len(queue.receive(1, 0)) == 1


@pytest.mark.parametrize(
    ("delay", "said"),
    [
        (
            timedelta(minutes=15, seconds=1),
            "delay must be from 0:00:00 to 0:15:00; got 0:15:01. SQS holds a message back ",
        ),
        (timedelta(seconds=-1), "delay must be from 0:00:00 to 0:15:00"),
        (timedelta(milliseconds=1500), "delay must be a whole number of seconds; got 0:00:01.500000"),
        (5, "delay must be a timedelta; got 5"),
    ],
)
def test_refused_delays(client: Client, backend: MemoryBackend, delay: Any, said: str) -> None:
    with pytest.raises(EnqueueError) as caught:
        client.enqueue(tidy_up, delay=delay)
    assert f"job 'tidy-up': {said}" in str(caught.value)
    assert sent(backend, "reports") == []


def test_many_runs_have_an_id_each_in_order(client: Client, backend: MemoryBackend) -> None:
    run_ids = client.enqueue_many(send_invoice, (SendInvoice(order_id=number) for number in range(25)))
    written = sent(backend, "billing")
    assert [message["run"] for message in written] == run_ids
    assert [message["payload"]["order_id"] for message in written] == list(range(25))
    assert len(set(run_ids)) == 25
    assert client.enqueue_many(send_invoice, []) == []


@pytest.mark.parametrize(
    ("job", "payload", "said"),
    [
        (send_invoice, None, "job 'send-invoice': expected SendInvoice, got NoneType"),
        (send_invoice, {"order_id": 7}, "job 'send-invoice': expected SendInvoice, got dict"),
        (send_invoice, SendInvoice("7"), "job 'send-invoice': SendInvoice: order_id: Input should be a valid integer"),  # type: ignore[arg-type]
        (tidy_up, SendInvoice(7), "job 'tidy-up' takes no payload; got SendInvoice(order_id=7"),
    ],
)
def test_payloads_that_do_not_fit(client: Client, job: Job[Any], payload: Any, said: str) -> None:
    with pytest.raises(PayloadError) as caught:
        client.enqueue(job, payload)
    assert str(caught.value).startswith(said)


def test_nothing_is_sent_unless_every_payload_fits(client: Client, backend: MemoryBackend) -> None:
    with pytest.raises(PayloadError):
        client.enqueue_many(send_invoice, [SendInvoice(1), SendInvoice("2")])  # type: ignore[arg-type]
    assert sent(backend, "billing") == []


def test_a_job_of_another_manifest(client: Client) -> None:
    other = Job(name="other", handler="shop:other", target=billing)
    with pytest.raises(
        EnqueueError, match="job 'other' is not in manifest 'shop'; add it there, for workers find it there"
    ):
        client.enqueue(other)
    namesake = Job(name="tidy-up", handler="shop:other", target=reports)
    with pytest.raises(EnqueueError, match="job 'tidy-up' is not in manifest 'shop'"):
        client.enqueue(namesake)


def test_a_payload_too_large(client: Client, backend: MemoryBackend) -> None:
    with pytest.raises(EnqueueError, match=r"job 'send-invoice': the message has \d+ bytes, .*put the data in S3"):
        client.enqueue(send_invoice, SendInvoice(order_id=7, text="x" * 1024 * 1024))
    assert sent(backend, "billing") == []


class Refusing:
    """A queue that refuses some messages."""

    def __init__(self, *places: int) -> None:
        self.places = places

    def queue(self, name: str) -> "Refusing":
        return self

    dead_letters = queue

    def receive(self, limit: int, wait: float) -> list[Message]:
        return []

    def send(self, messages: Sequence[Outgoing]) -> list[SendFailure]:
        return [SendFailure(place, f"no {place}") for place in self.places if place < len(messages)]

    def delete(self, receipts: Sequence[str]) -> list[str]:
        return []

    def change_visibility(self, receipts: Sequence[str], seconds: int) -> list[str]:
        return []


def test_what_was_refused_is_told_one_by_one() -> None:
    client = Client(shop, backend=Refusing(11, 3))
    with pytest.raises(PartialEnqueueError) as caught:
        client.enqueue_many(send_invoice, [SendInvoice(number) for number in range(13)])
    error = caught.value
    assert str(error) == "job 'send-invoice': 2 of 13 runs were not enqueued; the first: no 3"
    assert error.failures == (EnqueueFailure(3, "no 3"), EnqueueFailure(11, "no 11"))
    assert [index for index, run_id in enumerate(error.run_ids) if run_id is None] == [3, 11]
    assert len({run_id for run_id in error.run_ids if run_id}) == 11


def test_a_single_refusal_is_a_plain_error() -> None:
    with pytest.raises(EnqueueError, match=r"^job 'tidy-up': no 0$") as caught:
        Client(shop, backend=Refusing(0)).enqueue(tidy_up)
    assert not isinstance(caught.value, PartialEnqueueError)


def test_a_service_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Refusing()

    def silent(messages: Sequence[Outgoing]) -> list[SendFailure]:
        raise BackendError("SQS did not send to billing: timeout")

    monkeypatch.setattr(backend, "send", silent)
    with pytest.raises(BackendError, match="timeout"):
        Client(shop, backend=backend).enqueue(tidy_up)


def test_a_delay_beyond_the_start_deadline_is_refused(backend: MemoryBackend) -> None:
    hasty = Job(name="hasty", handler="shop:tidy", target=reports, start_deadline=timedelta(minutes=5))
    client = Client(Manifest(name="shop", jobs=[hasty]), backend=backend)
    with pytest.raises(EnqueueError, match=r"job 'hasty': delay 0:10:00 is longer than its start_deadline 0:05:00"):
        client.enqueue(hasty, delay=timedelta(minutes=10))
    client.enqueue(hasty, delay=timedelta(minutes=5))
