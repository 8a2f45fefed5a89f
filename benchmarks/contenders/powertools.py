"""The BatchProcessor of AWS Lambda Powertools, in a loop that receives 10 and deletes what succeeded."""

import json
import os

import boto3
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from benchmarks import benchjob
from benchmarks.contenders.raw_boto3 import enqueue

__all__ = ["enqueue", "work"]

_URL = os.environ["BENCH_URL"]
_sqs = boto3.client("sqs")
_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def _handle(record: SQSRecord) -> None:
    benchjob.run(*json.loads(record.body))


def _record(message: dict[str, str]) -> dict[str, object]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }


def work(threads: int) -> None:
    while True:
        messages = _sqs.receive_message(QueueUrl=_URL, MaxNumberOfMessages=10, WaitTimeSeconds=20).get("Messages", [])
        if not messages:
            continue
        event = {"Records": [_record(message) for message in messages]}
        answer = process_partial_response(event=event, record_handler=_handle, processor=_processor, context=None)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        done = [
            {"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"]}
            for m in messages
            if m["MessageId"] not in failed
        ]
        if done:
            _sqs.delete_message_batch(QueueUrl=_URL, Entries=done)
