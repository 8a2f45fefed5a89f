"""A fleet behind an internal load balancer, in a network from which nothing reaches the internet."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elb
from constructs import Construct

SERVER_PORT = 8000
NETWORK = "10.0.0.0/16"


class Balancer(Construct):
    """The network, the load balancer and its listener. Whoever starts a server registers it with `targets`.

    The servers speak plain HTTP inside the network, and so does the listener: it has no name of its own for which there
    could be a certificate.
    """

    def __init__(self, scope: Construct, construct_id: str, *, health_path: str) -> None:
        super().__init__(scope, construct_id)
        network = ec2.Vpc(
            self,
            "Network",
            ip_addresses=ec2.IpAddresses.cidr(NETWORK),
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="servers", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24)
            ],
        )
        inside = ec2.Peer.ipv4(NETWORK)
        # What the trigger needs of AWS, and the servers beside it, and could not reach from here otherwise.
        doors = ec2.SecurityGroup(self, "Doors", vpc=network, allow_all_outbound=False)
        doors.add_ingress_rule(inside, ec2.Port.tcp(443))
        for name, service in {
            "Queues": ec2.InterfaceVpcEndpointAwsService.SQS,
            "Secrets": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
            "Settings": ec2.InterfaceVpcEndpointAwsService.SSM,
        }.items():
            network.add_interface_endpoint(name, service=service, security_groups=[doors], open=False)
        network.add_gateway_endpoint("Ledger", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB)
        balancer = elb.ApplicationLoadBalancer(self, "Balancer", vpc=network, internet_facing=False)
        balancer.connections.allow_to(inside, ec2.Port.tcp(SERVER_PORT))
        self.targets = elb.ApplicationTargetGroup(
            self,
            "Servers",
            vpc=network,
            port=SERVER_PORT,
            protocol=elb.ApplicationProtocol.HTTP,
            target_type=elb.TargetType.IP,
            deregistration_delay=cdk.Duration.seconds(30),
            # The shortest there is: a dead server is out of the rotation after 10 seconds.
            health_check=elb.HealthCheck(
                path=health_path,
                interval=cdk.Duration.seconds(5),
                timeout=cdk.Duration.seconds(2),
                unhealthy_threshold_count=2,
                healthy_threshold_count=2,
            ),
        )
        self.listener = balancer.add_listener(
            "Http",
            port=80,
            protocol=elb.ApplicationProtocol.HTTP,
            open=False,  # to those alone that are let in, as the trigger is
            default_target_groups=[self.targets],
        )
        acknowledge(network, "AwsSolutions-VPC7", "an example: its flow logs would cost more than what it shows")
        acknowledge(balancer, "AwsSolutions-ELB2", "an example: the trigger logs each request and what came of it")


def acknowledge(construct: Construct, rule: str, reason: str) -> None:
    """What the pack `rule` belongs to asks for, and why it is not done."""
    cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=rule, reason=reason))
