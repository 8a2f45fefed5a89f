"""What the tests of the operating commands deploy."""

from dataclasses import dataclass
from datetime import timedelta

from rota import Cron, Job, Manifest, Queue, Retry, Unique

quick = timedelta(milliseconds=10)
queue = Queue(name="books", visibility_timeout=timedelta(seconds=30))


@dataclass(frozen=True)
class Report:
    kind: str


# A night in the far future: the tests fire these rules themselves.
never = Cron.aws("0 3 1 1 ? 2199")

close_books = Job(
    name="close-books",
    handler="handlers:close_books",
    target=queue,
    payload=Report,
    input=Report("daily"),
    schedule=never,
    retry=Retry(attempts=2, backoff=quick, max_backoff=quick),
)
send_invoice = Job(
    name="send-invoice", handler="handlers:send_invoice", target=queue, payload=Report, retry=Retry(attempts=1)
)
greet = Job(
    name="greet",
    handler="handlers:greet",
    target=queue,
    payload=Report,
    unique=Unique(key="{kind}", window=timedelta(days=1)),
)
manifest = Manifest(name="operate", jobs=[close_books, send_invoice, greet])
