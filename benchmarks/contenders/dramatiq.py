"""dramatiq with dramatiq_sqs: one process, N worker threads."""

import os

import dramatiq
from benchmarks import benchjob
from dramatiq_sqs import SQSBroker

_own_timeout = {"visibility_timeout": None} if "BENCH_QUEUE_TIMEOUT" in os.environ else {}
dramatiq.set_broker(SQSBroker(region_name="us-east-1", **_own_timeout))


@dramatiq.actor(queue_name=os.environ["BENCH_QUEUE"])
def run(job: int, ms: int) -> None:
    benchjob.run(job, ms)


def enqueue(jobs: list[list[int]]) -> None:
    for job, ms in jobs:
        run.send(job, ms)
