"""The trigger's function, and the role that it has."""

from datetime import timedelta

from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from rota.trigger.config import VARIABLE
from rota_cdk import trigger_asset
from rota_cdk.job_queue import JobQueue
from rota_cdk.trigger_limits import MAX_CONCURRENCY
from rota_cdk.trigger_network import Network

BATCH_SIZE = 10
"""Messages that one call of the function gets, at the most; it handles them in parallel."""
MEMORY = 256
"""MB. The function waits more than it works, and CPU comes with memory: with less, a cold start takes longer."""

_PYTHONS = ("PYTHON_3_14", "PYTHON_3_13")
"""Newest first; an older aws-cdk-lib does not know the newest."""
_IN_A_VPC = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions"""


def runtime() -> lambda_.Runtime:
    """The newest Python that the installed aws-cdk-lib and the trigger both know."""
    found: lambda_.Runtime = next(getattr(lambda_.Runtime, name) for name in _PYTHONS if hasattr(lambda_.Runtime, name))
    return found


def role(
    scope: Construct, queue: JobQueue, secret: secretsmanager.Secret, log_group: logs.LogGroup, *, in_vpc: bool
) -> iam.Role:
    """What the function may do: consume the trigger queue, send there and to its dead letters, read the keys, log.

    AWS's managed policies would allow it all log groups of the account.
    """
    made = iam.Role(
        scope,
        "Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description=f"The trigger of {queue.names.deployment} takes runs from its queue and posts them",
    )
    queue.grant_consume(made)
    # The event source mapping asks for it.
    iam.Grant.add_to_principal(
        grantee=made, actions=["sqs:GetQueueAttributes"], resource_arns=[queue.sqs_queue.queue_arn]
    )
    may_read(secret, made)
    iam.Grant.add_to_principal(
        grantee=made,
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resource_arns=[log_group.log_group_arn],
    )
    if in_vpc:
        made.add_to_policy(iam.PolicyStatement(actions=list(_IN_A_VPC), resources=["*"]))
    Validations.of(made).acknowledge(
        Acknowledgment(
            id="AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            reason="Writing traces (X-Ray), making network interfaces, and asking for targets of a target group and "
            "their instances take no resource: AWS allows these actions on all or on none.",
        )
    )
    return made


def may_read(secret: secretsmanager.Secret, grantee: iam.IGrantable, *more: str) -> iam.Grant:
    """Lets `grantee` read the keys, and do with the secret what `more` says."""
    # The L2's grants add secretsmanager:DescribeSecret, for which nobody here asks.
    actions = ["secretsmanager:GetSecretValue", *more]
    grant = iam.Grant.add_to_principal(grantee=grantee, actions=actions, resource_arns=[secret.secret_arn])
    if secret.encryption_key is None:
        return grant
    key_actions = ["kms:Decrypt", *(["kms:GenerateDataKey"] if more else [])]
    return grant.combine(secret.encryption_key.grant(grantee, *key_actions))


def function(
    scope: Construct,
    queue: JobQueue,
    *,
    role: iam.Role,
    log_group: logs.LogGroup,
    config: str,
    timeout: timedelta,
    reserved_concurrency: int | None,
    network: Network | None,
    security_group: ec2.SecurityGroup | None,
) -> lambda_.Function:
    """The function, fed by the queue."""
    made = lambda_.Function(
        scope,
        "Function",
        description=f"Posts the runs of {queue.names.deployment} to its endpoints, signed",
        code=trigger_asset.code(scope),
        handler=trigger_asset.HANDLER,
        runtime=runtime(),
        architecture=lambda_.Architecture.ARM_64,
        memory_size=MEMORY,
        timeout=Duration.seconds(int(timeout.total_seconds())),
        environment={VARIABLE: config},
        role=role,
        log_group=log_group,
        tracing=lambda_.Tracing.ACTIVE,
        reserved_concurrent_executions=reserved_concurrency,
        vpc=network.vpc if network else None,
        vpc_subnets=ec2.SubnetSelection(subnets=network.subnets.subnets) if network else None,
        security_groups=[security_group] if security_group else None,
        # They have no way out for a function, which CDK warns of. Here it counts as none: see `trigger_network`.
        allow_public_subnet=True if network else None,
    )
    Validations.of(made).acknowledge(
        Acknowledgment(
            id="Serverless::Serverless-LambdaDLQ",
            reason="It is called for messages of its queue alone, which has dead letters; a dead-letter target is for "
            "asynchronous calls.",
        ),
        Acknowledgment(
            id="Serverless::Serverless-LambdaEventSourceMappingDestination",
            reason="Of an SQS queue, that is the queue's own redrive policy, which it has.",
        ),
    )
    made.add_event_source_mapping(
        "Messages",
        event_source_arn=queue.sqs_queue.queue_arn,
        batch_size=BATCH_SIZE,
        report_batch_item_failures=True,
        max_concurrency=None if reserved_concurrency is None else min(reserved_concurrency, MAX_CONCURRENCY),
    )
    return made
