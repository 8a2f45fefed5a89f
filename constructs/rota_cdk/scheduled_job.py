"""A job's schedule, made on AWS."""

from collections.abc import Sequence
from textwrap import shorten
from typing import Any, cast

from aws_cdk import Annotations, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from rota.manifest import Job
from rota.schedules import Schedule
from rota_cdk import delivery, due_together, expressions, validation
from rota_cdk.fanout_trigger import FanoutTrigger
from rota_cdk.job_queue import JobQueue
from rota_cdk.run_ledger import RunLedger
from rota_cdk.validation import SchedulesWith


class ScheduledJob(Construct):
    """Makes a job due: one EventBridge rule or schedule for each expression of its schedule.

    A cron in UTC becomes a rule; a time zone, a single instant, and an interval that does not divide the day become a
    schedule of EventBridge Scheduler, in the group `<manifest>-<stage>` of the stack. `enabled=False` of the job keeps
    it deployed and silent. EventBridge tries to deliver for 24 hours, at most 185 times, and then puts the occurrence
    into `undelivered` of the queue. No policy grows with the number of jobs.

    - `job`: the declaration; it must have a schedule. Or several, due together by one rule or schedule: of endpoints,
      of one schedule, enabled alike. It saves rules and their messages; each job still has runs of its own.
    - `queue`: the `JobQueue` made of the job's target. The schedules of one manifest and stage belong into one stack.
    - `trigger`: the `FanoutTrigger` that knows the endpoints, for a job whose target they are. One of the two is given.
    - `ledger`: the `RunLedger` of the same manifest and stage, where workers claim the job's runs. It changes nothing
      of what is made here; without it the synth warns: EventBridge and SQS may deliver an occurrence twice, and
      nothing then tells the second one from the first.
    - `schedules_with`: "scheduler" makes a schedule even of what a rule could do.

    Raises `SynthError`, naming the job, where there is no schedule, the queue, the trigger or the ledger is another's,
    the input is too large, or jobs cannot be due together.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's word
        *,
        job: Job[Any] | Sequence[Job[Any]],
        queue: JobQueue | None = None,
        trigger: FanoutTrigger | None = None,
        ledger: RunLedger | None = None,
        schedules_with: SchedulesWith = "rules",
        shards: int | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.jobs: tuple[Job[Any], ...] = (job,) if isinstance(job, Job) else tuple(job)
        """The declarations: one, or those that are due together."""
        validation.check(f"ScheduledJob {id!r}", self.jobs, due_together.SEVERAL)
        self._subject = " and ".join(f"job {each.name!r}" for each in self.jobs)
        validation.check(self._subject, self.jobs, due_together.ALIKE)
        self._shards = shards
        queue = self._queue(queue, trigger)
        validation.check(self._subject, schedules_with, validation.SCHEDULES_WITH)
        if ledger is not None:
            validation.check(self._subject, (ledger.names, queue.names), validation.LEDGER)
        else:
            Annotations.of(self).add_warning_v2(
                "rota:no-ledger",
                f"{self._subject}: duplicates possible, for there is no ledger in which its runs are claimed; make a "
                'RunLedger, give it here as ledger= and to the workers (RunLedger.grant_claim, "ledger" in their '
                "settings), or use Rota, which does all of it",
            )
        self.rules: tuple[events.CfnRule, ...] = ()
        """The rules, or none where there are schedules."""
        self.schedules: tuple[scheduler.CfnSchedule, ...] = ()
        """The schedules, or none where there are rules."""
        if (schedule := self.jobs[0].schedule) is None:
            return  # refused above
        if schedules_with == "scheduler" or expressions.needs_scheduler(schedule):
            self.schedules = self._schedules(schedule, queue)
            if Stack.of(self) is Stack.of(queue):
                for made in self.schedules:
                    made.node.add_dependency(queue.schedule_role)
        else:
            self.rules = self._rules(schedule, queue)
            if Stack.of(self) is Stack.of(queue):
                for rule in self.rules:
                    rule.node.add_dependency(*queue.admission)
        self.node.default_child = (self.rules or self.schedules)[0]

    def _queue(self, queue: JobQueue | None, trigger: FanoutTrigger | None) -> JobQueue:
        """Where the occurrences go, once it is sure that the jobs belong there."""
        validation.check(self._subject, (queue, trigger, self.jobs[0]), due_together.ONE_OF_TWO)
        for job in self.jobs:
            validation.check(f"job {job.name!r}", job, validation.SCHEDULED)
            if trigger is not None:
                trigger.check(job)
            elif queue is not None:
                validation.check(f"job {job.name!r}", (job, queue.declared), validation.OF_THE_QUEUE)
        return cast("JobQueue", trigger.queue if trigger else queue)

    @property
    def _state(self) -> str:
        return "ENABLED" if self.jobs[0].enabled else "DISABLED"

    @property
    def _description(self) -> str | None:
        if len(self.jobs) == 1:
            return self.jobs[0].description or None
        return shorten(f"Together: {', '.join(job.name for job in self.jobs)}", validation.MAX_DESCRIPTION)

    def _rules(self, schedule: Schedule, queue: JobQueue) -> tuple[events.CfnRule, ...]:
        template = expressions.rule_template(self.jobs)
        validation.check(self._subject, template, validation.RULE_TEMPLATE)
        destination = delivery.destination(queue, Stack.of(self), for_schedules=False)
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
        return tuple(
            events.CfnRule(
                self,
                _numbered("Rule", ordinal),
                name=queue.names.rule(self.jobs[0].name, ordinal, self._shards),
                description=self._description,
                schedule_expression=expression,
                state=self._state,
                targets=[target],
            )
            for ordinal, expression in enumerate(schedule.aws_expressions(), start=1)
        )

    def _schedules(self, schedule: Schedule, queue: JobQueue) -> tuple[scheduler.CfnSchedule, ...]:
        text = expressions.schedule_input(self.jobs)
        validation.check(self._subject, text, validation.SCHEDULE_INPUT)
        destination = delivery.destination(queue, Stack.of(self), for_schedules=True)
        target = scheduler.CfnSchedule.TargetProperty(
            arn=destination.arn,
            role_arn=cast("str", destination.role),
            input=text,
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=destination.undelivered),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=delivery.MAX_AGE_SECONDS, maximum_retry_attempts=delivery.MAX_ATTEMPTS
            ),
        )
        return tuple(
            scheduler.CfnSchedule(
                self,
                _numbered("Schedule", ordinal),
                name=queue.names.rule(self.jobs[0].name, ordinal, self._shards),
                description=self._description,
                group_name=destination.group,
                schedule_expression=expression,
                schedule_expression_timezone=schedule.time_zone,
                flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
                state=self._state,
                target=target,
            )
            for ordinal, expression in enumerate(schedule.aws_expressions(), start=1)
        )


def _numbered(id: str, ordinal: int) -> str:  # noqa: A002
    return id if ordinal == 1 else f"{id}{ordinal}"
