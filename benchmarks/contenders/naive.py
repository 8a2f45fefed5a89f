"""The worker of many a blog post: one thread receives one message, handles it, deletes it."""

import json
import os

import boto3
from benchmarks import benchjob

_URL = os.environ["BENCH_URL"]
_sqs = boto3.client("sqs")


def enqueue(jobs: list[list[int]]) -> None:
    for job in jobs:
        _sqs.send_message(QueueUrl=_URL, MessageBody=json.dumps(job))


def work(threads: int) -> None:
    while True:
        answer = _sqs.receive_message(QueueUrl=_URL, MaxNumberOfMessages=1, WaitTimeSeconds=20)
        for message in answer.get("Messages", []):
            benchjob.run(*json.loads(message["Body"]))
            _sqs.delete_message(QueueUrl=_URL, ReceiptHandle=message["ReceiptHandle"])
