"""The trigger: what posts runs to endpoints, and all that belongs to it."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import jsii
from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct, IConstruct

from rota import keys
from rota.manifest import Job
from rota.names import Names
from rota.settings import DEFAULT_STAGE
from rota.targets import TRIGGER, Endpoint, Queue
from rota.trigger.config import TriggerConfig
from rota_cdk import (
    alarms,
    cross_stack,
    endpoint_limits,
    listener_rules,
    trigger_function,
    trigger_limits,
    trigger_network,
    trigger_servers,
    trigger_services,
    validation,
)
from rota_cdk.endpoints import AlbEndpoint, Place, Places
from rota_cdk.job_queue import JobQueue
from rota_cdk.run_ledger import RunLedger

KEYS_ARN_VARIABLE = "ROTA_KEYS_ARN"
"""The ARN of the secret that holds the keys, for servers that read it from Secrets Manager by themselves."""
METRICS = "rota"
"""The namespace of the trigger's metrics."""


@jsii.implements(ec2.IConnectable)
class FanoutTrigger(Construct):
    """Posts runs to endpoints: the trigger queue, a Lambda that signs and posts, and the secret with the keys.

    `Rota(endpoints=...)` makes one; make your own for what that has no keyword for, and give it as `Rota(trigger=...)`.

    The function stands in the VPC of the internal load balancers among its endpoints, whose security groups then let
    it in, and outside of any VPC where there are none. In subnets without a way out the VPC needs interface endpoints;
    the synth says which.

    - `endpoints`: where each endpoint is, by its declaration, or by its name if it is declared with defaults alone.
    - `manifest`, `stage`: part of every physical name; "rota" and "default" unless given. One trigger for each.
    - `ledger`: the `RunLedger` in which the servers claim runs; without it, a run whose outcome nobody knows is not
      posted again unless its job is idempotent. `Rota(trigger=...)` takes it over, and asks for it.
    - `reserved_concurrency`: how many calls of the function may run at once, and are kept free for it, 2 or more; no
      limit of its own unless given. Each posts up to 10 runs.
    - `log_retention`: how long its log is kept; a month unless given.
    - `vpc`, `vpc_subnets`: where the function stands, if what is said above does not fit; the VPC's private subnets
      unless given.
    - `encryption_key`: a customer-managed key for queue and secret; keys of AWS's own unless given.
    - `alarm_topic`, `alarm_age`, `alarm_depth`, `alarm_dead_letters`: of the trigger queue; see `JobQueue`.

    Raises `SynthError`, naming the endpoint, for what AWS would refuse or what no server would get.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's word
        *,
        endpoints: Places,
        manifest: str = "rota",
        stage: str = DEFAULT_STAGE,
        ledger: RunLedger | None = None,
        reserved_concurrency: int | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        alarm_age: timedelta | None = alarms.AGE,
        alarm_depth: int | None = alarms.DEPTH,
        alarm_dead_letters: int | None = alarms.DEAD_LETTERS,
    ) -> None:
        super().__init__(scope, id)
        subject = f"FanoutTrigger {id!r}"
        validation.check(subject, reserved_concurrency, trigger_limits.CONCURRENCY)
        if ledger is not None:
            validation.check(subject, (ledger.names, Names(manifest, stage)), validation.LEDGER)
        declared = [(Endpoint(name=key) if isinstance(key, str) else key, place) for key, place in endpoints.items()]
        validation.check(subject, [endpoint.name for endpoint, _ in declared], trigger_limits.ENDPOINTS)
        for endpoint, place in declared:
            endpoint_limits.check(self, endpoint, place)
        self.endpoints: Mapping[str, Endpoint] = MappingProxyType({endpoint.name: endpoint for endpoint, _ in declared})
        """The endpoints by their names."""
        self.places: Mapping[str, Place] = MappingProxyType({endpoint.name: place for endpoint, place in declared})
        """Where each is, by its name."""
        validation.check(subject, self.places, trigger_limits.PRIORITIES)
        validation.check(subject, declared, trigger_limits.APART)
        network = trigger_network.network_of(subject, self.places, vpc, vpc_subnets)
        timeout = max(endpoint.idle_timeout for endpoint, _ in declared) + endpoint_limits.AROUND
        self.names = Names(manifest, stage)
        """The physical names of this deployment."""
        self.ledger = ledger
        """Where the servers claim runs; None where nobody has said."""
        self.queue = JobQueue(
            self,
            "Queue",
            # Six times, as AWS advises, so that a call has ended before its messages come again.
            # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
            queue=Queue(name=TRIGGER.name, visibility_timeout=6 * timeout, max_deliveries=TRIGGER.max_deliveries),
            manifest=manifest,
            stage=stage,
            encryption_key=encryption_key,
            alarm_topic=alarm_topic,
            alarm_age=alarm_age,
            alarm_depth=alarm_depth,
            alarm_dead_letters=alarm_dead_letters,
        )
        """The trigger queue: where runs for endpoints wait, with its dead letters and alarms."""
        self.secret = _secret(self, self.names, encryption_key)
        """The keys. For servers of other languages on ECS:
        `secrets={"ROTA_KEYS": ecs.Secret.from_secrets_manager(trigger.secret)}`; a task then sees a rotation when it
        starts anew."""
        self.log_group = logs.LogGroup(self, "Log", retention=log_retention)
        """The function's log."""
        self.security_group: ec2.SecurityGroup | None = None
        """The function's, in a VPC; None outside of any."""
        if network is not None:
            self.security_group = trigger_network.group(self, network.vpc, self.names.deployment)
            trigger_network.admit(self, self.security_group, self.places)
            trigger_services.require(self, subject, network, self.places)
            trigger_services.connect(self.security_group, network.vpc)
        role = trigger_function.role(self, self.queue, self.secret, self.log_group, in_vpc=network is not None)
        trigger_servers.watch(self, role, self.places, network.vpc if network else None)
        config = TriggerConfig(
            deployment=self.names.deployment,
            queue=self.queue.sqs_queue.queue_url,
            dead_letters=self.queue.dead_letters.queue_url,
            secret=self.secret.secret_arn,
            endpoints={
                endpoint.name: place.config(endpoint, ledger=ledger is not None) for endpoint, place in declared
            },
        ).encode()
        validation.check(subject, [config], trigger_limits.CONFIG)
        self.function = trigger_function.function(
            self,
            self.queue,
            role=role,
            log_group=self.log_group,
            config=config,
            timeout=timeout,
            reserved_concurrency=reserved_concurrency,
            network=network,
            security_group=self.security_group,
        )
        """The Lambda."""
        for endpoint, place in declared:
            if isinstance(place, AlbEndpoint) and place.priority is not None:
                listener_rules.add(self, endpoint, place, place.priority)

    @property
    def connections(self) -> ec2.Connections:
        """The function's, for `trigger.connections.allow_to(service, ec2.Port.tcp(8080))`, which may stand in another
        stack; of none outside a VPC."""
        return ec2.Connections(security_groups=[self.security_group] if self.security_group else None)

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for servers of other languages: where the keys are. With `grant_verify`."""
        return {KEYS_ARN_VARIABLE: self.secret.secret_arn}

    def check(self, job: Job[Any]) -> None:
        """Raises `SynthError`, naming the job, where the trigger cannot post its runs."""
        validation.check(f"job {job.name!r}", (job, self.endpoints), trigger_limits.JOB)
        trigger_servers.check(job, self.places)

    def grant_enqueue(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee` enqueue runs for endpoints: send to the trigger queue."""
        return self.queue.grant_enqueue(self._near(grantee))

    def grant_operate(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee` look at the trigger's dead letters and undelivered, and send what lies there again."""
        return self.queue.grant_operate(self._near(grantee))

    def grant_verify(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee`, a server, read the keys, by which it tells that a request is the trigger's."""
        return trigger_function.may_read(self.secret, self._near(grantee))

    def grant_rotate(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee`, a person with the command line, use `rota keys list`, `rotate` and `revoke`."""
        # The label is what moves: PutSecretValue has no condition, and two who rotate at once must not both count.
        actions = "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"
        return trigger_function.may_read(self.secret, self._near(grantee), *actions)

    @property
    def needed(self) -> list[IConstruct]:
        """What its endpoints stand behind."""
        return cross_stack.of_places(self.places.values())

    def _near(self, grantee: iam.IGrantable) -> iam.IGrantable:
        return cross_stack.near(self, grantee, needed=self.needed, policy=f"{self.names.deployment}_trigger")

    def metric(
        self,
        metric_name: str,
        *,
        job: str,
        endpoint: str,
        statistic: str = "Sum",
        period: Duration | None = None,
    ) -> cloudwatch.Metric:
        """A metric that the trigger writes of a job at an endpoint, over 5 minutes unless `period` is given."""
        return cloudwatch.Metric(
            namespace=METRICS,
            metric_name=metric_name,
            dimensions_map={"deployment": self.names.deployment, "job": job, "endpoint": endpoint},
            statistic=statistic,
            period=period,
        )

    def metric_posted(self, *, job: str, endpoint: str) -> cloudwatch.Metric:
        """Requests sent in the period, retries included."""
        return self.metric("Posted", job=job, endpoint=endpoint)

    def metric_succeeded(self, *, job: str, endpoint: str) -> cloudwatch.Metric:
        """Runs done in the period, or rightly not done."""
        return self.metric("Succeeded", job=job, endpoint=endpoint)

    def metric_failed(self, *, job: str, endpoint: str) -> cloudwatch.Metric:
        """Attempts that failed in the period."""
        return self.metric("Failed", job=job, endpoint=endpoint)

    def metric_unknown(self, *, job: str, endpoint: str) -> cloudwatch.Metric:
        """Requests in the period of which nobody knows whether they were carried out."""
        return self.metric("Unknown", job=job, endpoint=endpoint)

    def metric_not_started(self, *, job: str, endpoint: str) -> cloudwatch.Metric:
        """Requests in the period that no server took."""
        return self.metric("NotStarted", job=job, endpoint=endpoint)

    def metric_dead_lettered(self, *, job: str, endpoint: str) -> cloudwatch.Metric:
        """Runs given up in the period."""
        return self.metric("DeadLettered", job=job, endpoint=endpoint)

    def metric_duration(self, *, job: str, endpoint: str) -> cloudwatch.Metric:
        """Milliseconds from a request to its answer; the 95th percentile."""
        return self.metric("Duration", job=job, endpoint=endpoint, statistic="p95")

    def metric_servers(self, *, job: str, endpoint: str) -> cloudwatch.Metric:
        """The healthy servers that a run for every server found, at the least."""
        return self.metric("Servers", job=job, endpoint=endpoint, statistic="Minimum")

    def metric_servers_joined(self, *, job: str, endpoint: str) -> cloudwatch.Metric:
        """Servers in the period that a run for every server found, and the one before it did not."""
        return self.metric("ServersJoined", job=job, endpoint=endpoint)

    def metric_servers_left(self, *, job: str, endpoint: str) -> cloudwatch.Metric:
        """Servers in the period that a run for every server did not find any more."""
        return self.metric("ServersLeft", job=job, endpoint=endpoint)


def _secret(scope: Construct, names: Names, encryption_key: kms.IKey | None) -> secretsmanager.Secret:
    made = secretsmanager.Secret(
        scope,
        "Keys",
        description=f"The keys with which the trigger of {names.deployment} signs; see rota keys",
        encryption_key=encryption_key,
        # Secrets Manager writes the first key, so that no template has it. Never change this: CloudFormation would
        # write a new secret over what has been rotated since.
        generate_secret_string=secretsmanager.SecretStringGenerator(
            secret_string_template='{"keys":[]}',  # noqa: S106 - it holds none yet
            generate_string_key=keys.FIRST,
            password_length=keys.FIRST_LENGTH,
            exclude_punctuation=True,
            include_space=False,
        ),
    )
    Validations.of(made).acknowledge(
        Acknowledgment(
            id="AwsSolutions::AwsSolutions-SMG4",
            reason="Rotated by `rota keys rotate`, whenever its owners say: Secrets Manager's rotation takes a Lambda "
            "that may write the keys, and runs unwatched.",
        )
    )
    return made
