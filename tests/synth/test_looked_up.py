"""Load balancers that are looked up: the first synth has values that CDK makes up, the next what AWS has said."""

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk.assertions import Template

from rota import EveryServer, Manifest
from rota_cdk import AlbEndpoint, FanoutTrigger, Rota, SynthError

ENVIRONMENT = Environment(account="123456789012", region="eu-west-1")
ASKED = (
    "load-balancer:account=123456789012:loadBalancerTags.0.key=app:loadBalancerTags.0.value=shop:"
    "loadBalancerType=application:region=eu-west-1"
)


def _found(name):
    """What the command line writes into cdk.context.json for a balancer of that DNS name."""
    return {
        ASKED: {
            "ipAddressType": "ipv4",
            "loadBalancerArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c495c0c",
            "loadBalancerCanonicalHostedZoneId": "Z32O12XQLNTSW2",
            "loadBalancerDnsName": name,
            "securityGroupIds": ["sg-0a1b2c3d"],
            "vpcId": "vpc-0a1b2c3d",
        }
    }


@pytest.fixture
def looked_up():
    """A stack, an endpoint behind a balancer that is looked up there, and a group of servers in its VPC."""

    def make(context=None, **keywords):
        stack = Stack(App(builtin_cloud_formation_validation=False, context=context), "Test", env=ENVIRONMENT)
        tags = {"app": "shop"}
        balancer = elbv2.ApplicationLoadBalancer.from_lookup(stack, "Balancer", load_balancer_tags=tags)
        listener = elbv2.ApplicationListener.from_lookup(stack, "Listener", load_balancer_tags=tags, listener_port=80)
        vpc = ec2.Vpc.from_vpc_attributes(
            stack,
            "Vpc",
            vpc_id="vpc-0a1b2c3d",
            availability_zones=["eu-west-1a"],
            private_subnet_ids=["subnet-0a1b2c3d"],
        )
        servers = elbv2.ApplicationTargetGroup(
            stack,
            "Servers",
            vpc=vpc,
            port=8080,
            target_type=elbv2.TargetType.IP,
            protocol=elbv2.ApplicationProtocol.HTTP,
        )
        given = {"load_balancer": balancer, "protocol": "http", "target_group": servers} | keywords
        return stack, AlbEndpoint(listener, **given), vpc

    return make


@pytest.fixture
def deploy_at(declare, web):
    def make(stack, place, target=web):
        manifest = Manifest(name="shop", jobs=[declare("refresh-prices", target=target)])
        return Rota(stack, "Jobs", manifest=manifest, endpoints={"web": place})

    return make


def test_plain_http_passes_until_it_is_known_whether_the_balancer_is_internal(looked_up, deploy_at):
    stack, place, _ = looked_up()
    deploy_at(stack, place)

    assert Template.from_stack(stack)


def test_it_is_refused_once_it_is_known_to_be_internet_facing(looked_up, deploy_at):
    stack, place, _ = looked_up(_found("shop-1.eu-west-1.elb.amazonaws.com"))

    with pytest.raises(SynthError, match="its listener speaks plain HTTP on an internet-facing load balancer"):
        deploy_at(stack, place)


def test_it_passes_once_it_is_known_to_be_internal(looked_up, deploy_at):
    stack, place, _ = looked_up(_found("internal-shop-1.eu-west-1.elb.amazonaws.com"))

    assert deploy_at(stack, place).trigger.security_group


@pytest.mark.parametrize("context", [None, _found("internal-shop-1.eu-west-1.elb.amazonaws.com")])
def test_every_server_passes_until_the_vpc_is_known_too(looked_up, deploy_at, web, context):
    stack, place, _ = looked_up(context, server_scheme="http")
    deploy_at(stack, place, EveryServer(web))

    assert Template.from_stack(stack)


def test_a_vpc_that_is_given_is_compared_once_that_of_the_balancer_is_known(looked_up, web):
    stack, place, vpc = looked_up(_found("internal-shop-1.eu-west-1.elb.amazonaws.com"))

    assert FanoutTrigger(stack, "Trigger", manifest="shop", endpoints={web: place}, vpc=vpc)
