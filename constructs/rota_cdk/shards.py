"""Stacks beside a stack, over which jobs are spread: CloudFormation takes 500 resources in one."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from aws_cdk import (
    CfnWaitConditionHandle,
    Environment,
    IStackSynthesizer,
    LegacyStackSynthesizer,
    NestedStack,
    Stack,
    Token,
)
from constructs import Construct

from rota.names import MAX_SHARDED, MAX_SHARDS, Names
from rota_cdk import validation
from rota_cdk.validation import Limit

_MADE = "RotaShards"


def shard_of(job: str, shards: int) -> int:
    """Which of `shards` a job is in: by its name alone, so that no job moves when others come and go."""
    return int.from_bytes(hashlib.sha256(job.encode()).digest()[:8]) % shards


def has_shards(stack: Stack) -> bool:
    """Whether jobs of it are spread over shards."""
    return stack.node.try_find_child(_MADE) is not None


class Wanted(NamedTuple):
    """What is asked of a stack."""

    shards: int
    home: Stack
    names: Names


LIMITS: Sequence[Limit[Wanted]] = (
    Limit(
        lambda wanted: type(wanted.shards) is not int or not 1 <= wanted.shards <= MAX_SHARDS,
        lambda wanted: (
            f"shards must be a number from 1 to {MAX_SHARDS}, or None for all jobs in the stack of the Rota; got "
            f"{wanted.shards!r}"
        ),
    ),
    Limit(
        lambda wanted: len(wanted.names.deployment) > MAX_SHARDED,
        lambda wanted: (
            f"{wanted.names.deployment!r}, manifest and stage, has {len(wanted.names.deployment)} characters, and "
            f"shards leave room for {MAX_SHARDED} in the names of schedules; shorten one of them"
        ),
    ),
    Limit(
        lambda wanted: isinstance(wanted.home, NestedStack),
        lambda wanted: (
            f"shards are stacks beside that of the Rota, and {wanted.home.node.path} is a nested one, which has none "
            "beside it; put the Rota into a Stack"
        ),
    ),
    Limit(
        lambda wanted: has_shards(wanted.home),
        lambda wanted: (
            f"stack {wanted.home.stack_name} has a Rota with shards already, and theirs would have the same names; put "
            "this one into a stack of its own"
        ),
    ),
)


class Shard(Stack):
    """One of the stacks that jobs are spread over."""

    def __init__(self, scope: Construct, id: str, *, home: Stack, **keywords: Any) -> None:  # noqa: A002 - CDK's word
        super().__init__(scope, id, **keywords)
        self.home = home
        """The stack of all else, which goes to the same account and region, also where these are not known."""


def make_shards(scope: Construct, shards: int) -> tuple[Stack, ...]:
    """The stacks `<stack>-Shard00of32`, of the account and region of `scope`'s stack, deployed after it.

    Below `scope` in the tree, so that its tags, aspects and acknowledgements are theirs too. Their number is in their
    names: with another one all of them are new, and those that stand keep the jobs going until they are deleted.
    """
    home = Stack.of(scope)
    Construct(home, _MADE)
    synthesizer = _synthesizer(home)
    env = Environment(account=_known(home.account), region=_known(home.region))
    width = max(2, len(str(shards - 1)))
    made = []
    for index in range(shards):
        id_ = f"Shard{index:0{width}}of{shards}"
        shard = Shard(
            scope,
            id_,
            home=home,
            stack_name=f"{home.stack_name}-{id_}",
            description=f"Jobs of {home.stack_name}, {index + 1} of {shards} shards",
            env=env,
            synthesizer=synthesizer,
            termination_protection=home.termination_protection,
        )
        # Of where a job's construct was made, which would be here and not where the user declared it.
        shard.node.set_context("aws:cdk:disable-creation-stack-traces", True)
        shard.add_stack_dependency(home)
        # CloudFormation takes no empty stack, and the last job of one may go. This one is no resource of any service.
        CfnWaitConditionHandle(shard, "Shard")
        made.append(shard)
    return tuple(made)


_SYNTHESIZER: Sequence[Limit[IStackSynthesizer]] = (
    Limit(
        lambda synthesizer: not hasattr(synthesizer, "reusable_bind"),
        lambda synthesizer: (
            f"its synthesizer is of {type(synthesizer).__name__}, which CDK lets one stack have, and shards need the "
            "same; give one that has reusable_bind, such as DefaultStackSynthesizer(...)"
        ),
    ),
)


def _synthesizer(home: Stack) -> IStackSynthesizer | None:
    """What was given to `home` or to the app, as it was given; None for what CDK itself made, and makes again."""
    synthesizer = home.synthesizer
    validation.check(f"stack {home.stack_name}", synthesizer, _SYNTHESIZER)
    if isinstance(synthesizer, LegacyStackSynthesizer):
        return LegacyStackSynthesizer()  # which holds nothing, and does not say who made it
    # CDK binds a copy of what it is given, and only what is bound, CDK's own, knows its qualifier.
    return None if synthesizer.bootstrap_qualifier else synthesizer


def _known(value: str) -> str | None:
    return None if Token.is_unresolved(value) else value
