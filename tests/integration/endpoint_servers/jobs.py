"""The manifest of the servers under test."""

import os
from dataclasses import dataclass
from datetime import timedelta

from rota import Endpoint, Job, Manifest, Retry


@dataclass(frozen=True)
class Order:
    number: int


web = Endpoint(name="web")
jobs = [
    Job(name="note", handler="handlers:note", target=web, payload=Order, timeout=timedelta(seconds=20)),
    Job(name="fail", handler="handlers:fail", target=web, timeout=timedelta(seconds=20), retry=Retry(attempts=1)),
    # Answered when it is done, for its timeout fits the balancer's.
    Job(name="wait", handler="handlers:wait", target=web, timeout=timedelta(seconds=30)),
    # Answered 202 when it begins, for nobody knows how long it takes.
    Job(name="wait-long", handler="handlers:wait", target=web),
    Job(
        name="report",
        command=["sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status; echo $ROTA_RUN in $PWD"],
        target=web,
        timeout=timedelta(seconds=20),
    ),
    Job(
        name="tidy",
        command=["sh", "-c", "trap 'echo tidied; exit 9' TERM; echo > $SERVED/busy; while :; do sleep 0.05; done"],
        target=web,
        timeout=timedelta(seconds=30),
    ),
]
GRACE = timedelta(seconds=float(os.environ.get("GRACE", "20")))
manifest = Manifest(name="served", jobs=jobs)
