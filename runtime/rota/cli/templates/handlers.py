"""What the jobs do. Only workers import this file, so it may import all of your application."""

import logging

from jobs import Greeting
from rota import Run

log = logging.getLogger(__name__)


def greet(greeting: Greeting) -> None:
    """Takes the payload."""
    log.info("hello, %s", greeting.name)


def tick(run: Run) -> None:
    """Takes the run, which knows the occurrence it is for."""
    log.info("the tick of %s", run.scheduled_at)


async def close_day(run: Run) -> None:
    """Handlers may be async."""
    log.info("closing the day before %s, attempt %d", run.scheduled_at, run.attempt)
