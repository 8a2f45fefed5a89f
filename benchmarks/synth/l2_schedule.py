"""`Schedule` and `SqsSendMessage`, as CDK's documentation shows them: no dead letters, no schedule group, no names.
With all of these, as rota's schedules have them, it costs a few per cent more."""

import aws_cdk as cdk
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from benchmarks.synth import Due
from benchmarks.synth.stacks import with_the_queue


def build(app: cdk.App, jobs: list[Due]) -> None:
    stacks = with_the_queue(app, jobs)
    for due in jobs:
        stack, queue = stacks[due.stack]
        scheduler.Schedule(
            stack,
            due.name,
            schedule=scheduler.ScheduleExpression.cron(minute=str(due.minute), hour=str(due.hour)),
            target=targets.SqsSendMessage(queue, input=scheduler.ScheduleTargetInput.from_object(due.message)),
        )
