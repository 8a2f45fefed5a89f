"""The alarms of a queue and of a ledger: one set each, whatever the number of jobs."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from rota_cdk import validation

if TYPE_CHECKING:
    from rota_cdk.job_queue import JobQueue
    from rota_cdk.run_ledger import RunLedger

AGE = timedelta(minutes=15)
DEPTH = 1000
DEAD_LETTERS = 1
THROTTLES = 10
ERRORS = 10


class _Alarms:
    """The alarms of `watched_by`, each sent to `topic` if there is one."""

    def __init__(self, watched_by: Construct, name: str, topic: sns.ITopic | None) -> None:
        self._scope, self._name, self._topic = watched_by, name, topic
        self.added: dict[str, cloudwatch.Alarm] = {}

    def add(self, watched: str, metric: cloudwatch.Metric, threshold: float, says: str, *, periods: int = 1) -> None:
        alarm = cloudwatch.Alarm(
            self._scope,
            f"Alarm-{watched}",
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # Neither SQS nor DynamoDB writes metrics of what is not used.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{self._name}: {says}",
        )
        if self._topic is not None:
            alarm.add_alarm_action(actions.SnsAction(self._topic))
        self.added[watched] = alarm


def add_to_queue(
    queue: "JobQueue", *, topic: sns.ITopic | None, age: timedelta | None, depth: int | None, dead_letters: int | None
) -> Mapping[str, cloudwatch.Alarm]:
    """Adds to `queue` the alarms whose threshold is not None, each sent to `topic` if there is one."""
    subject = f"queue {queue.declared.name!r}"
    alarms = _Alarms(queue, queue.names.queue(queue.declared.name), topic)
    if age is not None:
        validation.check(subject, age, validation.ALARM_AGE)
        # SQS counts what workers hold too: a job that takes so long raises it as well.
        says = f"the oldest run, waiting or running, was sent {age} ago or earlier; are workers running and jobs short?"
        alarms.add("age", queue.metric_age(), age.total_seconds(), says)
    if depth is not None:
        validation.check(f"{subject}: alarm_depth", depth, validation.ALARM_COUNT)
        alarms.add("depth", queue.metric_depth(), depth, f"{depth} runs or more wait; add workers", periods=3)
    if dead_letters is not None:
        validation.check(f"{subject}: alarm_dead_letters", dead_letters, validation.ALARM_COUNT)
        alarms.add(
            "dead-letters", queue.metric_dead_letters(), dead_letters, "runs failed for good; see the dead letters"
        )
        alarms.add("undelivered", queue.metric_undelivered(), dead_letters, "EventBridge could not deliver occurrences")
    return alarms.added


def add_to_ledger(
    ledger: "RunLedger", *, topic: sns.ITopic | None, throttles: int | None, errors: int | None
) -> Mapping[str, cloudwatch.Alarm]:
    """Adds to `ledger` the alarms whose threshold is not None, each sent to `topic` if there is one."""
    subject = f"ledger {ledger.names.ledger!r}"
    alarms = _Alarms(ledger, ledger.names.ledger, topic)
    if throttles is not None:
        validation.check(f"{subject}: alarm_throttles", throttles, validation.ALARM_REQUESTS)
        says = "DynamoDB throttles writes, so runs start late; do very many share one lock?"
        alarms.add("throttles", ledger.metric_throttles(), throttles, says)
    if errors is not None:
        validation.check(f"{subject}: alarm_errors", errors, validation.ALARM_REQUESTS)
        says = "DynamoDB fails writes, so scheduled runs wait; they start when it answers again"
        alarms.add("errors", ledger.metric_errors(), errors, says)
        transactions = ledger.metric_errors(operation="TransactWriteItems")
        alarms.add("transaction-errors", transactions, errors, f"{says}; those with a lock or a unique key")
    return alarms.added
