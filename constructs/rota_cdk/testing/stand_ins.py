"""Places for the endpoints of a manifest, where a test does not care: only the user's own stack knows the real ones."""

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from rota.manifest import Manifest
from rota.targets import EveryServer
from rota_cdk.endpoints import AlbEndpoint, Place, UrlEndpoint

_LOAD_BALANCING = "arn:aws:elasticloadbalancing:eu-central-1:123456789012"


def stand_ins(stack: Stack, manifest: Manifest) -> dict[str, Place]:
    """A URL for each endpoint; for one whose servers are asked one by one (`EveryServer`), an internal load balancer
    as if imported into `stack`, for a URL does not tell them."""
    places: dict[str, Place] = {endpoint.name: UrlEndpoint("https://example.com") for endpoint in manifest.endpoints}
    every = dict.fromkeys(target for job in manifest.jobs for target in job.targets if isinstance(target, EveryServer))
    if every:
        vpc = _vpc(stack)
        places |= {target.endpoint.name: _balanced(stack, target.endpoint.name, vpc) for target in every}
    return places


def _vpc(stack: Stack) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "StandInVpc",
        vpc_id="vpc-00000000000000000",
        availability_zones=["eu-central-1a"],
        private_subnet_ids=["subnet-00000000000000000"],
    )


def _balanced(stack: Stack, name: str, vpc: ec2.IVpc) -> AlbEndpoint:
    id_ = f"StandIn-{name}"
    group = ec2.SecurityGroup.from_security_group_id(stack, f"{id_}-Group", "sg-00000000000000000")
    return AlbEndpoint(
        elbv2.ApplicationListener.from_application_listener_attributes(
            stack,
            f"{id_}-Listener",
            listener_arn=f"{_LOAD_BALANCING}:listener/app/{name}/0/0",
            security_group=group,
        ),
        host="example.com",
        load_balancer=elbv2.ApplicationLoadBalancer.from_application_load_balancer_attributes(
            stack,
            id_,
            load_balancer_arn=f"{_LOAD_BALANCING}:loadbalancer/app/{name}/0",
            load_balancer_dns_name=f"internal-{name}.example.com",
            security_group_id=group.security_group_id,
            vpc=vpc,
        ),
        target_group=elbv2.ApplicationTargetGroup.from_target_group_attributes(
            stack, f"{id_}-Servers", target_group_arn=f"{_LOAD_BALANCING}:targetgroup/{name}/0"
        ),
        server_scheme="http",
    )
