"""Whether the trigger stands in a VPC, in which one, and what it can reach from there."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import jsii
from aws_cdk import Annotations, Stack, Token
from aws_cdk import aws_ec2 as ec2
from constructs import Construct, IConstruct, IValidation

from rota_cdk import trigger_servers, validation
from rota_cdk.endpoints import AlbEndpoint, Place, UrlEndpoint, is_stand_in
from rota_cdk.validation import Limit

SERVICES = {
    "sqs": "SQS",
    "secretsmanager": "SECRETS_MANAGER",
    "elasticloadbalancing": "ELASTIC_LOAD_BALANCING",
    "ec2": "EC2",
}
"""The services that a trigger asks, as their endpoints end, and as CDK calls them."""


@dataclass(frozen=True)
class Network:
    """Where in a VPC the trigger stands."""

    vpc: ec2.IVpc
    subnets: ec2.SelectedSubnets
    has_egress: bool
    """Whether all its subnets have a way out to the internet. None has a public one: Lambda gets no public address."""


def network_of(
    subject: str, places: Mapping[str, Place], vpc: ec2.IVpc | None, subnets: ec2.SubnetSelection | None
) -> Network | None:
    """Where a trigger of these endpoints has to stand; None for outside of any VPC. `vpc` and `subnets` are what the
    user asks for.

    Raises `SynthError` where no place reaches all of them.
    """
    internal = {name: place for name, place in places.items() if isinstance(place, AlbEndpoint) and place.is_internal}
    for name, place in internal.items():
        validation.check(f"endpoint {name!r}", place, _IN_A_VPC)
    needed = {name: place.vpc for name, place in internal.items() if place.vpc is not None}
    if vpc is not None:
        needed["vpc="] = vpc
    validation.check(subject, needed, _ONE_VPC)
    validation.check(subject, (subnets, needed), _SUBNETS)
    if not needed:
        return None
    chosen = vpc or next(iter(needed.values()))
    selected = chosen.select_subnets() if subnets is None else _selected(chosen, subnets)
    with_egress = {subnet.node.path for subnet in chosen.private_subnets}
    found = Network(chosen, selected, all(subnet.node.path in with_egress for subnet in selected.subnets))
    outside = [
        f"{name!r}"
        for name, place in places.items()
        if isinstance(place, UrlEndpoint) or (isinstance(place, AlbEndpoint) and not place.is_internal)
    ]
    validation.check(subject, (found, outside), _EGRESS)
    return found


def _selected(vpc: ec2.IVpc, asked: ec2.SubnetSelection) -> ec2.SelectedSubnets:
    return vpc.select_subnets(
        availability_zones=asked.availability_zones,
        one_per_az=asked.one_per_az,
        subnet_filters=asked.subnet_filters,
        subnet_group_name=asked.subnet_group_name,
        subnets=asked.subnets,
        subnet_type=asked.subnet_type,
    )


def key_of(vpc: ec2.IVpc) -> str:
    """What tells one VPC from another: its id, or, where that is known at deploy alone, its place in the app."""
    return vpc.node.path if Token.is_unresolved(vpc.vpc_id) else vpc.vpc_id


def group(scope: Construct, vpc: ec2.IVpc, deployment: str) -> ec2.SecurityGroup:
    """The trigger's security group: it calls AWS, and servers at ports that their target group tells it."""
    description = f"The trigger of {deployment}"
    made = ec2.SecurityGroup(scope, "SecurityGroup", vpc=vpc, description=description, allow_all_outbound=True)
    # What CDK says of trigger.connections.allow_to, whose other half, the servers' own rule, is what counts.
    reason = "It may call whatever it has to."
    Annotations.of(made).acknowledge_warning("@aws-cdk/aws-ec2:ipv4IgnoreEgressRule", reason)
    return made


def admit(group: ec2.SecurityGroup, places: Mapping[str, Place]) -> None:
    """Lets `group`, the trigger's, in at the listeners of internal load balancers."""
    for place in places.values():
        if not isinstance(place, AlbEndpoint) or not place.is_internal or place.balancer is None:
            continue
        for balancers in place.balancer.connections.security_groups:
            # remote_rule: in the trigger's stack where the two differ, for it depends on the balancer's already.
            port = ec2.Port.tcp(place.at_port)
            balancers.add_ingress_rule(group, port, "the trigger of rota posts runs", True)


