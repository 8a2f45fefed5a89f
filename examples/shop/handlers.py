"""What the shop's jobs do. The sleeps stand for work."""

import asyncio
import random
import time

from examples.shop.journal import noted
from jobs import Invoice, Report

from rota import Run


def send_invoice(invoice: Invoice, run: Run) -> None:
    """Mail one invoice."""
    with noted(run, f"order {invoice.order_id}"):
        time.sleep(random.uniform(0.2, 0.8))


def build_report(report: Report, run: Run) -> None:
    """Take several seconds, as reports do."""
    with noted(run, report.kind):
        time.sleep(5)


def close_books(report: Report, run: Run) -> None:
    """Close the books of the day the run is for, not of the day on which it happens to run."""
    with noted(run, f"{report.kind} {run.scheduled_at:%Y-%m-%d}"):
        time.sleep(1)


def refresh_prices(run: Run) -> None:
    """Ask suppliers."""
    with noted(run):
        time.sleep(random.uniform(0.3, 1.0))


def expire_carts(run: Run) -> None:
    """Forget carts nobody came back for."""
    with noted(run):
        time.sleep(random.uniform(0.1, 0.5))


async def sync_stock(run: Run) -> None:
    """Ask the warehouse; async, so it shares the process's one event loop."""
    with noted(run):
        await asyncio.sleep(random.uniform(0.3, 1.0))


def refresh_search(run: Run) -> None:
    """Build the search index anew."""
    with noted(run):
        time.sleep(random.uniform(0.3, 1.0))


def warm_pages(run: Run) -> None:
    """Ask for the pages that are seen most."""
    with noted(run):
        time.sleep(random.uniform(0.3, 1.0))


def check_links(run: Run) -> None:
    """Ask for the pages that others link to."""
    with noted(run):
        time.sleep(random.uniform(0.3, 1.0))
