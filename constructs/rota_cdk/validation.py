"""What AWS takes, as tables of condition and message, so that a deployment which cannot work fails at synth.

A message says what was got, and the way out. Values that are known only at deploy (unresolved Tokens) pass.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar, get_args

from aws_cdk import RemovalPolicy, Token
from aws_cdk.aws_kms import IKey

from rota.manifest import Job
from rota.names import Names
from rota.targets import Queue
from rota.validators import name_problem, stage_problem
from rota_cdk.errors import SynthError

T = TypeVar("T")

SchedulesWith = Literal["rules", "scheduler"]
"""What makes jobs due: EventBridge rules wherever they can, or schedules of EventBridge Scheduler alone."""

MAX_MANIFEST = 32
MAX_DESCRIPTION = 512
"""Characters, of a rule and of a schedule.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html"""
MAX_TEMPLATE = 8192
"""Characters in a rule's input template.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html"""
MAX_INPUT = 256 * 1024
"""Bytes in a schedule's input. https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html"""
MAX_SETTINGS = 8 * 1024
"""Bytes in an SSM parameter of the advanced tier.
https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"""
MAX_RULES = 300
MAX_RULES_IN = {"af-south-1": 100, "eu-south-1": 100}
"""On the default bus of an account and region, unless AWS has raised it.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""
MAX_STATEMENTS = 20
MAX_QUEUE_POLICY = 8192
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html"""
MAX_AGE = timedelta(days=7)
"""Of a run that waits: how long its queue keeps it."""


@dataclass(frozen=True)
class Limit(Generic[T]):
    """A condition that cannot be deployed, and what to tell who meets it."""

    broken: Callable[[T], bool]
    message: Callable[[T], str]


def check(subject: str, value: T, limits: Sequence[Limit[T]]) -> None:
    """Raises `SynthError` that names `subject` and lists every limit that `value` breaks."""
    if found := problems(value, limits):
        raise SynthError.of(subject, found)


def problems(value: T, limits: Sequence[Limit[T]]) -> list[str]:
    """What to say of every limit that `value` breaks."""
    broken = [limit for limit in limits if limit.broken(value)]
    # Asked last, for it is a call to Node, and there may be ten thousand jobs.
    if broken and isinstance(value, str) and Token.is_unresolved(value):
        return []
    return [limit.message(value) for limit in broken]


def _size(text: str) -> int:
    return len(text.encode())


MANIFEST: Sequence[Limit[str]] = (
    Limit(
        lambda name: name_problem(name, longest=MAX_MANIFEST) is not None,
        lambda name: f"manifest: {name_problem(name, longest=MAX_MANIFEST)}",
    ),
)
STAGE: Sequence[Limit[str]] = (
    Limit(lambda stage: stage_problem(stage) is not None, lambda stage: str(stage_problem(stage))),
)

SCHEDULES_WITH: Sequence[Limit[str]] = (
    Limit(
        lambda value: value not in get_args(SchedulesWith),
        lambda value: f'schedules_with must be "rules" or "scheduler"; got {value!r}',
    ),
)

QUEUE: Sequence[Limit[object]] = (
    Limit(
        lambda queue: not isinstance(queue, Queue),
        lambda queue: (
            f"queue must be a rota.Queue; got {queue!r}. The SQS queue is made here, a standard one: a FIFO queue has "
            "no delay for a single message, and keeps no order through retries"
        ),
    ),
)

ENCRYPTION_KEY: Sequence[Limit[IKey]] = (
    Limit(
        lambda key: key.key_arn.endswith("alias/aws/sqs"),
        lambda _: (
            "encryption_key is alias/aws/sqs, which EventBridge cannot use, so that no occurrence would arrive; leave "
            "encryption_key out (SQS then encrypts with keys of its own) or give a key of yours"
        ),
    ),
)

ALARM_AGE: Sequence[Limit[timedelta]] = (
    Limit(
        lambda age: not timedelta(minutes=1) <= age < MAX_AGE,
        lambda age: f"alarm_age must be from a minute to under {MAX_AGE.days} days, or None for no alarm; got {age}",
    ),
)
ALARM_COUNT: Sequence[Limit[int]] = (
    Limit(lambda count: count < 1, lambda count: f"must be 1 or more messages, or None for no alarm; got {count}"),
)
ALARM_REQUESTS: Sequence[Limit[int]] = (
    Limit(lambda count: count < 1, lambda count: f"must be 1 or more requests, or None for no alarm; got {count}"),
)

LEDGER: Sequence[Limit[tuple[Names, Names]]] = (
    Limit(
        lambda given: given[0] != given[1],
        lambda given: (
            f"ledger= is the RunLedger of {given[0].deployment!r}, and this is {given[1].deployment!r}: in one ledger, "
            "jobs of one name would take each other's runs for their own; give "
            f"RunLedger(manifest={given[1].manifest!r}, stage={given[1].stage!r})"
        ),
    ),
)
"""Of a ledger and what uses it: the names of their deployments."""

