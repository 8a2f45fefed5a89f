"""taskiq with taskiq-aio-sqs: an asyncio listener, jobs in a thread pool. It receives 10 at once; its default is 1."""

import asyncio
import os

from benchmarks import benchjob
from taskiq_aio_sqs import SQSBroker

broker = SQSBroker(
    os.environ["BENCH_QUEUE"],
    endpoint_url=os.environ["AWS_ENDPOINT_URL_SQS"],
    aws_access_key_id="test",
    aws_secret_access_key="test",
    max_number_of_messages=10,
    enable_heartbeat="BENCH_HEARTBEAT" in os.environ,
)


@broker.task(task_name="job")
def run(job: int, ms: int) -> None:
    benchjob.run(job, ms)


def enqueue(jobs: list[list[int]]) -> None:
    asyncio.run(_enqueue(jobs))


async def _enqueue(jobs: list[list[int]]) -> None:
    await broker.startup()
    for job, ms in jobs:
        await run.kiq(job, ms)
    await broker.shutdown()
