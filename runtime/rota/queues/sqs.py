"""SQS: the queues of a deployment, by boto3.

Limits: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rota.errors import BackendError, SettingsError
from rota.queues.base import (
    MAX_BATCH,
    MAX_BYTES,
    Letter,
    Message,
    MessageQueue,
    Move,
    Outgoing,
    SendFailure,
    size_problem,
    weight,
)
from rota.settings import QueueSettings, Settings

_NO_MOVES = (
    "InvalidAction",
    "UnknownOperation",
    "UnknownOperationException",
    "UnsupportedOperation",
    "AWS.SimpleQueueService.UnsupportedOperation",
    "AccessDenied",
    "AccessDeniedException",
)
"""How services say that they do not move messages by themselves, not this queue's, or not for this caller."""


class SqsQueue:
    """One SQS queue.

    `client` is a boto3 SQS client (boto3 has no types of its own, hence Any); `polling` another, that waits for answers
    longer than a long poll takes, `client` unless given.
    """

    def __init__(self, client: Any, url: str, *, polling: Any = None) -> None:
        self._client, self._polling, self._url = client, polling or client, url

    def receive(self, limit: int, wait: float) -> list[Message]:
        with _told(f"receive from {self._url}"):
            answer = self._polling.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=min(limit, MAX_BATCH), WaitTimeSeconds=round(wait)
            )
        return [Message(read["Body"], read["ReceiptHandle"]) for read in answer.get("Messages", ())]

    def send(self, messages: Sequence[Outgoing]) -> list[SendFailure]:
        # SQS refuses a whole request for one message that is too large.
        failures = [SendFailure(i, problem) for i, message in enumerate(messages) if (problem := size_problem(message))]
        batches = list(_batches(messages, without={failed.place for failed in failures}))
        for number, batch in enumerate(batches):
            entries = [_entry(index, messages[index]) for index in batch]
            try:
                with _told(f"send to {self._url}"):
                    answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
            except BackendError as error:
                if number == 0:
                    raise
                # What is sent is sent: the caller has to know which.
                return failures + [SendFailure(index, str(error)) for rest in batches[number:] for index in rest]
            failures += [
                SendFailure(int(failed["Id"]), f"{failed['Code']}: {failed.get('Message', '')}")
                for failed in answer.get("Failed", ())
            ]
        return failures

    def delete(self, receipts: Sequence[str]) -> list[str]:
        again = []
        for batch in _tens(receipts):
            entries = [{"Id": str(i), "ReceiptHandle": receipt} for i, receipt in enumerate(batch)]
            with _told(f"delete messages of {self._url}"):
                answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
            # What the service blames on the receipt will not change: the message is gone, or another's.
            again += _at_fault(batch, answer, sender=False)
        return again

    def change_visibility(self, receipts: Sequence[str], seconds: int) -> list[str]:
        lost = []
        for batch in _tens(receipts):
            entries = [
                {"Id": str(i), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
                for i, receipt in enumerate(batch)
            ]
            with _told(f"change visibility in {self._url}"):
                answer = self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
            # A fault of the service is no word about the message: it is still held until its time ends.
            lost += _at_fault(batch, answer, sender=True)
        return lost

    # For those who look after the queue

    def letters(self, limit: int, hide: int, *, wait: float = 0) -> list[Letter]:
        with _told(f"receive from {self._url}"):
            answer = self._polling.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(limit, MAX_BATCH),
                WaitTimeSeconds=round(wait),
                VisibilityTimeout=hide,
                MessageAttributeNames=["All"],
                AttributeNames=[
                    "SentTimestamp"
                ],  # the later name of it, MessageSystemAttributeNames, is since 1.34.118
            )
        return [_letter(read) for read in answer.get("Messages", ())]

    def depth(self) -> int:
        return int(self._attribute("ApproximateNumberOfMessages"))

    def move_all(self, to: MessageQueue) -> str | None:
        if not isinstance(to, SqsQueue):
            return None
        source, destination = self.arn(), to.arn()
        with _told(f"move the messages of {self._url}"):
            try:
                # With a destination: SQS knows no source of what workers have sent there.
                self._client.start_message_move_task(SourceArn=source, DestinationArn=destination)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _NO_MOVES:
                    return None
                raise
        return source

    def moved(self, move: str) -> Move:
        with _told(f"list the moves of {self._url}"):
            answer = self._client.list_message_move_tasks(SourceArn=move, MaxResults=1)
        latest = (answer.get("Results") or [{"Status": "RUNNING"}])[0]
        status = latest.get("Status")
        return Move(
            moved=int(latest.get("ApproximateNumberOfMessagesMoved", 0)),
            total=int(latest.get("ApproximateNumberOfMessagesToMove", 0)),
            done=status not in ("RUNNING", "CANCELLING"),
            problem=None
            if status in ("RUNNING", "CANCELLING", "COMPLETED")
            else f"{status}: {latest.get('FailureReason', 'no reason given')}",
        )

    def arn(self) -> str:
        """Its ARN, asked of SQS."""
        return self._attribute("QueueArn")

    def _attribute(self, name: str) -> str:
        with _told(f"tell {name} of {self._url}"):
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return str(answer["Attributes"][name])


