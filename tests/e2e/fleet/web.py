"""A WSGI and an ASGI application, each with worker threads in its processes."""

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from jobs import manifest, web

from rota import Worker

SHORT_POLL = timedelta(seconds=1)
"""A stop waits for the open poll, and that of a killed server would take the next test's message: see jobs.py."""

worker = Worker(manifest, queues=[web], concurrency=2, long_poll=SHORT_POLL)


def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        async with worker.lifespan(None):
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


if os.environ.get("FLEET_START_AT_IMPORT"):
    # No variable holds this one, as in the shortest line that a user can write.
    Worker(manifest, queues=[web], concurrency=2, long_poll=SHORT_POLL).start()