def require_services(scope: Construct, subject: str, network: Network, places: Mapping[str, Place]) -> None:
    """Where there is no egress: has the synth end that lacks an interface endpoint the trigger needs."""
    if network.has_egress:
        return
    if isinstance(network.vpc, ec2.Vpc):
        scope.node.add_validation(_Services(scope, subject, network.vpc, places))
        return
    needed = ", ".join(_needed(places))
    Annotations.of(scope).add_warning_v2(
        "rota:imported-vpc",
        f"{subject}: its subnets have no way out, and the VPC is imported, so what it has is not known; see to it that "
        f"it has interface endpoints with private DNS for {needed}, or acknowledge this",
    )


def _needed(places: Mapping[str, Place]) -> list[str]:
    asked = [place for place in places.values() if isinstance(place, AlbEndpoint) and place.server_scheme]
    services = ["sqs", "secretsmanager"]
    services += ["elasticloadbalancing"] if asked else []
    services += ["ec2"] if any(trigger_servers.are_instances(place) for place in asked) else []
    return services


@jsii.implements(IValidation)
class _Services:
    """At the end of the synth, for interface endpoints may be added by later lines of the program."""

    def __init__(self, scope: Construct, subject: str, vpc: ec2.IVpc, places: Mapping[str, Place]) -> None:
        self._scope, self._subject, self._vpc, self._places = scope, subject, vpc, places

    def validate(self) -> list[str]:
        """The problem, as CDK asks for it; it ends the synth."""
        there = set(self._there(self._scope.node.root))
        missing = [service for service in _needed(self._places) if service not in there]
        if not missing:
            return []
        add = ", ".join(f"InterfaceVpcEndpointAwsService.{SERVICES[service]}" for service in missing)
        problem = (
            f"{self._subject}: its subnets have no way out, and VPC {self._vpc.node.path} has no interface endpoint "
            f"for {', '.join(missing)}; add them with vpc.add_interface_endpoint(..., service=...): {add}; or give "
            "vpc_subnets= of subnets with a NAT gateway"
        )
        return [problem]

    def _there(self, root: IConstruct) -> Iterator[str]:
        for found in root.node.find_all():
            if not isinstance(found, ec2.CfnVPCEndpoint) or found.private_dns_enabled is False:
                continue
            stack = Stack.of(found)
            if stack.resolve(found.vpc_id) != stack.resolve(self._vpc.vpc_id):
                continue
            # The name reads com.amazonaws.<region>.<service>, in one part or, where the region is a Token, in several.
            name = json.dumps(stack.resolve(found.service_name))
            yield from (service for service in SERVICES if re.search(rf'\.{service}"', name))


_IN_A_VPC: Sequence[Limit[AlbEndpoint]] = (
    Limit(
        lambda place: place.vpc is None,
        lambda _: (
            "its load balancer is internal, and imported without its VPC, in which the trigger has to stand; give vpc "
            "where it is imported (from_application_load_balancer_attributes)"
        ),
    ),
)

_ONE_VPC: Sequence[Limit[dict[str, ec2.IVpc]]] = (
    Limit(
        lambda needed: len({key_of(vpc) for vpc in needed.values() if not is_stand_in(vpc)}) > 1,
        lambda needed: (
            "a function stands in one VPC, and its internal load balancers are in several: "
            + ", ".join(f"{name} in {vpc.node.path}" for name, vpc in needed.items())
            + "; give each VPC a manifest and a trigger of its own"
        ),
    ),
)

_SUBNETS: Sequence[Limit[tuple[ec2.SubnetSelection | None, dict[str, ec2.IVpc]]]] = (
    Limit(
        lambda given: given[0] is not None and not given[1],
        lambda _: (
            "vpc_subnets= is given, but the function stands in no VPC: no load balancer is internal; give vpc= too"
        ),
    ),
)

_EGRESS: Sequence[Limit[tuple[Network, list[str]]]] = (
    Limit(
        lambda given: bool(given[1]) and not given[0].has_egress,
        lambda given: (
            f"the function stands in VPC {given[0].vpc.node.path}, in subnets without a way out, and "
            f"{' and '.join(given[1])} {'is' if len(given[1]) == 1 else 'are'} reached over the internet; give "
            "vpc_subnets= of subnets with a NAT gateway"
        ),
    ),
)
