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
    Depth,
    Letter,
    Message,
    MessageQueue,
    Move,
    MoveTask,
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
_MOVES_ALREADY = "already a task running"
"""SQS says that with one of those codes too."""


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
        return [Message(read["Body"], read["ReceiptHandle"], read["MessageId"]) for read in answer.get("Messages", ())]

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
                # The later name of it, MessageSystemAttributeNames, is since 1.34.118.
                AttributeNames=["SentTimestamp", "DeadLetterQueueSourceArn"],
            )
        return [_letter(read) for read in answer.get("Messages", ())]

    def depth(self) -> Depth:
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        visible, hidden = self._attributes(*names)
        return Depth(int(visible), int(hidden))

    def move_all(self, to: MessageQueue) -> MoveTask | None:
        if not isinstance(to, SqsQueue):
            return None
        source, destination = self.arn(), to.arn()
        with _told(f"move the messages of {self._url}"):
            try:
                # With a destination: SQS knows no source of what workers have sent there.
                before = max((begun for begun, _ in self._moves(source)), default=0)
                task = self._client.start_message_move_task(SourceArn=source, DestinationArn=destination)
            except ClientError as error:
                failed = error.response.get("Error", {})
                if failed.get("Code") in _NO_MOVES and _MOVES_ALREADY not in failed.get("Message", ""):
                    return None
                raise
        return MoveTask(source, task["TaskHandle"], before)

    def moved(self, task: MoveTask) -> Move:
        with _told(f"list the moves of {self._url}"):
            moves = self._moves(task.source)
        # SQS tells the handle of a task only while it runs, and may list a new one a little later.
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasksResultEntry.html
        ours = [found for _, found in moves if found.get("TaskHandle") == task.handle]
        ours += [found for begun, found in moves if begun > task.before and not found.get("TaskHandle")][-1:]
        found = ours[0] if ours else {"Status": "RUNNING"}
        status = found.get("Status")
        return Move(
            moved=int(found.get("ApproximateNumberOfMessagesMoved", 0)),
            total=int(found.get("ApproximateNumberOfMessagesToMove", 0)),
            done=status not in ("RUNNING", "CANCELLING"),
            problem=None
            if status in ("RUNNING", "CANCELLING", "COMPLETED")
            else f"{status}: {found.get('FailureReason', 'no reason given')}",
        )

    def _moves(self, source: str) -> list[tuple[int, dict[str, Any]]]:
        """The last 10, each with when it began: the latest first."""
        answer = self._client.list_message_move_tasks(SourceArn=source, MaxResults=10)
        return [(int(found.get("StartedTimestamp", 0)), found) for found in answer.get("Results", ())]

    def arn(self) -> str:
        """Its ARN, asked of SQS."""
        [arn] = self._attributes("QueueArn")
        return arn

    def _attributes(self, *names: str) -> list[str]:
        with _told(f"tell {', '.join(names)} of {self._url}"):
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=list(names))
        return [str(answer["Attributes"][name]) for name in names]


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
    system = read.get("Attributes", {})
    sent = system.get("SentTimestamp")
    return Letter(
        body=read["Body"],
        receipt=read["ReceiptHandle"],
        id=read["MessageId"],
        attributes={name: one.get("StringValue", "") for name, one in read.get("MessageAttributes", {}).items()},
        sent_at=datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None,
        moved="DeadLetterQueueSourceArn" in system,
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
