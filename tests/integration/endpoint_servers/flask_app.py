"""The application in Flask."""

import os

from flask import Flask, request
from jobs import GRACE, manifest

from rota.endpoint.wsgi import RotaMiddleware

app = Flask(__name__)


@app.get("/")
def page() -> str:
    return f"shop {os.getpid()}"


@app.post("/orders")
def order() -> bytes:
    return request.get_data()


app.wsgi_app = RotaMiddleware(app.wsgi_app, manifest=manifest, concurrency=2, grace=GRACE)  # type: ignore[method-assign] # as Flask's own documentation has it
