"""The stacks of a contender that has no sharding of its own."""

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from benchmarks.synth import STACKS, Due

ARN = "arn:aws:sqs:eu-west-1:123456789012:work"


def siblings(app: cdk.App, jobs: list[Due]) -> list[cdk.Stack]:
    """Those for the jobs. None where there are no jobs."""
    return [cdk.Stack(app, f"Shop-{number:02}") for number in range(STACKS if jobs else 0)]


def with_the_queue(app: cdk.App, jobs: list[Due]) -> list[tuple[cdk.Stack, sqs.IQueue]]:
    """Those for the jobs, beside one that has the queue. They know it by its ARN: to share the construct would add an
    export, and its import to each."""
    sqs.Queue(cdk.Stack(app, "Shop"), "Queue", queue_name="work")
    return [(stack, sqs.Queue.from_queue_arn(stack, "Queue", ARN)) for stack in siblings(app, jobs)]
