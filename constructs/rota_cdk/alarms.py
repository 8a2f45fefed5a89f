"""The alarms of a queue: one set a queue, whatever the number of jobs."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns

from rota_cdk import validation

if TYPE_CHECKING:
    from rota_cdk.job_queue import JobQueue

AGE = timedelta(minutes=15)
DEPTH = 1000
DEAD_LETTERS = 1


def add(
    queue: "JobQueue", *, topic: sns.ITopic | None, age: timedelta | None, depth: int | None, dead_letters: int | None
) -> Mapping[str, cloudwatch.Alarm]:
    """Adds to `queue` the alarms whose threshold is not None, each sent to `topic` if there is one."""
    subject = f"queue {queue.declared.name!r}"
    name = queue.names.queue(queue.declared.name)
    added: dict[str, cloudwatch.Alarm] = {}

    def alarm(watched: str, metric: cloudwatch.Metric, threshold: float, says: str, *, periods: int = 1) -> None:
        added[watched] = cloudwatch.Alarm(
            queue,
            f"Alarm-{watched}",
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # SQS stops writing metrics for a queue that is not used.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{name}: {says}",
        )
        if topic is not None:
            added[watched].add_alarm_action(actions.SnsAction(topic))

    if age is not None:
        validation.check(subject, age, validation.ALARM_AGE)
        # SQS counts what workers hold too: a job that takes so long raises it as well.
        says = f"the oldest run, waiting or running, was sent {age} ago or earlier; are workers running and jobs short?"
        alarm("age", queue.metric_age(), age.total_seconds(), says)
    if depth is not None:
        validation.check(f"{subject}: alarm_depth", depth, validation.ALARM_COUNT)
        alarm("depth", queue.metric_depth(), depth, f"{depth} runs or more wait; add workers", periods=3)
    if dead_letters is not None:
        validation.check(f"{subject}: alarm_dead_letters", dead_letters, validation.ALARM_COUNT)
        alarm("dead-letters", queue.metric_dead_letters(), dead_letters, "runs failed for good; see the dead letters")
        alarm("undelivered", queue.metric_undelivered(), dead_letters, "EventBridge could not deliver occurrences")
    return added
