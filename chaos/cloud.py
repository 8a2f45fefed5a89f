"""What the harness itself does on the local AWS, around the proxy: makes queues and tables, sends, looks."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from chaos.jobs import manifest, queue
from chaos.plan import Sending

from rota.testing.local_aws import LocalAws

_COUNTS = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
_LEDGER = f"{manifest.name}-default_ledger"


class Cloud:
    """Queues and ledger of the chaos manifest."""

    def __init__(self, aws: LocalAws) -> None:
        self._sqs, self._dynamodb = aws.client("sqs"), aws.client("dynamodb")
        self._undelivered = self._make("undelivered", {})
        self._dead = self._make("dead", {})
        found = self._sqs.get_queue_attributes(QueueUrl=self._dead, AttributeNames=["QueueArn"])["Attributes"]
        redrive = {"deadLetterTargetArn": found["QueueArn"], "maxReceiveCount": queue.max_deliveries}
        visibility = int(queue.visibility_timeout.total_seconds())
        self._work = self._make(
            queue.name, {"VisibilityTimeout": str(visibility), "RedrivePolicy": json.dumps(redrive)}
        )
        self._dynamodb.create_table(
            TableName=_LEDGER,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )

    def _make(self, name: str, attributes: dict[str, str]) -> str:
        made = self._sqs.create_queue(QueueName=f"{manifest.name}-default_{name}", Attributes=attributes)
        return str(made["QueueUrl"])

    @property
    def settings(self) -> str:
        """For ROTA_SETTINGS."""
        urls = {"url": self._work, "dead_letter_url": self._dead, "undelivered_url": self._undelivered}
        return json.dumps(
            {
                "version": 1,
                "manifest": manifest.name,
                "stage": "default",
                "queues": {queue.name: urls},
                "ledger": {"table": _LEDGER},
            }
        )

    def send(self, sendings: Sequence[Sending]) -> None:
        """Up to ten."""
        entries = [
            {"Id": str(number), "MessageBody": sending.body, "DelaySeconds": sending.delay}
            for number, sending in enumerate(sendings)
        ]
        answer = self._sqs.send_message_batch(QueueUrl=self._work, Entries=entries)
        if answer.get("Failed"):
            raise RuntimeError(f"the local AWS did not take {answer['Failed']}")

    @property
    def messages(self) -> int:
        """How many are in the queue, hidden and delayed ones included."""
        counts = self._sqs.get_queue_attributes(QueueUrl=self._work, AttributeNames=_COUNTS)["Attributes"]
        return sum(int(counts[name]) for name in _COUNTS)

    def dead_letters(self) -> list[str]:
        """Their bodies, with the reasons."""
        found: list[str] = []
        while True:
            answer = self._sqs.receive_message(
                QueueUrl=self._dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=600
            )
            if not answer.get("Messages"):
                return found
            for message in answer["Messages"]:
                said = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
                found.append(f"{message['Body']} {said.get('rota.reason', 'moved by SQS: max_deliveries')}")

    def records(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """All items of the ledger, by key."""
        items: list[Any] = []
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=_LEDGER, ConsistentRead=True):
            items += page["Items"]
        read = [_DESERIALIZER.deserialize({"M": item}) for item in items]
        return {(item["pk"], item["sk"]): item for item in read}


_DESERIALIZER = TypeDeserializer()
