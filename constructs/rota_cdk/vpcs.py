"""Telling one VPC from another."""

from aws_cdk import Stack, Token
from aws_cdk import aws_ec2 as ec2

_STAND_IN = "vpc-12345"
"""An id that CDK makes up; those of AWS have 8 or 17 digits."""


def key_of(vpc: ec2.IVpc) -> str:
    """What tells one VPC from another: its id, or, where that is known at deploy alone, its place in the app."""
    return vpc.node.path if Token.is_unresolved(vpc.vpc_id) else vpc.vpc_id


def is_stand_in(vpc: ec2.IVpc) -> bool:
    """Whether it is yet to be looked up; see `AlbEndpoint.is_stand_in`."""
    return vpc.vpc_id == _STAND_IN


def is_that(vpc: ec2.IVpc, vpc_id: str | None, stack: Stack) -> bool:
    """Whether `vpc_id`, as a resource in `stack` has it, is that of `vpc`. To be asked at the end of the synth."""
    if vpc_id == vpc.vpc_id:
        return True
    here = stack.resolve(vpc.vpc_id)
    owner = Stack.of(vpc)
    if isinstance(vpc, ec2.Vpc) and stack is not owner and here == owner.resolve(vpc.vpc_id):
        # Nothing in `stack` refers to it, so that it still has the name it has at home, as another VPC may have here.
        return False
    return bool(stack.resolve(vpc_id) == here)
