"""Limits of a whole app, which no construct sees alone: checked once, when the app is synthesized."""

from collections import Counter
from dataclasses import dataclass, field

import jsii
from aws_cdk import CfnResource, Stack, Stage, Token
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct, IValidation

from rota_cdk import policies, stack_limits, validation
from rota_cdk.included import SCHEDULE, IncludedSchedules
from rota_cdk.shards import Shard, has_shards
from rota_cdk.stack_limits import Held

RULES_CONTEXT = "rota:rules-per-bus"
"""The context value that says how many rules an account has by now, where AWS has raised its quota."""

_ID = "RotaQuotas"
_DUE = ("AWS::Events::Rule", SCHEDULE)


def watch(scope: Construct) -> None:
    """Has the quotas checked, once for the app of `scope`, or for its `Stage` in a pipeline."""
    stage = Stage.of(scope)
    if stage is not None and stage.node.try_find_child(_ID) is None:
        Construct(stage, _ID).node.add_validation(_Quotas(stage))


@jsii.implements(IValidation)
class _Quotas:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def validate(self) -> list[str]:
        """The problems, as CDK asks for them; any ends the synth."""
        found: list[str] = []
        rules: Counter[str] = Counter()
        named: dict[tuple[str, str], list[str]] = {}  # the stacks of each physical name in an environment
        for stack, resources in _by_stack(self._stage):
            name = stack.stack_name
            found += _of_one(stack, resources)
            found += policies.problems(stack, resources.found)
            environment = _environment(stack)
            for physical_name in filter(None, map(_physical_name, resources.found)):
                named.setdefault((environment, physical_name), []).append(name)
            rules[environment] += sum(_on_default_bus(resource) for resource in resources.found)
        for (_, physical_name), stacks in named.items():
            where = " with ".join(sorted(set(stacks)))
            found += validation.problems((where, physical_name, len(stacks)), validation.PHYSICAL_NAME)
        for environment, count in rules.items():
            quota = self._rules_quota(environment.rpartition("/")[-1])
            found += validation.problems((environment, count, quota), validation.BUS)
        return found

    def _rules_quota(self, region: str) -> int:
        raised = self._stage.node.try_get_context(RULES_CONTEXT)
        return int(raised) if raised else validation.MAX_RULES_IN.get(region, validation.MAX_RULES)


@dataclass
class _Resources:
    """Those of one stack."""

    found: list[CfnResource] = field(default_factory=list)
    included: int = 0
    """How many more there are: schedules of jobs in shards, too many to be fetched from Node."""
    size: int = 0
    """Bytes of those in the template."""


def _by_stack(stage: Stage) -> list[tuple[Stack, _Resources]]:
    """Every stack with its own resources, those of nested stacks and of other stages left out."""
    owned: list[tuple[Stack, _Resources]] = []

    def walk(construct: IConstruct, resources: _Resources) -> None:
        for child in construct.node.children:
            if isinstance(child, Stage):
                continue
            if isinstance(child, IncludedSchedules):
                resources.included += child.count
                resources.size += child.size
            elif isinstance(child, Stack):
                owned.append((child, _Resources()))
                walk(child, owned[-1][1])
            elif isinstance(child, CfnResource):
                resources.found.append(child)  # and not asked for its children, which is a call each: it has none
            else:
                walk(child, resources)

    walk(stage, _Resources())
    return owned


def _of_one(stack: Stack, resources: _Resources) -> list[str]:
    """The problems of a stack by itself."""
    count = len(resources.found) + resources.included
    if isinstance(stack, Shard):
        return validation.problems(Held(stack.stack_name, count, size=resources.size), stack_limits.SHARD)
    if count <= stack_limits.MAX_RESOURCES:
        return []  # before each of them is asked for its type, which is a call
    jobs = 0 if has_shards(stack) else sum(each.cfn_resource_type in _DUE for each in resources.found)
    return validation.problems(Held(stack.stack_name, count, jobs), stack_limits.STACK)


def _environment(stack: Stack) -> str:
    """Where it is deployed to; stacks of which that is not known may go to different accounts, but for shards, which
    go where their stack does."""
    if isinstance(stack, Shard):
        stack = stack.home
    known = not Token.is_unresolved(stack.account) and not Token.is_unresolved(stack.region)
    return stack.environment if known else f"stack {stack.stack_name}"


def _physical_name(resource: CfnResource) -> str | None:
    """What it is called, if it is one that rota names. A Token passes: each stack may make another name of it."""
    match resource:
        case sqs.CfnQueue():
            kind, name = "SQS queue", resource.queue_name
        case dynamodb.CfnTable():
            kind, name = "DynamoDB table", resource.table_name
        case scheduler.CfnScheduleGroup():
            kind, name = "schedule group", resource.name
        case iam.CfnRole():
            kind, name = "IAM role", resource.role_name
        case _:
            return None
    return None if name is None or Token.is_unresolved(name) else f"{kind} {name!r}"


def _on_default_bus(resource: CfnResource) -> bool:
    return isinstance(resource, events.CfnRule) and resource.event_bus_name in (None, "default")
