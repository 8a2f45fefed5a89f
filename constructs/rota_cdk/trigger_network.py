"""Whether the trigger stands in a VPC, in which one, and at which doors it has to be let in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Annotations
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from rota_cdk import validation, vpcs
from rota_cdk.endpoints import AlbEndpoint, Place, UrlEndpoint
from rota_cdk.validation import Limit


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


def group(scope: Construct, vpc: ec2.IVpc, deployment: str) -> ec2.SecurityGroup:
    """The trigger's security group: it calls AWS, and servers at ports that their target group tells it."""
    description = f"The trigger of {deployment}"
    made = ec2.SecurityGroup(scope, "SecurityGroup", vpc=vpc, description=description, allow_all_outbound=True)
    # What CDK says of trigger.connections.allow_to, whose other half, the servers' own rule, is what counts.
    reason = "It may call whatever it has to."
    Annotations.of(made).acknowledge_warning("@aws-cdk/aws-ec2:ipv4IgnoreEgressRule", reason)
    return made


def admit(scope: Construct, group: ec2.SecurityGroup, places: Mapping[str, Place]) -> None:
    """Lets `group`, the trigger's, in at the listeners of internal load balancers. Warns where it may not."""
    done: set[tuple[str, int]] = set()
    for name, place in places.items():
        if not isinstance(place, AlbEndpoint) or not place.is_internal or place.balancer is None:
            continue
        for balancers in place.balancer.connections.security_groups:
            door = (balancers.node.path, place.at_port)
            before = len(group.node.children) + len(balancers.node.children)
            # remote_rule: in the trigger's stack where the two differ, for it depends on the balancer's already.
            port = ec2.Port.tcp(place.at_port)
            balancers.add_ingress_rule(group, port, "the trigger of rota posts runs", True)
            # Of a group that is imported as not mutable, CDK makes nothing, and says nothing.
            if door not in done and len(group.node.children) + len(balancers.node.children) == before:
                Annotations.of(scope).add_warning_v2(
                    f"rota:closed-load-balancer-{name}",
                    f"endpoint {name!r}: the security group of its load balancer is imported, and may not be changed "
                    f"(mutable=False); let it, {balancers.security_group_id}, let the trigger's group in at port "
                    f"{place.at_port} (trigger.security_group), or acknowledge this",
                )
            done.add(door)


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
        lambda needed: len({vpcs.key_of(vpc) for vpc in needed.values() if not vpcs.is_stand_in(vpc)}) > 1,
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
