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
        return self._queue.sqs_queue.queue_arn if self._is_home else Fn.sub(self._arn)

    @cached_property
    def undelivered(self) -> str:
        """ARN of the queue for what cannot be delivered."""
        return self._queue.undelivered.queue_arn if self._is_home else Fn.sub(self._undelivered)

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
        """The `Target` of each schedule as CloudFormation reads it, its `Input` apart; in another stack without
        Tokens."""
        role = self._queue.schedule_role  # made when it is first asked for
        by_name = not self._is_home
        return {
            "Arn": {"Fn::Sub": self._arn} if by_name else self.arn,
            "RoleArn": {"Fn::Sub": self._role} if by_name else role.role_arn,
            "DeadLetterConfig": {"Arn": {"Fn::Sub": self._undelivered} if by_name else self.undelivered},
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": delivery.MAX_AGE_SECONDS,
                "MaximumRetryAttempts": delivery.MAX_ATTEMPTS,
            },
        }

    # In pseudo parameters, so that a stack of any account and region means its own.

    @property
    def _arn(self) -> str:
        return f"{_SQS}:{self.names.queue(self._queue.declared.name)}"

    @property
    def _undelivered(self) -> str:
        return f"{_SQS}:{self.names.undelivered(self._queue.declared.name)}"

    @property
    def _role(self) -> str:
        name = self.names.schedule_role(self._queue.declared.name, "${AWS::Region}")
        return f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{name}"


_SQS = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}"


def schedule_group(stack: Stack, names: Names) -> scheduler.CfnScheduleGroup:
    """The group of the deployment's schedules; made when the first one asks for it."""
    found = stack.node.try_find_child(f"ScheduleGroup-{names.deployment}")
    if isinstance(found, scheduler.CfnScheduleGroup):
        return found
    return scheduler.CfnScheduleGroup(stack, f"ScheduleGroup-{names.deployment}", name=names.deployment)