class SqsBackend:
    """The queues that a deployment's settings name; clients as for `SqsQueue`."""

    def __init__(self, client: Any, settings: Settings, *, polling: Any = None) -> None:
        self._client, self._polling, self._settings = client, polling, settings

    def queue(self, name: str) -> SqsQueue:
        """The queue of that declared name. Raises `SettingsError` where the deployment has none."""
        return SqsQueue(self._client, self._find(name).url, polling=self._polling)

    def dead_letters(self, name: str) -> SqsQueue:
        """Its dead-letter queue."""
        return SqsQueue(self._client, self._find(name).dead_letter_url)

    def undelivered(self, name: str) -> SqsQueue | None:
        """Where EventBridge puts what it could not deliver to it; None in the settings of an older deployment."""
        url = self._find(name).undelivered_url
        return SqsQueue(self._client, url) if url else None

    def _find(self, name: str) -> QueueSettings:
        settings = self._settings
        if name not in settings.queues:
            raise SettingsError(
                f"queue {name!r} is not in the deployed settings of {settings.manifest!r}, stage {settings.stage!r} "
                f"(it has {', '.join(settings.queues) or 'none'}); deploy it: `cdk deploy`"
            )
        return settings.queues[name]


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise BackendError(f"SQS did not {what}: {error}") from error


def _letter(read: Any) -> Letter:
    sent = read.get("Attributes", {}).get("SentTimestamp")
    return Letter(
        body=read["Body"],
        receipt=read["ReceiptHandle"],
        id=read["MessageId"],
        attributes={name: one.get("StringValue", "") for name, one in read.get("MessageAttributes", {}).items()},
        sent_at=datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None,
    )


def _at_fault(batch: Sequence[str], answer: Any, *, sender: bool) -> list[str]:
    """The receipts of a batch that failed by the sender's fault, or by the service's."""
    return [
        batch[int(failed["Id"])] for failed in answer.get("Failed", ()) if failed.get("SenderFault", True) is sender
    ]


def _tens(receipts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (receipts[start : start + MAX_BATCH] for start in range(0, len(receipts), MAX_BATCH))


def _batches(messages: Sequence[Outgoing], *, without: Container[int]) -> Iterator[list[int]]:
    """Indexes, in batches within the limits of count and bytes."""
    batch: list[int] = []
    total = 0
    for index, message in enumerate(messages):
        if index in without:
            continue
        size = weight(message)
        if batch and (len(batch) == MAX_BATCH or total + size > MAX_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(index)
        total += size
    if batch:
        yield batch


def _entry(index: int, message: Outgoing) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": str(index), "MessageBody": message.body, "DelaySeconds": message.delay}
    if message.attributes:
        entry["MessageAttributes"] = {
            name: {"DataType": "String", "StringValue": value} for name, value in message.attributes.items()
        }
    return entry
