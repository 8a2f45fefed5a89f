"""The contenders: a file each, as a user of the product would write it, and the table of how to start them.

A file has `enqueue(jobs)`, with jobs as [[id, milliseconds], ...], and `work(threads)` unless the product's own command
line starts its worker. It finds BENCH_QUEUE, BENCH_URL, BENCH_VISIBILITY and what boto3 reads in the environment.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

THREADS = (1, 8, 32)
REFERENCE = "raw_boto3"


def _own_loop(module: str) -> Callable[[int], list[str]]:
    return lambda threads: ["-m", "benchmarks.launch", "work", module, str(threads)]


def _celery(pool: str) -> Callable[[int], list[str]]:
    options = ["-l", "ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return lambda threads: [
        "-m",
        "celery",
        "-A",
        "benchmarks.contenders.celery:app",
        "worker",
        "-P",
        pool,
        "-c",
        str(threads),
        *options,
    ]


def _dramatiq(threads: int) -> list[str]:
    return ["-m", "dramatiq", "-p", "1", "-t", str(threads), "--skip-logging", "benchmarks.contenders.dramatiq"]


def _taskiq(threads: int) -> list[str]:
    width = ["--max-async-tasks", str(threads), "--max-threadpool-threads", str(threads)]
    return [
        "-m",
        "taskiq",
        "worker",
        "benchmarks.contenders.taskiq:broker",
        "--workers",
        "1",
        *width,
        "--log-level",
        "ERROR",
    ]


@dataclass(frozen=True)
class Contender:
    """A product, and how it is measured."""

    name: str
    module: str = ""
    """Its file here, where it is not named like the contender."""
    threads: tuple[int, ...] = THREADS
    """How many jobs at once it is measured with: 1 for what runs one at a time."""
    command: Callable[[int], list[str]] | None = None
    """Arguments of Python that start its worker with so many threads."""
    fast: bool = False
    """Whether ten thousand no-op jobs are a matter of seconds."""
    variants: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: {"": {}})
    """Settings that change what becomes of jobs in hand: a label, and the environment that chooses it."""

    @property
    def file(self) -> str:
        return self.module or self.name

    def arguments(self, threads: int) -> list[str]:
        return (self.command or _own_loop(self.file))(threads)

    def at_most(self, threads: int) -> int:
        """The most it does at once, up to `threads`."""
        return threads if max(self.threads) > 1 else 1


_LATE = {"": {}, "acks late": {"BENCH_ACKS_LATE": "1"}}

CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender(REFERENCE, fast=True),
        Contender("rota", fast=True),
        Contender("naive", threads=(1,)),
        Contender("powertools", threads=(1,), fast=True),
        Contender("sqs_workers", threads=(1,), fast=True),
        Contender("taskiq", command=_taskiq, variants={"": {}, "heartbeat": {"BENCH_HEARTBEAT": "1"}}),
        Contender("dramatiq", command=_dramatiq, variants={"": {}, "queue's timeout": {"BENCH_QUEUE_TIMEOUT": "1"}}),
        Contender("celery_threads", module="celery", command=_celery("threads"), variants=_LATE),
        Contender("celery_prefork", module="celery", threads=(1, 8), command=_celery("prefork"), variants=_LATE),
    )
}
