"""A queue, as the rules and schedules of a stack are told of it."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from aws_cdk import Fn, Stack, Token
from aws_cdk import aws_scheduler as scheduler
from aws_cdk.region_info import RegionInfo
from constructs import IDependable

from rota.names import Names

if TYPE_CHECKING:
    from rota_cdk.job_queue import JobQueue


class Destination:
    """`queue` as seen from `stack`: in its own by reference. From another one by name, so that neither can keep the
    other from changing, as an export would; that one is deployed later, and belongs to the same account and region."""

    def __init__(self, queue: "JobQueue", stack: Stack) -> None:
        self._queue, self._home = queue, Stack.of(queue)
        self._stack, self._is_home = stack, stack is self._home
        self.names = queue.names
        """The physical names of the deployment."""
        if not self._is_home:
            stack.add_stack_dependency(self._home)

    @cached_property
    def arn(self) -> str:
        """Of the queue."""
        own = self._queue.sqs_queue.queue_arn
        return own if self._is_home else self._spelled(f"{_SQS}:{self.names.queue(self._queue.declared.name)}")

    @cached_property
    def undelivered(self) -> str:
        """ARN of the queue for what cannot be delivered."""
        own = self._queue.undelivered.queue_arn
        return own if self._is_home else self._spelled(f"{_SQS}:{self.names.undelivered(self._queue.declared.name)}")

    @cached_property
    def role(self) -> str:
        """ARN of the role of schedules; made when the first one asks for it."""
        own = self._queue.schedule_role.role_arn
        name = self.names.schedule_role(self._queue.declared.name, "${AWS::Region}")
        return own if self._is_home else self._spelled(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{name}")

    def _spelled(self, arn: str) -> str:
        """Without pseudo parameters where the account and region of the stack are known, for whoever reads it in a
        template or a diff."""
        account, region = self._home.account, self._home.region
        partition = None if Token.is_unresolved(region) else RegionInfo.get(region).partition
        if partition is None or Token.is_unresolved(account):
            return Fn.sub(arn)
        known = {"Partition": partition, "AccountId": account, "Region": region}
        for name, value in known.items():
            arn = arn.replace(f"${{AWS::{name}}}", value)
        return arn

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
        """What schedules lie in; made when the first one asks for it, in the one stack that has it."""
        owner = self._queue.group_stack
        group = schedule_group(owner, self.names)
        return group.ref if self._stack is owner else self.names.deployment

    @cached_property
    def target(self) -> dict[str, Any]:
        """The `Target` of each schedule as CloudFormation reads it, its `Input` apart."""
        # No RetryPolicy: what it would say, 24 hours and 185 attempts, is the default, and ten thousand of them cost.
        # https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html
        return {"Arn": self.arn, "RoleArn": self.role, "DeadLetterConfig": {"Arn": self.undelivered}}


_SQS = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}"
"""In pseudo parameters, so that a stack of any account and region means its own."""


def schedule_group(stack: Stack, names: Names) -> scheduler.CfnScheduleGroup:
    """The group of the deployment's schedules; made when the first one asks for it."""
    found = stack.node.try_find_child(f"ScheduleGroup-{names.deployment}")
    if isinstance(found, scheduler.CfnScheduleGroup):
        return found
    return scheduler.CfnScheduleGroup(stack, f"ScheduleGroup-{names.deployment}", name=names.deployment)
