"""The trigger's function on Lambda: a batch of messages, each for itself. What it returns names those that stay in the
queue; Lambda deletes the others.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from rota.keys import KeyRing
from rota.trigger.aws import Aws
from rota.trigger.config import VARIABLE, TriggerConfig
from rota.trigger.posting import Poster
from rota.trigger.queue import TriggerQueue
from rota.trigger.telemetry import Telemetry
from rota.trigger.trigger import Trigger

LAST_MOMENT = 2.0
"""Seconds before its end at which the function answers for what is done."""

_lock = threading.Lock()
_made: list[Trigger] = []


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """What Lambda calls. `event` is a batch of SQS messages; the answer lists those that failed or are to come again.
    Raises where the deployment cannot be read: then all come again."""
    trigger = _trigger()
    remaining = _remaining(context)
    records = event["Records"]
    done: set[str] = set()
    if len(records) == 1:  # as a rule: it needs no thread
        _handle(trigger, records[0], remaining, done)
    else:
        threads = [
            threading.Thread(target=_handle, args=(trigger, one, remaining, done), daemon=True) for one in records
        ]
        for thread in threads:
            thread.start()
        for thread, one in zip(threads, records, strict=True):
            thread.join(max(remaining() - LAST_MOMENT, 0.0))
            if thread.is_alive():
                trigger.telemetry.tell("not done in time", "ERROR", message=one["messageId"])
    # A copy: a thread that is late may still write there.
    finished = set(done)
    kept = [record["messageId"] for record in records if record["messageId"] not in finished]
    return {"batchItemFailures": [{"itemIdentifier": message} for message in kept]}


def _handle(trigger: Trigger, record: Mapping[str, Any], remaining: Callable[[], float], done: set[str]) -> None:
    try:
        if trigger.handle(record, remaining):
            done.add(record["messageId"])
    except BaseException as error:  # noqa: BLE001 - it stays in the queue, and the others are not its business
        import traceback

        said = "".join(traceback.format_exception(error))
        trigger.telemetry.tell("error", level="ERROR", message=record.get("messageId"), traceback=said)


def _trigger() -> Trigger:
    """Made at the first use, and kept with its connections and keys."""
    with _lock:
        if not _made:
            _made.append(_of_environment())
        return _made[0]


def _of_environment() -> Trigger:
    config = TriggerConfig.decode(os.environ[VARIABLE])
    aws = Aws()

    def read() -> str:
        said = aws.json("secretsmanager", "secretsmanager.GetSecretValue", "1.1", {"SecretId": config.secret})
        return str(said.get("SecretString"))

    return Trigger(
        config,
        queue=TriggerQueue(aws, config.queue, config.dead_letters),
        poster=Poster(KeyRing(read, time.monotonic)),
        aws=aws,
        telemetry=Telemetry(config.deployment),
    )


def _remaining(context: Any) -> Callable[[], float]:
    """Seconds that the function has left; without a context of Lambda's, many."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return (lambda: float(left()) / 1000) if left else (lambda: 86_400.0)