REMOVAL: Sequence[Limit[RemovalPolicy]] = (
    Limit(
        lambda policy: policy not in (RemovalPolicy.RETAIN, RemovalPolicy.DESTROY),
        lambda policy: (
            "removal_policy must be RemovalPolicy.RETAIN, or RemovalPolicy.DESTROY for a deployment that is thrown "
            f"away; got {policy.name}"
        ),
    ),
)

SCHEDULED: Sequence[Limit[Job[Any]]] = (
    Limit(
        lambda job: job.schedule is None,
        lambda _: "it has no schedule; give it one, or leave the ScheduledJob out: a job only enqueued needs none",
    ),
    Limit(
        lambda job: len(job.description) > MAX_DESCRIPTION,
        lambda job: (
            f"its description has {len(job.description)} characters, and EventBridge takes {MAX_DESCRIPTION}; "
            "shorten it"
        ),
    ),
)
OF_THE_QUEUE: Sequence[Limit[tuple[Job[Any], Queue]]] = (
    Limit(
        lambda given: given[0].target != given[1],
        lambda given: (
            f"its target is {_target(given[0])}, but queue= is the JobQueue of {given[1].name!r}; "
            + (
                f"give the JobQueue made of {given[0].target!r}"
                if isinstance(given[0].target, Queue)
                else "give trigger=, the FanoutTrigger that posts to it, and not queue="
            )
        ),
    ),
)


def _target(job: Job[Any]) -> str:
    if isinstance(job.target, Queue):
        return f"the queue {job.target.name!r}"
    return " and ".join(f"endpoint {endpoint.name!r}" for endpoint in job.endpoints)


RULE_TEMPLATE: Sequence[Limit[str]] = (
    Limit(
        lambda template: len(template) > MAX_TEMPLATE,
        lambda template: (
            f"its message has {len(template)} characters, and a rule takes {MAX_TEMPLATE}; shorten its input, or make "
            f'it a schedule, which takes {MAX_INPUT // 1024} KB: schedules_with="scheduler"'
        ),
    ),
)
SCHEDULE_INPUT: Sequence[Limit[str]] = (
    Limit(
        lambda text: _size(text) > MAX_INPUT,
        lambda text: (
            f"its message has {_size(text)} bytes, and a schedule takes {MAX_INPUT}; keep what is large elsewhere, in "
            "S3 for example, and name its place in the input"
        ),
    ),
)

SETTINGS: Sequence[Limit[str]] = (
    Limit(
        lambda text: _size(text) > MAX_SETTINGS,
        lambda text: (
            f"its settings come to about {_size(text)} bytes, and an SSM parameter takes {MAX_SETTINGS}; give the "
            "queues shorter names, or share them among the jobs, or split the manifest in two"
        ),
    ),
)

QUEUE_POLICY: Sequence[Limit[tuple[str, int, int]]] = (
    Limit(
        lambda given: given[1] > MAX_STATEMENTS or given[2] > MAX_QUEUE_POLICY,
        lambda given: (
            f"{given[0]} has {given[1]} statements and {given[2]} bytes or more, and SQS takes {MAX_STATEMENTS} and "
            f"{MAX_QUEUE_POLICY} in a queue's policy, two of them rota's; give roles what they need by grant_*, or "
            "name several principals in one statement"
        ),
    ),
)
"""Of a policy: its path, how many statements it has, and how many bytes at least."""

BUS: Sequence[Limit[tuple[str, int, int]]] = (
    Limit(
        lambda given: given[1] > given[2],
        lambda given: (
            f"{given[0]} has {given[1]} EventBridge rules, and the default bus takes {given[2]}; give "
            'Rota(schedules_with="scheduler"), for an account takes ten million schedules, or, if AWS has raised your '
            'quota, its value in cdk.json, as "context": {"rota:rules-per-bus": ...}'
        ),
    ),
)
"""Of a stack or an environment (account and region): its name, how many rules it has, and how many it takes."""

PHYSICAL_NAME: Sequence[Limit[tuple[str, str, int]]] = (
    Limit(
        lambda given: given[2] > 1,
        lambda given: (
            f"stack {given[0]} makes the {given[1]} {given[2]} times: a manifest is deployed once a stage; "
            "give the other a stage of its own, Rota(stage=...)"
            + (", or hand over the ledger, Rota(ledger=...)" if given[1].startswith("DynamoDB") else "")
        ),
    ),
)
"""Of a queue, a table, a schedule group or a role: its stacks, what it is called, and how many are called so."""
