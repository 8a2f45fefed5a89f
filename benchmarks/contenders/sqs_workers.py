"""sqs-workers of Doist: a process a queue, one job at a time."""

import os

from benchmarks import benchjob
from sqs_workers import SQSEnv

_queue = SQSEnv().queue(os.environ["BENCH_QUEUE"])
_queue.connect_processor("job", benchjob.run)


def enqueue(jobs: list[list[int]]) -> None:
    for job, ms in jobs:
        _queue.add_job("job", job=job, ms=ms)


def work(threads: int) -> None:
    _queue.process_queue()
