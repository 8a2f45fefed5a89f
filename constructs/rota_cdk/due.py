"""The rules or schedules of a job, as they are told to CloudFormation."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from textwrap import shorten
from typing import Any, cast

from aws_cdk import aws_events as events

from rota.manifest import Job
from rota.schedules import Schedule
from rota_cdk import delivery, due_together, expressions, validation
from rota_cdk.destination import Destination
from rota_cdk.fanout_trigger import FanoutTrigger
from rota_cdk.job_queue import JobQueue
from rota_cdk.run_ledger import RunLedger
from rota_cdk.validation import SchedulesWith


def is_rule(schedule: Schedule, schedules_with: SchedulesWith) -> bool:
    """Whether a rule makes it due, or a schedule of EventBridge Scheduler."""
    return schedules_with == "rules" and not schedule.needs_scheduler


class Due:
    """What makes a job due, or several together; the arguments are those of `ScheduledJob`.

    Raises `SynthError`, naming the job, for what cannot be.
    """

    def __init__(
        self,
        id: str,  # noqa: A002 - CDK's word
        job: Job[Any] | Sequence[Job[Any]],
        *,
        queue: JobQueue | None,
        trigger: FanoutTrigger | None,
        ledger: RunLedger | None,
        schedules_with: SchedulesWith,
        shards: int | None,
    ) -> None:
        self.jobs: tuple[Job[Any], ...] = (job,) if isinstance(job, Job) else tuple(job)
        """The declarations: one, or those that are due together."""
        validation.check(f"ScheduledJob {id!r}", self.jobs, due_together.SEVERAL)
        self.subject = " and ".join(f"job {each.name!r}" for each in self.jobs)
        """What messages call them."""
        validation.check(self.subject, self.jobs, due_together.ALIKE)
        self.queue = self._queue(queue, trigger)
        """Where the occurrences go."""
        validation.check(self.subject, schedules_with, validation.SCHEDULES_WITH)
        if ledger is not None:
            validation.check(self.subject, (ledger.names, self.queue.names), validation.LEDGER)
        self._schedule = cast("Schedule", self.jobs[0].schedule)  # one without is refused above
        self.is_rule = is_rule(self._schedule, schedules_with)
        """Whether rules make it due, or schedules."""
        self._shards = shards

    def _queue(self, queue: JobQueue | None, trigger: FanoutTrigger | None) -> JobQueue:
        validation.check(self.subject, (queue, trigger, self.jobs[0]), due_together.ONE_OF_TWO)
        for job in self.jobs:
            validation.check(f"job {job.name!r}", job, validation.SCHEDULED)
            if trigger is not None:
                trigger.check(job)
            elif queue is not None:
                validation.check(f"job {job.name!r}", (job, queue.declared), validation.OF_THE_QUEUE)
        return cast("JobQueue", trigger.queue if trigger else queue)

    def rules(self, destination: Destination) -> list[dict[str, Any]]:
        """The arguments of a `CfnRule` for each expression."""
        template = expressions.rule_template(self.jobs)
        validation.check(self.subject, template, validation.RULE_TEMPLATE)
        target = events.CfnRule.TargetProperty(
            id="queue",
            arn=destination.arn,
            input_transformer=events.CfnRule.InputTransformerProperty(
                input_paths_map=expressions.FIRED_AT, input_template=template
            ),
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=destination.undelivered),
            retry_policy=events.CfnRule.RetryPolicyProperty(
                maximum_event_age_in_seconds=delivery.MAX_AGE_SECONDS, maximum_retry_attempts=delivery.MAX_ATTEMPTS
            ),
        )
        shared = {"description": self._description, "state": self._state, "targets": [target]}
        return [
            {"name": name, "schedule_expression": expression, **shared} for name, expression in self._named(destination)
        ]

    def schedules(self, destination: Destination) -> list[dict[str, Any]]:
        """The properties of a schedule for each expression, as CloudFormation reads them."""
        text = expressions.schedule_input(self.jobs)
        validation.check(self.subject, text, validation.SCHEDULE_INPUT)
        shared = {
            "GroupName": destination.group,
            "ScheduleExpressionTimezone": self._schedule.time_zone,
            "FlexibleTimeWindow": self._window,
            "State": self._state,
            "Target": {**destination.target, "Input": text},
        }
        if self._description is not None:
            shared["Description"] = self._description
        return [
            {"Name": name, "ScheduleExpression": expression, **shared} for name, expression in self._named(destination)
        ]

    def _named(self, destination: Destination) -> Iterator[tuple[str, str]]:
        """The expressions with their physical names."""
        for ordinal, expression in enumerate(self._schedule.aws_expressions(), start=1):
            yield destination.names.rule(self.jobs[0].name, ordinal, self._shards), expression

    @property
    def _window(self) -> dict[str, Any]:
        window = self._schedule.flexible_window
        if window is None:
            return {"Mode": "OFF"}
        return {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": window // timedelta(minutes=1)}

    @property
    def _state(self) -> str:
        return "ENABLED" if self.jobs[0].enabled else "DISABLED"

    @property
    def _description(self) -> str | None:
        if len(self.jobs) == 1:
            return self.jobs[0].description or None
        return shorten(f"Together: {', '.join(job.name for job in self.jobs)}", validation.MAX_DESCRIPTION)
