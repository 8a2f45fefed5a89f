"""The queue that workers consume, and all that belongs to it."""

from datetime import timedelta
from functools import cached_property

from aws_cdk import Acknowledgment, Duration, Stack, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from rota.names import Names
from rota.settings import DEFAULT_STAGE, QueueSettings
from rota.targets import Queue
from rota_cdk import alarms, delivery, quotas, validation
from rota_cdk.destination import Destination

RETENTION = Duration.days(7)
"""How long a run waits for a worker before SQS drops it."""
DEAD_RETENTION = Duration.days(14)
"""SQS's longest, and longer than `RETENTION`: a message keeps the time of its first queue when SQS moves it to the dead
letters. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html"""


class JobQueue(Construct):
    """A declared `Queue` on AWS: three SQS queues with their policies, grants, metrics and alarms.

    - `sqs_queue`: the runs that wait; kept for 7 days.
    - `dead_letters`: runs that workers gave up, or that killed `max_deliveries` of them; kept for 14 days.
    - `undelivered`: occurrences that EventBridge could not put into `sqs_queue`; kept for 14 days.

    All take TLS only and are encrypted. Rules of the same manifest and stage may send to `sqs_queue`, whatever their
    number, by one statement of its policy. Servers find them through the settings of a `Rota`; without one, give them
    `ROTA_SETTINGS`, encoded from `rota.settings.Settings` with the `settings` here and those of the `RunLedger`.

    - `queue`: the declaration, as in `Job(target=...)`.
    - `manifest`: the manifest's name. With `stage`, it is part of every physical name.
    - `stage`: which deployment of the manifest this is; "default" unless given.
    - `encryption_key`: a customer-managed key, which then lets EventBridge use it; keys of SQS's own (SSE-SQS) unless
      given.
    - `alarm_topic`: where alarms are sent; they exist without it.
    - `alarm_age`: alarm when the oldest run, waiting or held by a worker, was sent so long ago; 15 minutes unless
      given, None for no alarm. Give more than the longest job takes, or that job raises it.
    - `alarm_depth`: alarm when so many runs have waited for 15 minutes on end; 1000 unless given, None for no alarm.
    - `alarm_dead_letters`: alarm when so many runs lie in `dead_letters`, or occurrences in `undelivered`; 1 unless
      given, None for no alarm.

    Raises `SynthError` for a manifest, stage, key or threshold that cannot be.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's word
        *,
        queue: Queue,
        manifest: str,
        stage: str = DEFAULT_STAGE,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        alarm_age: timedelta | None = alarms.AGE,
        alarm_depth: int | None = alarms.DEPTH,
        alarm_dead_letters: int | None = alarms.DEAD_LETTERS,
    ) -> None:
        super().__init__(scope, id)
        quotas.watch(self)
        validation.check(f"JobQueue {id!r}", queue, validation.QUEUE)
        subject = f"queue {queue.name!r}"
        validation.check(subject, manifest, validation.MANIFEST)
        validation.check(subject, stage, validation.STAGE)
        if encryption_key is not None:
            validation.check(subject, encryption_key, validation.ENCRYPTION_KEY)

        self.declared = queue
        """The `Queue` of the manifest."""
        self.names = Names(manifest, stage)
        """The physical names of this deployment."""
        self.encryption_key = encryption_key
        """The customer-managed key, or None for SSE-SQS."""
        self._seen: dict[Construct, Destination] = {}
        self.group_stack = Stack.of(self)
        """The stack that has the group of the deployment's schedules: one, or there would be two groups of a name."""
        self.dead_letters = self._sqs_queue("DeadLetters", name=self.names.dead_letters(queue.name))
        self.undelivered = self._sqs_queue("Undelivered", name=self.names.undelivered(queue.name))
        self.sqs_queue = self._sqs_queue(
            "Queue",
            name=self.names.queue(queue.name),
            retention=RETENTION,
            visibility_timeout=Duration.seconds(int(queue.visibility_timeout.total_seconds())),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=queue.max_deliveries),
        )
        Validations.of(self.undelivered).acknowledge(
            Acknowledgment(
                id="AwsSolutions::AwsSolutions-SQS3",
                reason="It is the dead-letter queue of rules and schedules, which cdk-nag does not look for.",
            )
        )
        for last in (self.dead_letters, self.undelivered):
            Validations.of(last).acknowledge(
                Acknowledgment(
                    id="Serverless::Serverless-SQSRedrivePolicy",
                    reason="It is a dead-letter queue itself, and nothing consumes it but people.",
                )
            )
        self.admission = delivery.admit_rules(self)
        """The policies that let rules in: a rule that fires before they stand loses its occurrence."""
        self.alarms = alarms.add_to_queue(
            self, topic=alarm_topic, age=alarm_age, depth=alarm_depth, dead_letters=alarm_dead_letters
        )
        """The alarms, by what they watch: "age", "depth", "dead-letters", "undelivered"."""

    def _sqs_queue(
        self,
        id: str,  # noqa: A002
        *,
        name: str,
        retention: Duration = DEAD_RETENTION,
        visibility_timeout: Duration | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            id,
            queue_name=name,
            retention_period=retention,
            visibility_timeout=visibility_timeout,
            dead_letter_queue=dead_letter_queue,
            encryption=sqs.QueueEncryption.KMS if self.encryption_key else sqs.QueueEncryption.SQS_MANAGED,
            encryption_master_key=self.encryption_key,
            enforce_ssl=True,
        )

    @property
    def settings(self) -> QueueSettings:
        """What servers need to know of it."""
        return QueueSettings(
            url=self.sqs_queue.queue_url,
            dead_letter_url=self.dead_letters.queue_url,
            undelivered_url=self.undelivered.queue_url,
        )

    @cached_property
    def schedule_role(self) -> iam.Role:
        """The role with which schedules send to this queue; made when the first one asks for it."""
        return delivery.schedule_role(self)

    def seen_from(self, scope: Construct) -> Destination:
        """What rules and schedules below `scope` are told of the queue."""
        if scope not in self._seen:
            self._seen[scope] = Destination(self, Stack.of(scope))
        return self._seen[scope]

    def grant_enqueue(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee` enqueue: send to the queue and, with a customer's key, use the key."""
        return self._grant(grantee, self.sqs_queue, "sqs:SendMessage")

    def grant_consume(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee` be a worker: receive, extend and delete runs, send them back, and send them to the dead
        letters."""
        worker = ("sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:SendMessage")
        consume = self._grant(grantee, self.sqs_queue, *worker)
        return consume.combine(self._grant(grantee, self.dead_letters, "sqs:SendMessage"))

    def grant_operate(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee` look at the dead letters and the undelivered, and send what lies there to the queue again."""
        # To look is to receive and to make visible again: SQS has no other way.
        clear = ("sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
        # Moves, of one queue's own dead letters, are SQS's. It needs `clear` and the sending besides.
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
        move = ("sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks")
        grant = self._grant(grantee, self.sqs_queue, "sqs:SendMessage", "sqs:GetQueueAttributes")
        grant = grant.combine(self._grant(grantee, self.dead_letters, *clear, *move))
        return grant.combine(self._grant(grantee, self.undelivered, *clear))

    def _grant(self, grantee: iam.IGrantable, queue: sqs.Queue, *actions: str) -> iam.Grant:
        # The L2's grants add kms:GenerateDataKey* and kms:ReEncrypt*; SQS needs these two alone.
        grant = iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[queue.queue_arn])
        if self.encryption_key is None:
            return grant
        return grant.combine(self.encryption_key.grant(grantee, *delivery.KEY_ACTIONS))

    def metric(
        self,
        metric_name: str,
        *,
        queue: sqs.IQueue | None = None,
        statistic: str = "Maximum",
        period: Duration | None = None,
    ) -> cloudwatch.Metric:
        """A metric that SQS writes, of `queue` (the runs that wait, unless given), over 5 minutes unless `period` is
        given.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
        """
        return (queue or self.sqs_queue).metric(metric_name, statistic=statistic, period=period)

    def metric_age(self) -> cloudwatch.Metric:
        """Seconds since the oldest run was sent, whether it waits or a worker holds it. A retry or a hand-back is sent
        anew."""
        return self.metric("ApproximateAgeOfOldestMessage")

    def metric_depth(self) -> cloudwatch.Metric:
        """Runs that wait for a worker."""
        return self.metric("ApproximateNumberOfMessagesVisible")

    def metric_running(self) -> cloudwatch.Metric:
        """Runs that workers hold."""
        return self.metric("ApproximateNumberOfMessagesNotVisible")

    def metric_sent(self) -> cloudwatch.Metric:
        """Messages sent to the queue in the period: runs, their retries and hand-backs."""
        return self.metric("NumberOfMessagesSent", statistic="Sum")

    def metric_dead_letters(self) -> cloudwatch.Metric:
        """Runs that lie in the dead letters."""
        return self.metric("ApproximateNumberOfMessagesVisible", queue=self.dead_letters)

    def metric_undelivered(self) -> cloudwatch.Metric:
        """Occurrences that EventBridge could not deliver."""
        return self.metric("ApproximateNumberOfMessagesVisible", queue=self.undelivered)
