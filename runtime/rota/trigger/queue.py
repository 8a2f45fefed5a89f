"""The trigger queue and its dead letters, as the trigger asks SQS. Lambda receives and deletes.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rota.trigger.aws import TRIES, Aws, AwsError
from rota.trigger.letters import MAX_BYTES, Letter

MAX_BATCH = 10
"""Messages in one request at the most."""


class TriggerQueue:
    """`url` of the trigger queue, and of its `dead_letters`. Its methods raise `AwsError`."""

    def __init__(self, aws: Aws, url: str, dead_letters: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._aws, self._url, self._dead_letters, self._sleep = aws, url, dead_letters, sleep

    def send(self, letters: Sequence[Letter]) -> None:
        """Send each. Raises where one is not taken; the others may be sent."""
        for batch in _batches(letters):
            self._send(batch, TRIES)

    def bury(self, letter: Letter) -> None:
        """Send it to the dead letters."""
        self._ask("SendMessage", QueueUrl=self._dead_letters, **_written(letter))

    def hide(self, receipt: str, seconds: int) -> None:
        """The message of that receipt comes again after so many seconds."""
        self._ask("ChangeMessageVisibility", QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds)

    def _send(self, batch: Sequence[Letter], tries: int) -> None:
        entries = [{"Id": str(index), **_written(letter)} for index, letter in enumerate(batch)]
        failed = self._ask("SendMessageBatch", QueueUrl=self._url, Entries=entries).get("Failed") or []
        if failed and (tries == 1 or any(one.get("SenderFault") for one in failed)):
            problem = f"{len(failed)} of {len(batch)} messages were not taken: {failed[0].get('Message', '')}"
            raise AwsError("sqs SendMessageBatch", problem, str(failed[0].get("Code", "")))
        if failed:
            self._sleep(random.uniform(0.05, 0.2))
            self._send([batch[int(one["Id"])] for one in failed], tries - 1)

    def _ask(self, action: str, **asked: Any) -> dict[str, Any]:
        return self._aws.json("sqs", f"AmazonSQS.{action}", "1.0", asked)


def _written(letter: Letter) -> dict[str, Any]:
    written: dict[str, Any] = {"MessageBody": letter.body}
    if letter.delay:
        written["DelaySeconds"] = letter.delay
    if letter.attributes:
        written["MessageAttributes"] = {
            name: {"DataType": "String", "StringValue": text} for name, text in letter.attributes.items()
        }
    return written


def _batches(letters: Sequence[Letter]) -> Iterator[list[Letter]]:
    """Within the limits of count and bytes."""
    batch: list[Letter] = []
    total = 0
    for letter in letters:
        if batch and (len(batch) == MAX_BATCH or total + letter.weight > MAX_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(letter)
        total += letter.weight
    if batch:
        yield batch
