"""Celery on kombu's SQS transport."""

import os

from benchmarks import benchjob
from celery import Celery

_QUEUE = os.environ["BENCH_QUEUE"]
_ACCESS = {"url": os.environ["BENCH_URL"], "access_key_id": "test", "secret_access_key": "test"}

app = Celery("bench", broker="sqs://")
app.conf.update(
    broker_transport_options={"region": "us-east-1", "predefined_queues": {_QUEUE: _ACCESS}},
    task_default_queue=_QUEUE,
    task_ignore_result=True,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    task_acks_late="BENCH_ACKS_LATE" in os.environ,
)


@app.task(name="bench.job")
def run(job: int, ms: int) -> None:
    benchjob.run(job, ms)


def enqueue(jobs: list[list[int]]) -> None:
    for job, ms in jobs:
        run.delay(job, ms)
