"""A queue, as the rules and schedules of a stack are told of it."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from aws_cdk import Fn, Stack
from aws_cdk import aws_scheduler as scheduler
from constructs import IDependable

from rota.names import Names
from rota_cdk import delivery

if TYPE_CHECKING:
    from rota_cdk.job_queue import JobQueue


class Destination:
    """`queue` as seen from `stack`: in its own by reference. From another one by name, so that neither can keep the
    other from changing, as an export would; that one is deployed later, and belongs to the same account and region."""

    def __init__(self, queue: "JobQueue", stack: Stack) -> None:
        self._queue, self._home = queue, Stack.of(queue)
        self._is_home = stack is self._home
        self.names = queue.names
        """The physical names of the deployment."""
        if not self._is_home:
            stack.add_stack_dependency(self._home)

    @cached_property
    def arn(self) -> str:
        """Of the queue."""
        own = self._queue.sqs_queue.queue_arn
        return own if self._is_home else Fn.sub(f"{_SQS}:{self.names.queue(self._queue.declared.name)}")

    @cached_property
    def undelivered(self) -> str:
        """ARN of the queue for what cannot be delivered."""
        own = self._queue.undelivered.queue_arn
        return own if self._is_home else Fn.sub(f"{_SQS}:{self.names.undelivered(self._queue.declared.name)}")

    @cached_property
    def role(self) -> str:
        """ARN of the role of schedules; made when the first one asks for it."""
        own = self._queue.schedule_role.role_arn
        name = self.names.schedule_role(self._queue.declared.name, "${AWS::Region}")
        return own if self._is_home else Fn.sub(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{name}")

    @property
    def rules_need(self) -> tuple[IDependable, ...]:
        """What has to stand before the rules do."""
        return self._queue.admission if self._is_home else ()

    @property
    def schedules_need(self) -> tuple[IDependable, ...]:
        """What has to stand before the schedules do."""
        return (self._queue.schedule_role,) if self._is_home else ()

    @cached_property
    def group(self) -> str:
        """What schedules lie in; made when the first one asks for it."""
        group = schedule_group(self._home, self.names)
        return group.ref if self._is_home else self.names.deployment

    @cached_property
    def target(self) -> dict[str, Any]:
        """The `Target` of each schedule as CloudFormation reads it, its `Input` apart."""
        return {
            "Arn": self.arn,
            "RoleArn": self.role,
            "DeadLetterConfig": {"Arn": self.undelivered},
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": delivery.MAX_AGE_SECONDS,
                "MaximumRetryAttempts": delivery.MAX_ATTEMPTS,
            },
        }


_SQS = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}"
"""In pseudo parameters, so that a stack of any account and region means its own."""


def schedule_group(stack: Stack, names: Names) -> scheduler.CfnScheduleGroup:
    """The group of the deployment's schedules; made when the first one asks for it."""
    found = stack.node.try_find_child(f"ScheduleGroup-{names.deployment}")
    if isinstance(found, scheduler.CfnScheduleGroup):
        return found
    return scheduler.CfnScheduleGroup(stack, f"ScheduleGroup-{names.deployment}", name=names.deployment)
