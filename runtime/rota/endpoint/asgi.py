"""The middleware for ASGI: FastAPI, Starlette, and whatever else runs under uvicorn or hypercorn, on asyncio."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from rota.clock import Clock
from rota.endpoint.answers import Response, problem
from rota.endpoint.core import GRACE, Core
from rota.endpoint.opened import Keys
from rota.ledger import Ledger
from rota.locks.base import LockProvider
from rota.manifest import Manifest
from rota.targets import Endpoint
from rota.upkeep.roles import THREAD_PREFIX

log = logging.getLogger("rota.endpoint")

TAKERS = 4
"""How many requests at once may wait for settings and keys, in threads that nobody else has."""

MOST_ASKING = 100
"""How many requests are kept with their bodies, those that wait for these threads among them; more are told to come
again."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class RotaMiddleware:
    """Takes the runs that the trigger posts, and passes everything else on to `app`, websockets and lifespan too.

        fastapi_app.add_middleware(RotaMiddleware, manifest=manifest)

    The options are those of `rota.endpoint.wsgi.RotaMiddleware`. Handlers run in threads, and the event loop waits for
    none. From SIGTERM on, or the shutdown of the server's lifespan, runs may finish within `grace`, before the
    application's own shutdown.

    Raises what that one raises.
    """

    def __init__(
        self,
        app: App,
        *,
        manifest: Manifest,
        endpoint: str | Endpoint | None = None,
        ledger: Ledger | None = None,
        locks: Mapping[str, LockProvider] | None = None,
        keys: Keys | None = None,
        concurrency: int = 4,
        grace: timedelta = GRACE,
        clock: Clock | None = None,
    ) -> None:
        self._app = app
        # Threads, for settings and keys may have to be read first; and not the loop's own, which the application needs
        # for itself: strangers' requests come so far.
        self._takers = ThreadPoolExecutor(TAKERS, thread_name_prefix=f"{THREAD_PREFIX}take")
        self._asking = 0
        self.core = Core(
            manifest,
            endpoint=endpoint,
            ledger=ledger,
            locks=locks,
            keys=keys,
            concurrency=concurrency,
            grace=grace,
            clock=clock,
        )

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        answer = self.core.head(scope["method"], scope["path"], headers)
        if answer is None:
            await self._app(scope, receive, send)
            return
        if isinstance(answer, int):
            body = await _read(receive, answer)
            if body is None:
                return  # nobody is there to be answered
            answer = await self._posted(headers, body)
        sent = [(name.encode(), value.encode()) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": sent})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})

    async def _posted(self, headers: Mapping[str, str], body: bytes) -> Response:
        self.core.heed_sigterm()  # where the server tells of no startup
        if self._asking >= MOST_ASKING:
            return problem(503, retry_after=1)
        self._asking += 1
        try:
            taken = await asyncio.get_running_loop().run_in_executor(self._takers, self.core.take, headers, body)
        except RuntimeError:  # the process ends, and its executor takes nothing more
            return problem(503, retry_after=1)
        finally:
            self._asking -= 1
        if isinstance(taken, Response):
            return taken
        waiting = asyncio.wrap_future(taken.answer)
        try:
            done, _ = await asyncio.wait([waiting], timeout=taken.seconds)
            return waiting.result() if done else taken.late
        finally:
            waiting.cancel()  # of this wait alone: or its end would be told to a loop that is closed by then

    async def _lifespan(self, scope: Message, receive: Receive, send: Send) -> None:
        """The application's own, with runs drained before its shutdown. Where it has none, still that."""
        heard = answered = False

        async def hear() -> Message:
            nonlocal heard
            heard, message = True, await receive()
            if message["type"] == "lifespan.startup":
                self.core.start()
            elif message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self.core.stop)
            return message

        async def say(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, hear, say)
        except Exception as error:
            if heard or answered:
                raise
            # So an application says that it has no lifespan. The server would then not tell of its shutdown either.
            log.info("the application has no lifespan (%r)", error)
            await _alone(hear, send)

    async def stop(self, grace: timedelta | None = None) -> bool:
        """Take no new runs; those that run may finish within `grace` (that of the middleware unless given), and are
        then told to stop. Returns whether all have ended. Done by itself at SIGTERM and the shutdown of the
        lifespan."""
        return await asyncio.to_thread(self.core.stop, grace)


async def _read(receive: Receive, most: int) -> bytes | None:
    """The body, as soon as it has `most` bytes no more of it; None where the client is gone."""
    parts, size, more = [], 0, True
    while more and size < most:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        parts.append(part)
        size, more = size + len(part), message.get("more_body", False)
    return b"".join(parts)


async def _alone(hear: Receive, send: Send) -> None:
    heard = await hear()
    if heard["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
        heard = await hear()
    if heard["type"] == "lifespan.shutdown":
        await send({"type": "lifespan.shutdown.complete"})
