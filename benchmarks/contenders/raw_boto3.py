"""The measure of all: each thread receives 10 with boto3, runs them, deletes 10, and does nothing else."""

import json
import os
import threading

import boto3
from benchmarks import benchjob
from botocore.config import Config

_URL = os.environ["BENCH_URL"]
_sqs = boto3.client("sqs", config=Config(max_pool_connections=64))


_SIZE = int(os.environ.get("BENCH_BODY", "0"))
"""Characters that bodies are filled up to, with what JSON ignores, where they should weigh what another's do."""


def enqueue(jobs: list[list[int]]) -> None:
    for start in range(0, len(jobs), 10):
        bodies = [json.dumps(job).ljust(_SIZE) for job in jobs[start : start + 10]]
        batch = [{"Id": str(i), "MessageBody": body} for i, body in enumerate(bodies)]
        _sqs.send_message_batch(QueueUrl=_URL, Entries=batch)


def work(threads: int) -> None:
    for _ in range(threads):
        threading.Thread(target=_loop, daemon=True).start()
    threading.Event().wait()


def _loop() -> None:
    while True:
        messages = _sqs.receive_message(QueueUrl=_URL, MaxNumberOfMessages=10, WaitTimeSeconds=20).get("Messages", [])
        for message in messages:
            benchjob.run(*json.loads(message["Body"]))
        if messages:
            done = [{"Id": str(i), "ReceiptHandle": message["ReceiptHandle"]} for i, message in enumerate(messages)]
            _sqs.delete_message_batch(QueueUrl=_URL, Entries=done)
