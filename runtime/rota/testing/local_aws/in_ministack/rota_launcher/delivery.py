"""How a rule or a schedule reaches its target, put right where ministack does less than AWS.

- A schedule's input: ministack leaves ``<aws.scheduler.scheduled-time>`` and its like as they are.
- A rule's SQS target: ministack ignores the queue's policy; AWS drops what the policy does not allow.
"""

# ruff: noqa: SLF001 - private names of ministack's, all listed in private.py

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import private
from .scheduled_time import fill_in

# An event with this key carries the scheduled time to put in; without it, it is worked out from the schedule.
SCHEDULED_TIME = "RotaScheduledTime"

_eventbridge = private.module("ministack.services.eventbridge")
_sqs = private.module("ministack.services.sqs")
_arn = private.module("ministack.core.arn")
_iam = private.module("ministack.core.iam_evaluator")


def install() -> None:
    """Puts these corrections around ministack's delivery; its tickers and `fire` then all go through them."""
    deliver = _eventbridge._invoke_target

    def deliver_like_aws(
        target: dict[str, Any], event: dict[str, Any], source: dict[str, Any], view: Any = None
    ) -> None:
        if event["Source"] == "aws.scheduler":
            target = fill_in(target, source, now=event["Time"], scheduled=event.get(SCHEDULED_TIME))
        elif not _queue_allows(target["Arn"], source["Arn"]):
            _eventbridge.logger.warning(
                "the policy of %s does not let rule %s send to it: not delivered", target["Arn"], source["Name"]
            )
            return
        deliver(target, event, source, view)

    _eventbridge._invoke_target = deliver_like_aws


def _queue_allows(target_arn: str, rule_arn: str) -> bool:
    target, rule = _arn.parse_arn(target_arn), _arn.parse_arn(rule_arn)
    queue = _sqs._queue_by_arn(target_arn) if target.service == "sqs" else None
    if queue is None:
        return True
    request = _iam.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="sqs:SendMessage",
        resource_arn=target_arn,
        region=rule.region,
        secure_transport=True,
        service_context={"aws:sourcearn": rule_arn, "aws:sourceaccount": rule.account_id},
    )
    policy = queue["attributes"].get("Policy") or None
    return bool(_iam.evaluate_resource_policy(policy, request, service="events.amazonaws.com").decision == "Allow")


@contextmanager
def complaints() -> Iterator[list[str]]:
    """What ministack's delivery logs from warning upwards in the block: it swallows its errors, so this is how to know.

    A ticker that fires at the same moment may add its own.
    """
    messages: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    handler = Collect(logging.WARNING)
    _eventbridge.logger.addHandler(handler)
    try:
        yield messages
    finally:
        _eventbridge.logger.removeHandler(handler)
