"""Grants to a role whose stack the granting one depends on: behind a load balancer, servers often stand beside it."""

from collections.abc import Iterable

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from rota_cdk.endpoints import AlbEndpoint, Place


def near(scope: Construct, grantee: iam.IGrantable, *, needed: Iterable[IConstruct], policy: str) -> iam.IGrantable:
    """`grantee`, or, of a role in a stack that has one of `needed`, the same role as `scope`'s stack sees it.

    What is granted to a role stands in the role's own stack, which would then depend on that of `scope`, while this
    one needs something there: a circle, which CDK refuses. So the policy, called `policy`, stands beside `scope`.
    """
    role = grantee.grant_principal
    if not isinstance(role, iam.Role | iam.LazyRole) or Stack.of(role) is Stack.of(scope):
        return grantee
    if not any(Stack.of(role) is Stack.of(each) for each in needed):
        return grantee
    name = f"Role-{role.node.addr}"
    seen = scope.node.try_find_child(name)
    if seen is not None:
        return seen  # type: ignore[return-value] # made below
    # A name of its own: unless given, those of two stages would be the same, and the later deploy undo the earlier.
    return iam.Role.from_role_name(scope, name, role.role_name, default_policy_name=policy)


def of_places(places: Iterable[Place]) -> list[IConstruct]:
    """The constructs that a trigger of these places needs."""
    asked = [place for place in places if isinstance(place, AlbEndpoint)]
    found = [need for place in asked for need in (place.listener, place.balancer, place.target_group, place.vpc)]
    return [need for need in found if need is not None]
