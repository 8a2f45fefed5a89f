"""`EventbridgeToSqs` of aws-solutions-constructs, given the queue: without, it makes two and a key for each job. It
takes no queue that is known by its ARN alone, so each stack has its own."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_solutions_constructs.aws_eventbridge_sqs import EventbridgeToSqs
from benchmarks.synth import Due
from benchmarks.synth.stacks import siblings


def build(app: cdk.App, jobs: list[Due]) -> None:
    stacks = [(stack, sqs.Queue(stack, "Queue")) for stack in siblings(app, jobs)]
    for due in jobs:
        stack, queue = stacks[due.stack]
        EventbridgeToSqs(
            stack,
            due.name,
            existing_queue_obj=queue,
            event_rule_props=events.RuleProps(
                schedule=events.Schedule.cron(minute=str(due.minute), hour=str(due.hour))
            ),
            target_props=targets.SqsQueueProps(message=events.RuleTargetInput.from_object(due.message)),
        )
