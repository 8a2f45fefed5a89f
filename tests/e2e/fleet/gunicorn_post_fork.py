"""A gunicorn configuration that starts the worker in each child, where the application itself does not."""

from typing import Any

from jobs import manifest, web
from web import SHORT_POLL

from rota import Worker


def post_fork(server: Any, worker: Any) -> None:
    Worker(manifest, queues=[web], concurrency=2, long_poll=SHORT_POLL).start()
