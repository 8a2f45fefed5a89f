"""The table in which workers claim runs, and all that belongs to it."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from rota.names import Names
from rota.settings import DEFAULT_STAGE, LedgerSettings
from rota_cdk import alarms, quotas, validation

CLAIM_ACTIONS = ("dynamodb:GetItem", "dynamodb:PutItem")
"""All that a worker asks of the table. A transaction has no action of its own: it takes those of what is in it.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html"""
READ_ACTIONS = ("dynamodb:GetItem", "dynamodb:Query")
READ_KEY_ACTIONS = ("kms:Decrypt", "kms:DescribeKey")
CLAIM_KEY_ACTIONS = (
    *READ_KEY_ACTIONS,
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
"""What AWS names for those in whose name DynamoDB uses a customer's key, but for grants, which the table's owner makes.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html"""


class RunLedger(Construct):
    """The ledger of a deployment on AWS: one DynamoDB table for runs, locks and unique keys, with its grants, metrics
    and alarms.

    Paid by the request, so an unused one costs nothing. Encrypted, and protected from deletion. Items go 45 days after
    their last write, by the table's TTL. Servers find it through the settings of a `Rota`, which makes one by itself;
    make your own for what `Rota` has no keyword for, and give it as `Rota(ledger=...)`.

    - `manifest`: the manifest's name. With `stage`, it is the table's: `<manifest>-<stage>_ledger`.
    - `stage`: which deployment of the manifest this is; "default" unless given.
    - `encryption_key`: a customer-managed key, which the grants then include; a key of DynamoDB's own unless given.
    - `point_in_time_recovery`: keep backups of every second of the last 35 days; True unless given. Paid by the size.
    - `removal_policy`: what becomes of the table when it leaves the stack. RETAIN, unless given, keeps it, protected
      from deletion; `cdk deploy --import-existing-resources` takes it in again, also after a first deploy that failed
      and left it behind. DESTROY deletes it with all that it
      knows of finished runs: for stages that are thrown away.
    - `alarm_topic`: where alarms are sent; they exist without it.
    - `alarm_throttles`: alarm when DynamoDB throttles so many writes in 5 minutes; 10 unless given, None for no alarm.
    - `alarm_errors`: alarm when DynamoDB fails so many single writes in 5 minutes; 10 unless given, None for no alarm.

    Raises `SynthError` for a manifest, stage, policy or threshold that cannot be.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's word
        *,
        manifest: str,
        stage: str = DEFAULT_STAGE,
        encryption_key: kms.IKey | None = None,
        point_in_time_recovery: bool = True,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        alarm_topic: sns.ITopic | None = None,
        alarm_throttles: int | None = alarms.THROTTLES,
        alarm_errors: int | None = alarms.ERRORS,
    ) -> None:
        super().__init__(scope, id)
        quotas.watch(self)
        subject = f"RunLedger {id!r}"
        validation.check(subject, manifest, validation.MANIFEST)
        validation.check(subject, stage, validation.STAGE)
        validation.check(subject, removal_policy, validation.REMOVAL)
        self.names = Names(manifest, stage)
        """The physical names of this deployment."""
        self.encryption_key = encryption_key
        """The customer-managed key, or None for one of DynamoDB's own."""
        # Not TableV2: it makes a global table, which one region has no use for.
        self.table = dynamodb.Table(
            self,
            "Table",
            table_name=self.names.ledger,
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="ttl",
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            # Without it, one that DynamoDB owns: the AWS-managed one would be in the account, and each use paid.
            encryption_key=encryption_key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=point_in_time_recovery
            ),
            removal_policy=removal_policy,
            deletion_protection=removal_policy == RemovalPolicy.RETAIN,
        )
        self.alarms = alarms.add_to_ledger(self, topic=alarm_topic, throttles=alarm_throttles, errors=alarm_errors)
        """The alarms, by what they watch: "throttles", "errors", "transaction-errors"."""

    @property
    def settings(self) -> LedgerSettings:
        """What servers need to know of it."""
        return LedgerSettings(table=self.table.table_name)

    def grant_claim(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee` be a worker: claim runs, renew and complete them, take locks and unique keys; and, with a
        customer's key, use the key."""
        return self._grant(grantee, CLAIM_ACTIONS, CLAIM_KEY_ACTIONS)

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee` read what is on record (`rota runs`, `rota show`) and, with a customer's key, use the key."""
        return self._grant(grantee, READ_ACTIONS, READ_KEY_ACTIONS)

    def _grant(self, grantee: iam.IGrantable, actions: tuple[str, ...], key_actions: tuple[str, ...]) -> iam.Grant:
        # The L2's grants add scans, deletes and streams.
        grant = iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[self.table.table_arn])
        if self.encryption_key is None:
            return grant
        return grant.combine(self.encryption_key.grant(grantee, *key_actions))

    def metric(
        self,
        metric_name: str,
        *,
        operation: str | None = None,
        statistic: str = "Sum",
        period: Duration | None = None,
    ) -> cloudwatch.Metric:
        """A metric that DynamoDB writes of the table, or of one `operation` on it such as "PutItem", over 5 minutes
        unless `period` is given.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
        """
        of_what = {"TableName": self.table.table_name} | ({"Operation": operation} if operation else {})
        return self.table.metric(metric_name, dimensions_map=of_what, statistic=statistic, period=period)

    def metric_reads(self) -> cloudwatch.Metric:
        """Read units consumed in the period."""
        return self.metric("ConsumedReadCapacityUnits")

    def metric_writes(self) -> cloudwatch.Metric:
        """Write units consumed in the period."""
        return self.metric("ConsumedWriteCapacityUnits")

    def metric_conflicts(self) -> cloudwatch.Metric:
        """Writes in the period that another one came before: second deliveries, and runs that meet at a lock."""
        return self.metric("ConditionalCheckFailedRequests")

    def metric_throttles(self) -> cloudwatch.Metric:
        """Writes in the period that DynamoDB throttled, those in transactions included."""
        return self.metric("WriteThrottleEvents")

    def metric_errors(self, *, operation: str = "PutItem") -> cloudwatch.Metric:
        """Requests of one operation in the period that DynamoDB failed by an error of its own; of the one that claims
        and completes runs without a lock, unless given. Those with a lock take "TransactWriteItems"."""
        return self.metric("SystemErrors", operation=operation)
