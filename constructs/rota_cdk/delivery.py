"""How EventBridge gets into a queue: policies and a role of constant size, whatever the number of jobs.

An L2 target would add a statement for each rule, and SQS takes 20 in a policy.
"""

from typing import TYPE_CHECKING

from aws_cdk import Annotations, Stack
from aws_cdk import aws_iam as iam
from constructs import IDependable

if TYPE_CHECKING:
    from rota_cdk.job_queue import JobQueue

KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")
"""What sending to an encrypted queue takes, and receiving too.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"""

MAX_AGE_SECONDS = 24 * 60 * 60
MAX_ATTEMPTS = 185
"""How long and how often EventBridge tries to deliver before an occurrence goes to the undelivered: its longest, which
are its defaults too, written down so that they are seen.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""

_EVENTS = "events.amazonaws.com"
_SCHEDULER = "scheduler.amazonaws.com"


def admit_rules(queue: "JobQueue") -> tuple[IDependable, ...]:
    """Lets the rules of the queue's deployment send to it and to its undelivered.

    Gives the policies that do so: a rule has to wait for them, because EventBridge does not try again what it was not
    allowed to send.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    """
    _let_rules_use_the_key(queue)
    stack = Stack.of(queue)
    rules = stack.format_arn(service="events", resource="rule", resource_name=queue.names.every_rule)
    added = [
        target.add_to_resource_policy(
            iam.PolicyStatement(
                sid="RulesOfThisDeployment",
                principals=[iam.ServicePrincipal(_EVENTS)],
                actions=["sqs:SendMessage"],
                resources=[target.queue_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": rules},
                },
            )
        )
        for target in (queue.sqs_queue, queue.undelivered)
    ]
    return tuple(result.policy_dependable for result in added if result.policy_dependable is not None)


def _let_rules_use_the_key(queue: "JobQueue") -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html#compatibility-with-aws-services"""
    if queue.encryption_key is None:
        return
    result = queue.encryption_key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(_EVENTS)],
            actions=list(KEY_ACTIONS),
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": Stack.of(queue).account}},
        )
    )
    if not result.statement_added:
        Annotations.of(queue).add_warning_v2(
            "rota:imported-key",
            f"queue {queue.declared.name!r}: encryption_key is imported, its policy cannot be changed from here; let "
            f"{_EVENTS} use {' and '.join(KEY_ACTIONS)} there, or no occurrence will arrive",
        )


def schedule_role(queue: "JobQueue") -> iam.Role:
    """The role that Scheduler takes on to send to the queue and to its undelivered.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    stack = Stack.of(queue)
    group = stack.format_arn(service="scheduler", resource="schedule-group", resource_name=queue.names.deployment)
    role = iam.Role(
        queue,
        "ScheduleRole",
        # Named, for other stacks know it by its name.
        role_name=queue.names.schedule_role(queue.declared.name, stack.region),
        assumed_by=iam.ServicePrincipal(
            _SCHEDULER,
            conditions={"StringEquals": {"aws:SourceAccount": stack.account, "aws:SourceArn": group}},
        ),
        description=f"Schedules of {queue.names.deployment} send to {queue.declared.name}",
    )
    iam.Grant.add_to_principal(
        grantee=role,
        actions=["sqs:SendMessage"],
        resource_arns=[queue.sqs_queue.queue_arn, queue.undelivered.queue_arn],
    )
    if queue.encryption_key is not None:
        queue.encryption_key.grant(role, *KEY_ACTIONS)
    return role
