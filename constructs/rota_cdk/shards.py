"""Stacks beside a stack, over which jobs are spread: CloudFormation takes 500 resources in one."""

import hashlib

from aws_cdk import CfnWaitConditionHandle, Environment, Stack, Token
from constructs import Construct


def shard_of(job: str, shards: int) -> int:
    """Which of `shards` a job is in: by its name alone, so that no job moves when others come and go."""
    return int.from_bytes(hashlib.sha256(job.encode()).digest()[:8]) % shards


class Shard(Stack):
    """One of the stacks that jobs are spread over; nothing but these makes a difference to other stacks."""


def make_shards(scope: Construct, shards: int) -> tuple[Stack, ...]:
    """The stacks `<stack>-Shard00of32`, of the account and region of `scope`'s stack, deployed after it.

    Below `scope` in the tree, so that its tags, aspects and acknowledgements are theirs too.
    """
    home = Stack.of(scope)
    env = Environment(account=_known(home.account), region=_known(home.region))
    width = max(2, len(str(shards - 1)))
    made = []
    for index in range(shards):
        id_ = f"Shard{index:0{width}}of{shards}"
        shard = Shard(
            scope,
            id_,
            stack_name=f"{home.stack_name}-{id_}",
            description=f"Jobs of {home.stack_name}, {index + 1} of {shards} shards",
            env=env,
            termination_protection=home.termination_protection,
        )
        shard.add_stack_dependency(home)
        # CloudFormation takes no empty stack, and the last job of one may go. This one is no resource of any service.
        CfnWaitConditionHandle(shard, "Shard")
        made.append(shard)
    return tuple(made)


def _known(value: str) -> str | None:
    return None if Token.is_unresolved(value) else value
