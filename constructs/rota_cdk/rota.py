"""Everything that a manifest declares, in one construct."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from rota.manifest import Job, Manifest
from rota.names import Names
from rota.settings import (
    DEFAULT_STAGE,
    SETTINGS_VARIABLE,
    STAGE_VARIABLE,
    LedgerSettings,
    QueueSettings,
    Settings,
    parameter_name,
)
from rota.targets import TRIGGER
from rota_cdk import alarms, cross_stack, due_together, rota_limits, trigger_limits, validation
from rota_cdk.destination import schedule_group
from rota_cdk.endpoints import Places
from rota_cdk.fanout_trigger import FanoutTrigger
from rota_cdk.job_queue import JobQueue
from rota_cdk.rota_limits import Told
from rota_cdk.run_ledger import RunLedger
from rota_cdk.scheduled_jobs import ScheduledJobs
from rota_cdk.shards import LIMITS as SHARDS
from rota_cdk.shards import Wanted, make_shards
from rota_cdk.validation import SchedulesWith


class Rota(Construct):
    """A deployment of a manifest: a `JobQueue` for each queue, a `FanoutTrigger` for the endpoints, a rule or
    schedule for each job that has one, a `RunLedger`, and the settings that servers read.

    Each stage of a manifest is a deployment of its own; several live side by side in an account, or a stack.

    - `manifest`: what to deploy.
    - `stage`: up to 16 lower-case letters and digits; "default" unless given. Servers choose theirs with `ROTA_STAGE`.
      Another stage means other queues: do not change it while runs wait.
    - `schedules_with`: "rules" (unless given) makes EventBridge rules of what a rule can do; "scheduler" makes all of
      them schedules, of which an account has ten million and not 300. While a deploy switches, a job's rule and
      schedule may both stand: what is due then may arrive twice, with one run id.
    - `endpoints`: where each endpoint of the manifest is, by name or declaration: `AlbEndpoint` or `UrlEndpoint`.
    - `trigger`: a `FanoutTrigger` of this manifest, stage and encryption key, with a ledger, where its defaults do not
      fit; made here, of `endpoints`, unless given. It has alarms of its own.
    - `together`: names of jobs that one rule makes due, in groups, `[["refresh-prices", "drop-caches"]]`: jobs of
      endpoints that have one schedule. Each still has runs of its own.
    - `shards`: spreads the jobs over so many stacks, `<stack>-Shard00of32` and so on, by a hash of the name, for
      CloudFormation takes 500 resources in one; 1 to 999, one for each 200 jobs that there may be some day. They refer
      to queues and role by name; deploy with `cdk deploy --all`. Do not change it without need: with another number all
      stacks are new, and those of the old one make the same runs due until you delete them, which is to be done. See
      `docs/how-to/ten-thousand-jobs.md`. None, unless given, for all jobs in this stack.
    - `ledger`: a `RunLedger` of this manifest and stage, where its defaults do not fit; that of `trigger`, or made
      here, unless given, also for a manifest that has nothing to record yet, for an unused one costs nothing.
    - `encryption_key`, `alarm_topic`: for each queue, and for the ledger unless it is given.
    - `alarm_age`, `alarm_depth`, `alarm_dead_letters`: for each queue, the trigger's too; see `JobQueue`.

    Raises `SynthError` for what AWS would refuse.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's word
        *,
        manifest: Manifest,
        stage: str = DEFAULT_STAGE,
        schedules_with: SchedulesWith = "rules",
        endpoints: Places | None = None,
        trigger: FanoutTrigger | None = None,
        together: Sequence[Sequence[str]] = (),
        shards: int | None = None,
        ledger: RunLedger | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        alarm_age: timedelta | None = alarms.AGE,
        alarm_depth: int | None = alarms.DEPTH,
        alarm_dead_letters: int | None = alarms.DEAD_LETTERS,
    ) -> None:
        super().__init__(scope, id)
        subject = f"manifest {manifest.name!r}"
        validation.check(subject, stage, validation.STAGE)
        validation.check(subject, schedules_with, validation.SCHEDULES_WITH)
        if ledger is not None:
            validation.check(subject, (ledger.names, Names(manifest.name, stage)), validation.LEDGER)
        told = Told(manifest, stage, endpoints, trigger, ledger, encryption_key)
        validation.check(subject, told, rota_limits.ENDPOINTS)
        due = due_together.groups(manifest, together)
        if shards is not None:
            wanted = Wanted(shards, Stack.of(self), Names(manifest.name, stage))
            validation.check(subject, wanted, SHARDS)
        self.shards: tuple[Stack, ...] = () if shards is None else make_shards(self, shards)
        """The stacks that the jobs are spread over; none where they are in the stack of everything else."""
        validation.check(subject, _longest_settings(manifest, stage, _together(due)), validation.SETTINGS)
        # Upper case in the ids that are not a job's name, for no job's name has any: each job is found under its own.
        self.queues: Mapping[str, JobQueue] = MappingProxyType(
            {
                queue.name: JobQueue(
                    self,
                    f"Queue-{queue.name}",
                    queue=queue,
                    manifest=manifest.name,
                    stage=stage,
                    encryption_key=encryption_key,
                    alarm_topic=alarm_topic,
                    alarm_age=alarm_age,
                    alarm_depth=alarm_depth,
                    alarm_dead_letters=alarm_dead_letters,
                )
                for queue in manifest.queues
            }
        )
        """The queues by their declared names."""
        self.ledger = (
            ledger
            or (trigger.ledger if trigger else None)
            or RunLedger(
                self,
                "Ledger",
                manifest=manifest.name,
                stage=stage,
                encryption_key=encryption_key,
                alarm_topic=alarm_topic,
            )
        )
        """Where workers claim runs."""
        if manifest.endpoints and trigger is None:
            given = {key if isinstance(key, str) else key.name: place for key, place in (endpoints or {}).items()}
            trigger = FanoutTrigger(
                self,
                "Trigger",
                endpoints={endpoint: given[endpoint.name] for endpoint in manifest.endpoints},
                manifest=manifest.name,
                stage=stage,
                ledger=self.ledger,
                encryption_key=encryption_key,
                alarm_topic=alarm_topic,
                alarm_age=alarm_age,
                alarm_depth=alarm_depth,
                alarm_dead_letters=alarm_dead_letters,
            )
        self.trigger = trigger
        """What posts runs to the endpoints; None where the manifest has none."""
        for job in manifest.jobs:
            if trigger is not None and job.endpoints:
                trigger.check(job)  # also what is enqueued alone
        for queue in self._with_trigger.values():
            queue.group_stack = Stack.of(self)
            if self.shards or Stack.of(queue) is not Stack.of(self):
                # Whether a schedule needs it now or not: that stack is deployed first, and must not take from schedules
                # what they still need. Scheduler deletes what lies in a group with the group.
                queue.schedule_role  # noqa: B018 - made when it is asked for
        if self.shards:
            schedule_group(Stack.of(self), Names(manifest.name, stage))
        self._jobs = ScheduledJobs(
            self,
            due,
            queues=self.queues,
            trigger=trigger,
            ledger=self.ledger,
            schedules_with=schedules_with,
            shards=self.shards,
        )
        self.jobs: Mapping[str, Construct] = self._jobs
        """The jobs that have a schedule, by name, each a construct of its own, to be tagged or acknowledged: a
        `ScheduledJob`; of what is a schedule in a shard, the first `CfnSchedule`. Those that are due together share
        one."""
        self.settings = Settings(
            manifest=manifest.name,
            stage=stage,
            queues={name: queue.settings for name, queue in self._with_trigger.items()},
            ledger=self.ledger.settings,
            keys=trigger.secret.secret_arn if trigger else None,
            together=_together(due),
        )
        """What servers of this deployment need to know: names and URLs alone."""
        self.parameter = ssm.StringParameter(
            self,
            "Settings",
            parameter_name=parameter_name(manifest.name, stage),
            string_value=self.settings.encode(),
            description=f"Where the servers of {manifest.name} find their queues and ledger; written by rota",
            # SSM makes it an advanced one past 4 KB. To ask for a tier would fail when it shrinks again.
            tier=ssm.ParameterTier.INTELLIGENT_TIERING,
        )
        """The SSM parameter that holds the settings."""

    @property
    def _with_trigger(self) -> dict[str, JobQueue]:
        """Every queue by its name, the trigger's too."""
        return {**self.queues} | ({TRIGGER.name: self.trigger.queue} if self.trigger else {})

    def resources(self, job: str) -> tuple[CfnResource, ...]:
        """The rules (`CfnRule`) or schedules (`CfnSchedule`) of a job, by its name: for `add_property_override`, with
        shards and without. Raises `KeyError` for a job that has no schedule."""
        return self._jobs.resources(job)

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for containers and functions, which then need not read the parameter. Not for those in
        the load balancer's stack, where that is another one, for this one depends on it: give them `ROTA_STAGE`."""
        return {STAGE_VARIABLE: self.settings.stage, SETTINGS_VARIABLE: self.settings.encode()}

    def grant_enqueue(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee` use `Client(manifest)`: read the settings, and enqueue on every queue, the trigger's too."""
        grantee = self._near(grantee)
        grant = self._grant_settings(grantee)
        for queue in self._with_trigger.values():
            grant = grant.combine(queue.grant_enqueue(grantee))
        return grant

    def grant_consume(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee` use `Worker(manifest)`: read the settings, consume every queue, and claim runs."""
        grantee = self._near(grantee)
        grant = self._grant_settings(grantee).combine(self.ledger.grant_claim(grantee))
        for queue in self.queues.values():
            grant = grant.combine(queue.grant_consume(grantee))
        return grant

    def grant_operate(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee`, a person with the command line, use `rota runs`, `show`, `dead`, `redrive`, `run` and
        `enqueue`: read the settings and the ledger, empty the dead letters and the undelivered, and enqueue on every
        queue, the trigger's too. Not to consume, nor to see the keys."""
        grantee = self._near(grantee)
        grant = self._grant_settings(grantee).combine(self.ledger.grant_read(grantee))
        for queue in self._with_trigger.values():
            grant = grant.combine(queue.grant_operate(grantee))
        return grant

    def grant_verify(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee`, a server with `RotaMiddleware`, take runs over HTTP: read the settings and the keys, and
        claim runs."""
        grantee = self._near(grantee)
        grant = self._grant_settings(grantee).combine(self.ledger.grant_claim(grantee))
        return grant if self.trigger is None else grant.combine(self.trigger.grant_verify(grantee))

    def grant_rotate(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee`, a person with the command line, use `rota keys list`, `rotate` and `revoke`: read the
        settings, read and write the keys."""
        grantee = self._near(grantee)
        grant = self._grant_settings(grantee)
        return grant if self.trigger is None else grant.combine(self.trigger.grant_rotate(grantee))

    def _near(self, grantee: iam.IGrantable) -> iam.IGrantable:
        needed = [self.ledger, *([self.trigger, *self.trigger.needed] if self.trigger else [])]
        return cross_stack.near(self, grantee, needed=needed, policy=f"{self.ledger.names.deployment}_rota")

    def _grant_settings(self, grantee: iam.IGrantable) -> iam.Grant:
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["ssm:GetParameter"], resource_arns=[self.parameter.parameter_arn]
        )


def _longest_settings(manifest: Manifest, stage: str, together: Sequence[Sequence[str]]) -> str:
    """The settings with URLs as long as they can be; the real ones are known only at deploy."""
    names = Names(manifest.name, stage)
    host = "https://sqs.ap-southeast-1.amazonaws.com.cn/123456789012/"
    queues = {
        queue.name: QueueSettings(
            url=host + names.queue(queue.name),
            dead_letter_url=host + names.dead_letters(queue.name),
            undelivered_url=host + names.undelivered(queue.name),
        )
        for queue in (*manifest.queues, *([TRIGGER] if manifest.endpoints else []))
    }
    return Settings(
        manifest=manifest.name,
        stage=stage,
        queues=queues,
        ledger=LedgerSettings(table=names.ledger),
        keys="x" * trigger_limits.LONGEST if manifest.endpoints else None,
        together=together,
    ).encode()


def _together(due: Sequence[Sequence[Job[Any]]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(job.name for job in jobs) for jobs in due if len(jobs) > 1)
