"""What mypy and pyright must refuse in a user's code: each line with the mark, and no other."""

# pyright: strict

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rota import Client, Cron, Endpoint, EveryServer, Job, Manifest, Queue


@dataclass(frozen=True)
class Document:
    name: str


@dataclass(frozen=True)
class Invoice(Document):
    order_id: int


billing = Queue(name="billing")
tidy_up = Job(name="tidy-up", handler="shop.tidy:up", target=billing)
send_document = Job(name="send-document", handler="shop.mail:send", target=billing, payload=Document)
send_invoice = Job(name="send-invoice", handler="shop.mail:send", target=billing, payload=Invoice)
client = Client(Manifest(name="shop", jobs=[tidy_up, send_document, send_invoice]))
document, invoice = Document("a"), Invoice("b", 7)

# Payloads of enqueue: wrong, missing, none wanted.
client.enqueue(send_invoice, document)  # refused
client.enqueue(send_invoice, 7)  # refused
client.enqueue(send_invoice, {"name": "b", "order_id": 7})  # refused
client.enqueue(send_invoice, Invoice)  # refused
client.enqueue(send_invoice, None)  # refused
client.enqueue(send_invoice)  # refused
client.enqueue(send_invoice, delay=timedelta(seconds=1))  # refused
client.enqueue(tidy_up, invoice)  # refused
client.enqueue("tidy-up")  # refused
client.enqueue(send_invoice, invoice, timedelta(seconds=1))  # refused
client.enqueue(send_invoice, invoice, delay=5)  # refused

client.enqueue_many(send_invoice, [document])  # refused
client.enqueue_many(send_invoice, [invoice, document])  # refused
client.enqueue_many(send_invoice, invoice)  # refused
client.enqueue_many(send_invoice)  # refused
client.enqueue_many(tidy_up, [invoice])  # refused

# Declarations.
Job(name="a", handler="b:c", target=billing, payload=invoice)  # refused
# An input of another type than the payload makes a job of either: the type system cannot say no, `Manifest(...)` does.
Job(name="a", handler="b:c", target=billing, payload=Invoice, input=document)
refused_as: Job[Invoice] = Job(name="a", handler="b:c", target=billing, payload=Invoice, input=document)  # refused
Job(name="a", handler="b:c", target="billing")  # refused
Job(name="a", handler="b:c", target=billing, schedule="0 2 * * *")  # refused
Job(name="a", handler="b:c", target=billing, timeout=30)  # refused
Job(name="a", handler="b:c")  # refused
Job(name="a", handler="b:c", target=["web"])  # refused
Job(name="a", handler="b:c", target=[billing])  # refused
Job(name="a", handler="b:c", target=[Endpoint(name="web"), billing])  # refused
Job(name="a", handler="b:c", target=Endpoint)  # refused
EveryServer("web")  # refused
EveryServer(billing)  # refused
Endpoint("web")  # refused
Endpoint(name="web", idle_timeout=60)  # refused
Job("a", "b:c", billing)  # refused
Queue(name="billing", visibility_timeout=30)  # refused
Manifest("shop", [tidy_up])  # refused
Cron("0 2 * * *", "Europe/Berlin")  # refused
tidy_up.name = "other"  # refused

# A job of one payload is no job of another, not even of a wider or narrower one.
wider: Job[Document] = send_invoice  # refused
narrower: Job[Invoice] = send_document  # refused
nothing: Job[None] = send_invoice  # refused
something: Job[Invoice] = tidy_up  # refused
anything: Job[Any] = send_invoice
