"""`EveryServer`: the trigger asks a target group for its servers, and each of them by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import jsii
from aws_cdk import Annotations, Aspects, IAspect, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct, IValidation

from rota.manifest import Job
from rota.targets import EveryServer
from rota_cdk import validation, vpcs
from rota_cdk.endpoints import AlbEndpoint, Place
from rota_cdk.validation import Limit


def check(job: Job[Any], places: Mapping[str, Place]) -> None:
    """Raises `SynthError`, naming the job, where it wants every server of an endpoint that cannot tell them."""
    for target in job.targets:
        if isinstance(target, EveryServer):
            name = target.endpoint.name
            validation.check(f"job {job.name!r}: EveryServer({name!r})", places[name], _ASKED)


def are_instances(place: AlbEndpoint) -> bool:
    """Whether targets are named by the instance, whose address EC2 knows; of an imported group, they may be. To be
    asked at the end of the synth, for a target added later may decide it."""
    return (_own(place) is None or target_type(place) == "instance") and place.target_group is not None


def target_type(place: AlbEndpoint) -> str | None:
    """ "ip", "instance", "lambda" or "alb"; None of an imported group."""
    group = _own(place)
    return None if group is None else str(Stack.of(group).resolve(group.target_type) or "instance")


def _own(place: AlbEndpoint) -> elbv2.CfnTargetGroup | None:
    found = place.target_group.node.default_child if place.target_group else None
    return found if isinstance(found, elbv2.CfnTargetGroup) else None


def watch(scope: Construct, role: iam.Role, places: Mapping[str, Place], vpc: ec2.IVpc | None) -> None:
    """Lets `role` ask for the servers of the endpoints that have a `server_scheme`, and has the synth end whose target
    groups have none that a function in `vpc` could ask."""
    asked = {name: place for name, place in places.items() if isinstance(place, AlbEndpoint) and place.server_scheme}
    if not asked:
        return
    # Neither action can be narrowed to a resource.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html
    role.add_to_policy(iam.PolicyStatement(actions=["elasticloadbalancing:DescribeTargetHealth"], resources=["*"]))
    Aspects.of(role).add(_MayFindInstances(role, list(asked.values())))
    scope.node.add_validation(_InReach(asked, vpc))
    for name, place in asked.items():
        if _own(place) is None:
            Annotations.of(scope).add_warning_v2(
                f"rota:imported-target-group-{name}",
                f"endpoint {name!r}: its target group is imported; see to it that its targets are of type ip or "
                "instance, in the trigger's VPC, or acknowledge this",
            )


@jsii.implements(IAspect)
class _MayFindInstances:
    """Adds what it takes to find the addresses of instances, once the types of all targets are known."""

    def __init__(self, role: iam.Role, places: list[AlbEndpoint]) -> None:
        self._role, self._places = role, places

    def visit(self, node: IConstruct) -> None:
        """What CDK calls for each construct below the role, the role included."""
        if node.node.path == self._role.node.path and any(map(are_instances, self._places)):
            self._role.add_to_policy(iam.PolicyStatement(actions=["ec2:DescribeInstances"], resources=["*"]))


@jsii.implements(IValidation)
class _InReach:
    def __init__(self, places: Mapping[str, AlbEndpoint], vpc: ec2.IVpc | None) -> None:
        self._places, self._vpc = places, vpc

    def validate(self) -> list[str]:
        """The problems, as CDK asks for them; any ends the synth."""
        if self._vpc is not None and vpcs.is_stand_in(self._vpc):
            return []
        return [
            f"endpoint {name!r}: {problem}"
            for name, place in self._places.items()
            if not place.is_stand_in
            for problem in validation.problems((place, self._vpc), _REACHABLE)
        ]


def _is_elsewhere(place: AlbEndpoint, vpc: ec2.IVpc | None) -> bool:
    group = _own(place)
    if vpc is None or group is None:
        return vpc is None
    return not vpcs.is_that(vpc, group.vpc_id, Stack.of(group))


_ASKED: Sequence[Limit[Place]] = (
    Limit(
        lambda place: not isinstance(place, AlbEndpoint),
        lambda _: (
            "a URL does not tell which servers are behind it; give AlbEndpoint(listener, target_group=..., "
            "server_scheme=...), or take the Endpoint as the job's target"
        ),
    ),
    Limit(
        lambda place: isinstance(place, AlbEndpoint) and place.target_group is None,
        lambda _: "its AlbEndpoint has no target group that could tell the servers; give target_group=",
    ),
    Limit(
        lambda place: isinstance(place, AlbEndpoint) and place.server_scheme is None,
        lambda _: (
            'its AlbEndpoint does not say how servers are asked one by one; give server_scheme="http", or '
            '"https" with server_name=, the name in the certificate of each'
        ),
    ),
)

_REACHABLE: Sequence[Limit[tuple[AlbEndpoint, ec2.IVpc | None]]] = (
    Limit(
        lambda given: target_type(given[0]) not in (None, "ip", "instance"),
        lambda given: (
            f"servers are asked one by one (server_scheme=) of targets of type ip or instance; its target group has "
            f"type {target_type(given[0])}"
        ),
    ),
    Limit(
        lambda given: _is_elsewhere(*given),
        lambda given: (
            "servers are asked one by one (server_scheme=) from within their VPC, and the trigger stands "
            + ("outside of any" if given[1] is None else f"in {given[1].node.path}, its target group elsewhere")
            + "; give an internal load balancer in the servers' VPC, or FanoutTrigger(vpc=...)"
        ),
    ),
)
