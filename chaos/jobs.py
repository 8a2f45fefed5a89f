"""The jobs that the harness runs. All are on record: occurrences, and runs under a lock."""

from dataclasses import dataclass
from datetime import timedelta

from rota import Cron, Job, Lock, Manifest, Queue, Retry

VISIBILITY = timedelta(seconds=25)
"""The lease is 10 s less."""


@dataclass(frozen=True)
class Work:
    """What a handler is to do."""

    seconds: float = 0.05
    """How long it takes."""
    account: str = ""
    """Whose lock it needs, where the job has one."""
    fails: int = 0
    """How many of its first attempts fail."""
    obeys: bool = True
    """Whether it stops when it is told to; if not, it goes on, and comes too late with its write."""


queue = Queue(name="work", visibility_timeout=VISIBILITY)
retry = Retry(attempts=10, backoff=timedelta(seconds=1), max_backoff=timedelta(seconds=5))


def _job(name: str, *, cron: str | None = None, lock: Lock | None = None) -> Job[Work]:
    return Job(
        name=name,
        handler="chaos.handlers:work",
        target=queue,
        payload=Work,
        input=Work() if cron else None,
        schedule=Cron(cron) if cron else None,
        retry=retry,
        lock=lock,
    )


_account = "account:{account}"
scheduled = [_job("close-books", cron="* * * * *"), _job("send-reports", cron="* * * * *")]
"""Occurrences."""
locked = [
    _job("post-entries", lock=Lock(key=_account, overlap="wait")),
    _job("sum-up", cron="* * * * *", lock=Lock(key=_account, overlap="wait")),
]
"""Enqueued runs and occurrences, which share the locks of their accounts."""

manifest = Manifest(name="chaos", jobs=[*scheduled, *locked])
