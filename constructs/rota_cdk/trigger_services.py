"""The services of AWS that a trigger asks from within a VPC, and the interface endpoints they are reached by."""

import json
import re
from collections.abc import Iterator, Mapping

import jsii
from aws_cdk import Annotations, Aspects, IAspect, Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct, IConstruct, IValidation

from rota_cdk import trigger_servers, vpcs
from rota_cdk.endpoints import AlbEndpoint, Place
from rota_cdk.trigger_network import Network

SERVICES = {
    "sqs": "SQS",
    "secretsmanager": "SECRETS_MANAGER",
    "elasticloadbalancing": "ELASTIC_LOAD_BALANCING",
    "ec2": "EC2",
}
"""The services that a trigger asks, as their endpoints end, and as CDK calls them."""


def require(scope: Construct, subject: str, network: Network, places: Mapping[str, Place]) -> None:
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
            if vpcs.is_that(self._vpc, found.vpc_id, Stack.of(found)) and (service := _service_of(found)):
                yield service


def _service_of(endpoint: ec2.CfnVPCEndpoint) -> str | None:
    """Which of `SERVICES` it leads to."""
    # The name reads com.amazonaws.<region>.<service>, in one part or, where the region is a Token, in several.
    name = json.dumps(Stack.of(endpoint).resolve(endpoint.service_name))
    return next((service for service in SERVICES if re.search(rf'\.{service}"', name)), None)


def connect(group: ec2.SecurityGroup, vpc: ec2.IVpc) -> None:
    """Lets `group`, the trigger's, in at those interface endpoints of `vpc` that do not let all of it in. Their names
    lead to them, whether or not there is another way out."""
    Aspects.of(group).add(_Doors(group, vpc))


@jsii.implements(IAspect)
class _Doors:
    """At the end of the program, for later lines may add interface endpoints."""

    def __init__(self, group: ec2.SecurityGroup, vpc: ec2.IVpc) -> None:
        self._group, self._vpc = group, vpc

    def visit(self, node: IConstruct) -> None:
        """What CDK calls for each construct below the group, the group included."""
        if node.node.path != self._group.node.path:
            return
        for found in node.node.root.node.find_all():
            own = found.node.default_child if isinstance(found, ec2.InterfaceVpcEndpoint) else None
            if not isinstance(found, ec2.InterfaceVpcEndpoint) or not isinstance(own, ec2.CfnVPCEndpoint):
                continue
            if vpcs.is_that(self._vpc, own.vpc_id, Stack.of(own)) and _service_of(own) and not self._is_open(found):
                # From this side, for the rule then stands in the trigger's stack.
                self._group.connections.allow_to_default_port(found, "the trigger of rota asks AWS")

    def _is_open(self, found: ec2.InterfaceVpcEndpoint) -> bool:
        """Whether it lets the whole VPC in, as CDK does unless told otherwise."""
        everyone = Stack.of(found).resolve(self._vpc.vpc_cidr_block)
        groups = [group.node.default_child for group in found.connections.security_groups]
        rules = [
            rule
            for group in groups
            if isinstance(group, ec2.CfnSecurityGroup)
            for rule in Stack.of(group).resolve(group.security_group_ingress) or []
        ]
        return any(rule.get("cidrIp") == everyone for rule in rules)
