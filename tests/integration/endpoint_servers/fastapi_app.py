"""The application in FastAPI, with a lifespan of its own."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from handlers import write
from jobs import GRACE, manifest

from rota.endpoint.asgi import RotaMiddleware


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    write("lifespan began")
    yield
    write("lifespan ended")


app = FastAPI(lifespan=lifespan)
app.add_middleware(RotaMiddleware, manifest=manifest, concurrency=2, grace=GRACE)


@app.get("/")
def page() -> PlainTextResponse:
    return PlainTextResponse(f"shop {os.getpid()}")


@app.post("/orders")
async def order(request: Request) -> Response:
    return Response(await request.body())
