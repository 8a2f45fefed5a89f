"""The rules or schedules of a job, as they are told to CloudFormation."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from textwrap import shorten
from typing import Any, cast

from aws_cdk import aws_events as events

from rota.manifest import Job
from rota.schedules import Schedule
from rota_cdk import delivery, expressions, validation
from rota_cdk.destination import Destination

SCHEDULE = "AWS::Scheduler::Schedule"


class Due:
    """What makes `jobs` due, one or those that are due together; `subject` names them in messages."""

    def __init__(self, subject: str, jobs: Sequence[Job[Any]], shards: int | None) -> None:
        self._subject, self._jobs, self._shards = subject, jobs, shards
        self._schedule = cast("Schedule", jobs[0].schedule)

    def rules(self, destination: Destination) -> list[dict[str, Any]]:
        """The arguments of a `CfnRule` for each expression."""
        template = expressions.rule_template(self._jobs)
        validation.check(self._subject, template, validation.RULE_TEMPLATE)
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
        """The properties of a schedule for each expression, as CloudFormation reads them: with those of `CfnSchedule` a
        synth takes a third longer."""
        text = expressions.schedule_input(self._jobs)
        validation.check(self._subject, text, validation.SCHEDULE_INPUT)
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
            yield destination.names.rule(self._jobs[0].name, ordinal, self._shards), expression

    @property
    def _window(self) -> dict[str, Any]:
        window = self._schedule.flexible_window
        if window is None:
            return {"Mode": "OFF"}
        return {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": window // timedelta(minutes=1)}

    @property
    def _state(self) -> str:
        return "ENABLED" if self._jobs[0].enabled else "DISABLED"

    @property
    def _description(self) -> str | None:
        if len(self._jobs) == 1:
            return self._jobs[0].description or None
        return shorten(f"Together: {', '.join(job.name for job in self._jobs)}", validation.MAX_DESCRIPTION)
