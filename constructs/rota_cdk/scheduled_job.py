"""A job's schedule, made on AWS."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Annotations, CfnResource
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from rota.manifest import Job
from rota_cdk.due import Due
from rota_cdk.fanout_trigger import FanoutTrigger
from rota_cdk.job_queue import JobQueue
from rota_cdk.run_ledger import RunLedger
from rota_cdk.validation import SchedulesWith


class ScheduledJob(Construct):
    """Makes a job due: one EventBridge rule or schedule for each expression of its schedule.

    A cron in UTC becomes a rule; a time zone, a single instant, a flexible window, and an interval that does not divide
    the day become a schedule of EventBridge Scheduler, in the group `<manifest>-<stage>` of the queue's stack.
    `enabled=False` of the job keeps it deployed and silent. EventBridge tries to deliver for 24 hours, at most 185
    times, and then puts the occurrence into `undelivered` of the queue. No policy grows with the number of jobs.

    Its rules and schedules are below it, the first of them its `node.default_child`: what CloudFormation has besides is
    given with that one's `add_property_override`. In another stack than the queue's it refers to it by name: give both
    one account and region.

    - `job`: the declaration; it must have a schedule. Or several, due together by one rule or schedule: of endpoints,
      of one schedule, enabled alike. It saves rules and their messages; each job still has runs of its own.
    - `queue`: the `JobQueue` made of the job's target.
    - `trigger`: the `FanoutTrigger` that knows the endpoints, for a job whose target they are. One of the two is given.
    - `ledger`: the `RunLedger` of the same manifest and stage, where workers claim the job's runs. It changes nothing
      of what is made here; without it the synth warns: EventBridge and SQS may deliver an occurrence twice, and
      nothing then tells the second one from the first.
    - `schedules_with`: "scheduler" makes a schedule even of what a rule could do.
    - `shards`: over how many stacks the jobs are spread, where they are: part of the physical name; see `Rota`.

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
        due = Due(
            id,
            job,
            queue=queue,
            trigger=trigger,
            ledger=ledger,
            schedules_with=schedules_with,
            shards=shards,
        )
        self.jobs: tuple[Job[Any], ...] = due.jobs
        """The declarations: one, or those that are due together."""
        self.rules: tuple[events.CfnRule, ...] = ()
        """The rules, or none where there are schedules."""
        self.schedules: tuple[scheduler.CfnSchedule, ...] = ()
        """The schedules, or none where there are rules."""
        destination = due.queue.seen_from(scope)
        # Of two names: CloudFormation lets no resource become one of another type.
        if due.is_rule:
            self.rules = tuple(
                events.CfnRule(self, _numbered("Rule", ordinal), **said)
                for ordinal, said in enumerate(due.rules(destination), start=1)
            )
        else:
            self.schedules = tuple(
                scheduler.CfnSchedule(self, _numbered("Schedule", ordinal), **_in_python(said))
                for ordinal, said in enumerate(due.schedules(destination), start=1)
            )
        made: tuple[CfnResource, ...] = self.rules + self.schedules
        self.node.default_child = made[0]
        if needed := destination.rules_need if due.is_rule else destination.schedules_need:
            for each in made:
                each.node.add_dependency(*needed)
        if ledger is None:
            Annotations.of(self).add_warning_v2(
                "rota:no-ledger",
                f"{due.subject}: duplicates possible, for there is no ledger in which its runs are claimed; make a "
                'RunLedger, give it here as ledger= and to the workers (RunLedger.grant_claim, "ledger" in their '
                "settings), or use Rota, which does all of it",
            )


def _numbered(id: str, ordinal: int) -> str:  # noqa: A002 - CDK's word
    return id if ordinal == 1 else f"{id}{ordinal}"


def _in_python(said: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as CDK for Python takes them: `ScheduleExpression` is `schedule_expression`, and what is within
    them as jsii calls it, `roleArn`."""
    return {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): _in_jsii(value) for name, value in said.items()}


def _in_jsii(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name[0].lower() + name[1:]: _in_jsii(each) for name, each in value.items()}
