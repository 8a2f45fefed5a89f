"""The shop's web server: a page that enqueues jobs, and beside it, in the same process, a worker. Runs that are posted
through the load balancer are taken by the middleware.

uvicorn examples.shop.web:app
"""

import html
import os
from typing import Annotated

from fastapi import FastAPI, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from jobs import Invoice, Report, build_report, manifest, send_invoice

from rota import Client, Worker
from rota.endpoint.asgi import RotaMiddleware

client = Client(manifest)
worker = Worker(manifest, concurrency=4)
app = FastAPI(title="shop", lifespan=worker.lifespan)
app.add_middleware(RotaMiddleware, manifest=manifest)

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Shop</title>
<style>body {{ font: 1rem/1.5 system-ui; max-width: 34rem; margin: 3rem auto }} form {{ margin: 1rem 0 }}</style>
<h1>Shop</h1>
<p>Served by <b>{server}</b>, which also runs jobs: {jobs}.</p>
<form method="post" action="/invoices"><label>Order <input name="order_id" value="1" size="6"></label>
<button>Check out</button></form>
<form method="post" action="/reports"><label>Report <input name="kind" value="weekly" size="12"></label>
<button>Build report</button></form>
<p>{said}</p></html>"""


@app.get("/")
def page(run: str = "") -> HTMLResponse:
    """Two forms, each enqueues a job."""
    said = f"Enqueued run <code>{html.escape(run)}</code>; one server of the fleet will run it." if run else ""
    jobs = ", ".join(job.name for job in manifest.jobs)
    return HTMLResponse(
        _PAGE.format(server=html.escape(os.environ.get("SHOP_SERVER", "this server")), jobs=jobs, said=said)
    )


@app.post("/invoices")
def check_out(order_id: Annotated[int, Form()]) -> RedirectResponse:
    """Enqueue an invoice."""
    return RedirectResponse(f"/?run={client.enqueue(send_invoice, Invoice(order_id=order_id))}", status_code=303)


@app.post("/reports")
def ask_for_report(kind: Annotated[str, Form()]) -> RedirectResponse:
    """Enqueue a report."""
    return RedirectResponse(f"/?run={client.enqueue(build_report, Report(kind=kind))}", status_code=303)
