"""The example manifest: what a web shop does beside serving pages. app.py deploys it, `make demo` runs it.

It imports neither AWS nor the application; handlers are named, not imported.
"""

from dataclasses import dataclass
from datetime import timedelta

from rota import Cron, Endpoint, Every, Job, Lock, Manifest, Queue, Retry

orders = Queue(name="orders", visibility_timeout=timedelta(seconds=10))
reports = Queue(name="reports", visibility_timeout=timedelta(seconds=10))
web = Endpoint(name="web", path="/jobs", lease=timedelta(seconds=15))


@dataclass(frozen=True)
class Invoice:
    """What `send-invoice` needs to know."""

    order_id: int


@dataclass(frozen=True)
class Report:
    """Which report `build-report` makes."""

    kind: str


send_invoice = Job(
    name="send-invoice",
    handler="examples.shop.handlers:send_invoice",
    target=orders,
    payload=Invoice,
    description="Mail an invoice; enqueued by the checkout page",
)
build_report = Job(
    name="build-report",
    handler="examples.shop.handlers:build_report",
    target=reports,
    payload=Report,
    timeout=timedelta(minutes=2),
    description="Slow: takes several seconds; enqueued by the back office",
)
close_books = Job(
    name="close-books",
    handler="examples.shop.handlers:close_books",
    target=reports,
    payload=Report,
    input=Report(kind="daily"),
    schedule=Cron("0 2 * * *"),
    retry=Retry(attempts=5),
    description="Every night at two, UTC",
)
refresh_prices = Job(
    name="refresh-prices",
    handler="examples.shop.handlers:refresh_prices",
    target=orders,
    schedule=Every(timedelta(minutes=1)),
    lock=Lock(),
    catch_up="latest",
    description="Never two at once; after an outage, the last one will do",
)
expire_carts = Job(
    name="expire-carts",
    handler="examples.shop.handlers:expire_carts",
    target=orders,
    schedule=Cron("* * * * *"),
)
sync_stock = Job(
    name="sync-stock",
    handler="examples.shop.handlers:sync_stock",
    target=orders,
    schedule=Cron.aws("* * * * ? *"),
    description="An async handler",
)
refresh_search = Job(
    name="refresh-search",
    handler="examples.shop.handlers:refresh_search",
    target=web,
    schedule=Cron("* * * * *"),
    timeout=timedelta(seconds=5),
    description="Posted through the load balancer, as pages are asked for",
)
warm_pages = Job(
    name="warm-pages",
    handler="examples.shop.handlers:warm_pages",
    target=web,
    schedule=Every(timedelta(minutes=1)),
    timeout=timedelta(seconds=5),
    description="Posted as well",
)
check_links = Job(
    name="check-links",
    handler="examples.shop.handlers:check_links",
    target=web,
    schedule=Cron("* * * * *"),
    timeout=timedelta(seconds=5),
    description="And so is this: three of them, one for each server behind the balancer",
)

manifest = Manifest(
    name="shop",
    jobs=[
        send_invoice,
        build_report,
        close_books,
        refresh_prices,
        expire_carts,
        sync_stock,
        refresh_search,
        warm_pages,
        check_links,
    ],
)
