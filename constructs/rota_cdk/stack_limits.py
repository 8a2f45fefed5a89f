"""What CloudFormation takes in one stack, as tables like those of `rota_cdk.validation`."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from rota_cdk.validation import Limit

MAX_RESOURCES = 500
"""In a stack. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
MAX_IN_SHARD = 490
"""Room is left for what people put there themselves."""
MAX_TEMPLATE = 1_000_000
"""Bytes in a stack's template; the page is that of `MAX_RESOURCES`."""

_IN_A_SHARD = 200
"""Jobs, so that there is room for more."""
_HOW_TO = "docs/how-to/ten-thousand-jobs.md"


class Held(NamedTuple):
    """What a stack has."""

    name: str
    resources: int
    jobs: int = 0
    """How many of them shards would take from it: rules and schedules; none where it has shards."""
    size: int = 0
    """Bytes of its template, as far as they are known: of the schedules in a shard."""


STACK: Sequence[Limit[Held]] = (
    Limit(
        lambda held: held.resources > MAX_RESOURCES,
        lambda held: (
            f"stack {held.name} has {held.resources} resources, and CloudFormation takes {MAX_RESOURCES}; "
            + (
                f"spread jobs over stacks of their own, Rota(shards={_enough(held.jobs)})"
                if held.resources - held.jobs <= MAX_RESOURCES
                else "put some of them into another stack"
            )
        ),
    ),
)

SHARD: Sequence[Limit[Held]] = (
    Limit(
        lambda held: held.resources > MAX_IN_SHARD,
        lambda held: (
            f"stack {held.name} has {held.resources} resources, and rota puts {MAX_IN_SHARD} into one, of the "
            f"{MAX_RESOURCES} that CloudFormation takes; give more shards, twice as many say, and read what that moves "
            f"in {_HOW_TO}"
        ),
    ),
    Limit(
        lambda held: held.size > MAX_TEMPLATE,
        lambda held: (
            f"the template of stack {held.name} has about {held.size} bytes, and CloudFormation takes {MAX_TEMPLATE}; "
            "keep what is large in the inputs of its jobs elsewhere, in S3 for example, and name its place there, or "
            f"give more shards, and read what that moves in {_HOW_TO}"
        ),
    ),
)
"""Of a stack that jobs are spread over."""


def _enough(jobs: int) -> int:
    return 1 << max(1, math.ceil(math.log2(jobs / _IN_A_SHARD)))
