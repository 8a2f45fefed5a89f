"""`Rule` and its target `SqsQueue`, which adds no statement to the policy of a queue that another stack has."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from benchmarks.synth import Due
from benchmarks.synth.stacks import with_the_queue


def build(app: cdk.App, jobs: list[Due]) -> None:
    stacks = with_the_queue(app, jobs)
    for due in jobs:
        stack, queue = stacks[due.stack]
        events.Rule(
            stack,
            due.name,
            schedule=events.Schedule.cron(minute=str(due.minute), hour=str(due.hour)),
            targets=[targets.SqsQueue(queue, message=events.RuleTargetInput.from_object(due.message))],
        )
