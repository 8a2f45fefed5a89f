"""The middleware for WSGI: Flask, Django, and whatever else runs under gunicorn, uWSGI or mod_wsgi."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from rota.clock import Clock
from rota.endpoint.answers import Response, problem
from rota.endpoint.core import GRACE, Core
from rota.endpoint.opened import Keys
from rota.ledger import Ledger
from rota.locks.base import LockProvider
from rota.manifest import Manifest
from rota.targets import Endpoint

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("rota.endpoint")


class RotaMiddleware:
    """Takes the runs that the trigger posts, and passes every other request on to `app`.

        flask_app.wsgi_app = RotaMiddleware(flask_app.wsgi_app, manifest=manifest)
        application = RotaMiddleware(get_wsgi_application(), manifest=manifest)

    `endpoint`: which of the manifest's this server is behind; `ROTA_ENDPOINT`, or the only one, unless given.
    `concurrency`: how many runs at once, 4 unless given; one more is refused, for another server to take. `grace`: how
    long SIGTERM, or the end of the process, lets runs finish, 20 seconds unless given. `ledger`, `keys` (secrets,
    "whsec_...") and `clock` replace those of the deployment and the machine, for tests. `locks` has the providers that
    `Lock(provider=...)` names.

    Settings, keys and ledger are found when the first run comes. A job whose timeout fits the endpoint's `idle_timeout`
    is answered when it is done: the server's own limit for a request (gunicorn's `--timeout`, 30 seconds unless set)
    must be longer than that.

    Raises `ManifestError` where it is not clear which endpoint it is, or for a concurrency under 1; `SettingsError` for
    `locks` beside a `ledger`.
    """

    def __init__(
        self,
        app: "WSGIApplication",
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
        self.core.heed_sigterm()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        headers = {
            name[5:].replace("_", "-").lower(): str(value) for name, value in environ.items() if name[:5] == "HTTP_"
        }
        headers["content-length"] = str(environ.get("CONTENT_LENGTH") or "")
        path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
        method = str(environ.get("REQUEST_METHOD", ""))
        answer = self.core.head(method, path, headers)
        if answer is None:
            return self._app(environ, start_response)
        if isinstance(answer, int):
            answer = self._posted(environ, headers, answer)
        status = f"{answer.status} {HTTPStatus(answer.status).phrase}"
        start_response(status, list(answer.headers))
        return [b"" if method == "HEAD" else answer.body]

    def _posted(self, environ: Mapping[str, Any], headers: Mapping[str, str], most: int) -> Response:
        try:
            body = _read(environ, headers["content-length"], most)
        except Exception as error:  # noqa: BLE001 - each server has its own for a client that stops halfway
            log.warning("the body of a request to endpoint %s cannot be read: %r", self.core.endpoint.name, error)
            return problem(400)
        self.core.heed_sigterm()  # again: a server that preloads the application has installed its handler since
        taken = self.core.take(headers, body)
        if isinstance(taken, Response):
            return taken
        try:
            return taken.answer.result(taken.seconds)
        except TimeoutError:
            return taken.late

    def stop(self, grace: timedelta | None = None) -> bool:
        """Take no new runs; those that run may finish within `grace` (that of the middleware unless given), and are
        then told to stop. Returns whether all have ended. Done by itself at SIGTERM and the end of the process."""
        return self.core.stop(grace)


def _read(environ: Mapping[str, Any], length: str, most: int) -> bytes:
    """The body, and no more than `most` bytes of it. Without a length, there is one only where the server knows its end
    (chunked): reading might else wait for ever."""
    if not length and not environ.get("wsgi.input_terminated"):
        return b""
    left = min(int(length), most) if length.strip() else most
    read: Callable[[int], bytes] = environ["wsgi.input"].read
    parts: list[bytes] = []
    while left > 0 and (part := read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
