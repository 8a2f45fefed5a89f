"""The stacks of the contenders, all of one account and region; and those of a contender that has no sharding of its
own."""

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from benchmarks.synth import Due, stacks_of

ARN = "arn:aws:sqs:eu-west-1:123456789012:work"


def new_stack(app: cdk.App, name: str) -> cdk.Stack:
    """Of an account and region that are known, as production's are."""
    return cdk.Stack(app, name, env=cdk.Environment(account="123456789012", region="eu-west-1"))


def siblings(app: cdk.App, jobs: list[Due]) -> list[cdk.Stack]:
    """Those for the jobs. None where there are no jobs."""
    return [new_stack(app, f"Shop-{number:02}") for number in range(stacks_of(len(jobs)))]


def with_the_queue(app: cdk.App, jobs: list[Due]) -> list[tuple[cdk.Stack, sqs.IQueue]]:
    """Those for the jobs, beside one that has the queue. They know it by its ARN: to share the construct would add an
    export, and its import to each."""
    sqs.Queue(new_stack(app, "Shop"), "Queue", queue_name="work")
    return [(stack, sqs.Queue.from_queue_arn(stack, "Queue", ARN)) for stack in siblings(app, jobs)]
