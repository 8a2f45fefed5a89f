"""Load balancers by name: each listener gets a door, a loopback port behind which it is, whatever the `Host` header.

ministack itself finds a load balancer by `Host` alone, on its own port. Behind a door stands the same ministack: what
comes through is passed on to its port, and the connection tells which listener it came to.
"""

# ruff: noqa: SLF001 - private names of ministack's, all listed in private.py

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from . import private

_app = private.module("ministack.app")
_alb = private.module("ministack.services.alb")
_responses = private.module("ministack.core.responses")

ACCOUNT = "000000000000"
REGION = "us-east-1"
NO_LISTENER = 0
"""A port to which a connection is refused, as it is where a load balancer has no listener."""

_PORT = 6  # which argument of dispatch_request is the listener's port

Asgi = Callable[[Mapping[str, Any], Any, Any], Awaitable[None]]
Listener = tuple[str, int]  # the load balancer's DNS name, in lower case, and the port

_came_to: ContextVar[Listener | None] = ContextVar("came_to", default=None)


class Doors:
    """Opened when somebody first asks for them; all in one event loop."""

    def __init__(self, gateway_port: int) -> None:
        self._gateway_port = gateway_port
        self._ports: dict[Listener, int] = {}
        self._servers: list[asyncio.Server] = []
        self._connections: dict[int, Listener] = {}  # by the port that ministack sees as the client's
        self._opening = asyncio.Lock()

    async def answer_names(self) -> int:
        """Start to answer `sitecustomize.py` of the functions: "name port" gets a door's port. Returns where."""
        server = await asyncio.start_server(self._answer_name, "127.0.0.1", 0)
        self._servers.append(server)
        return _port_of(server)

    async def port(self, name: str, port: int) -> int | None:
        """The door of that listener, `NO_LISTENER` where there is none on that port; None for an unknown name."""
        listener = name.lower(), port
        with _responses.request_scope(ACCOUNT, REGION):
            balancer = _alb.find_lb_for_host(listener[0])
            if balancer is None:
                return None
            arn = balancer["LoadBalancerArn"]
            ports = {
                int(each["Port"])
                for each in _alb._listeners.values()
                if each["LoadBalancerArn"] == arn and each.get("Protocol") == "HTTP"
            }
        if port not in ports:
            return NO_LISTENER
        async with self._opening:
            if listener not in self._ports:
                server = await asyncio.start_server(self._passing_to(listener), "127.0.0.1", 0)
                self._servers.append(server)
                self._ports[listener] = _port_of(server)
        return self._ports[listener]

    def around(self, ministack: Asgi) -> Asgi:
        """ministack's application, that knows through which door a request came."""

        async def app(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
            _came_to.set(self._connections.get((scope.get("client") or ("", 0))[1]))
            await ministack(scope, receive, send)

        return app

    async def _answer_name(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name, _, port = (await reader.readline()).decode().strip().partition(" ")
        found = await self.port(name, int(port)) if port.isdecimal() else None
        writer.write(f"{'' if found is None else found}\n".encode())
        writer.close()

    def _passing_to(self, listener: Listener) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
        async def serve(from_caller: asyncio.StreamReader, to_caller: asyncio.StreamWriter) -> None:
            from_gateway, to_gateway = await asyncio.open_connection("127.0.0.1", self._gateway_port)
            own_port = to_gateway.get_extra_info("sockname")[1]
            self._connections[own_port] = listener
            try:
                # Whichever side ends first ends the other: a caller that has given up is seen as one.
                await asyncio.wait(
                    [
                        asyncio.ensure_future(_pass_on(from_caller, to_gateway)),
                        asyncio.ensure_future(_pass_on(from_gateway, to_caller)),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                to_gateway.close()
                to_caller.close()
                del self._connections[own_port]

        return serve


def install() -> None:
    """Lets ministack send what came through a door to its listener, whatever `Host` says."""
    is_potential, find, dispatch = _app._is_potential_alb_request, _alb.find_lb_for_host, _alb.dispatch_request

    def is_for_balancer(host: str, path: str) -> bool:
        return _came_to.get() is not None or bool(is_potential(host, path))

    def find_balancer(host: str) -> Any:
        listener = _came_to.get()
        return find(host if listener is None else listener[0])

    async def dispatch_to_listener(*request: Any, **more: Any) -> Any:
        if listener := _came_to.get():
            request = (*request[:_PORT], listener[1], *request[_PORT + 1 :])
        return await dispatch(*request, **more)

    _app._is_potential_alb_request = is_for_balancer
    _alb.find_lb_for_host, _alb.dispatch_request = find_balancer, dispatch_to_listener


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()


def _port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port
