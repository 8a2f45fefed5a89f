"""What {{name}} runs, and when.

The deployment, the workers and `rota` read this file. It imports neither AWS nor the application: handlers are named.
"""

from dataclasses import dataclass
from datetime import timedelta

from rota import Cron, Every, Job, Manifest, Queue, Retry

work = Queue(name="work", visibility_timeout=timedelta(seconds=30))


@dataclass(frozen=True)
class Greeting:
    """What `greet` needs to know."""

    name: str = "world"


greet = Job(
    name="greet",
    handler="handlers:greet",
    target=work,
    payload=Greeting,
    description="Enqueued: rota enqueue greet",
)
tick = Job(
    name="tick",
    handler="handlers:tick",
    target=work,
    schedule=Every(timedelta(minutes=1)),
    description="Every minute, on one server of all",
)
close_day = Job(
    name="close-day",
    handler="handlers:close_day",
    target=work,
    schedule=Cron("0 2 * * *"),
    retry=Retry(attempts=5),
    description="Every night at two, UTC",
)

manifest = Manifest(name="{{name}}", jobs=[greet, tick, close_day])
