"""Servers and their balancer in the application's stack, Rota in another: no circle of the two."""

import json

import pytest
from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Annotations as Found
from aws_cdk.assertions import Match, Template

from rota import EveryServer, Manifest
from rota_cdk import AlbEndpoint, Rota

HOST = "app.example.com"


@pytest.fixture
def shop(stack):
    """The application's stack."""
    return Stack(stack.node.root, "Shop")


@pytest.fixture
def there(balance, shop):
    return balance(scope=shop)


@pytest.fixture
def service(shop, there):
    """Servers behind the balancer, which wait for it."""
    task = ecs.FargateTaskDefinition(shop, "Task")
    image = ecs.ContainerImage.from_registry("web")
    task.add_container("web", image=image, port_mappings=[ecs.PortMapping(container_port=8080)])
    cluster = ecs.Cluster(shop, "Cluster", vpc=there.vpc)
    made = ecs.FargateService(shop, "Service", cluster=cluster, task_definition=task)
    there.servers.add_target(made)
    return made


@pytest.fixture
def deploy_in(stack, declare, web):
    def make(place, *, scope=stack, target=web, **keywords):
        manifest = Manifest(name="shop", jobs=[declare("refresh-prices", target=target)])
        return Rota(scope, "Jobs", manifest=manifest, endpoints={"web": place}, **keywords)

    return make


def _policies(stack):
    return Template.from_stack(stack).find_resources("AWS::IAM::Policy")


def _of(stack, name):
    """The policies with that in their names, by which IAM tells those of a role apart."""
    found = [policy["Properties"] for policy in _policies(stack).values()]
    return [policy for policy in found if name in policy["PolicyName"]]


@pytest.fixture
def server(shop):
    return iam.Role(shop, "Server", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))


@pytest.fixture
def rota(deploy_in, stack, there):
    """With queues and secret of a key, which the grants then have to name."""
    return deploy_in(AlbEndpoint(there.listener, host=HOST), encryption_key=kms.Key(stack, "Key"))


@pytest.mark.parametrize("grant", ["grant_enqueue", "grant_consume", "grant_operate", "grant_verify", "grant_rotate"])
def test_what_a_role_beside_the_balancer_may_do_stands_beside_rota(rota, stack, shop, server, grant):
    assert isinstance(getattr(rota, grant)(server), iam.Grant)
    getattr(rota, grant)(server)

    assert _policies(shop) == {}
    (policy,) = _of(stack, "shopdefaultrota")
    assert "Fn::ImportValue" in json.dumps(policy["Roles"])
    assert "ssm:GetParameter" in json.dumps(policy["PolicyDocument"])
    assert stack.dependencies == [shop]


def test_a_grant_of_the_triggers_alone_does_too(deploy_in, shop, stack, there, server):
    rota = deploy_in(AlbEndpoint(there.listener, host=HOST))
    for grant in ("grant_enqueue", "grant_operate", "grant_verify", "grant_rotate"):
        getattr(rota.trigger, grant)(server)

    assert _policies(shop) == {}
    assert len(_of(stack, "shopdefaulttrigger")) == 1


def test_policies_of_two_stages_are_two(deploy_in, stack, there, server):
    other = Stack(stack.node.root, "Staging")
    place = AlbEndpoint(there.listener, host=HOST)
    deploy_in(place).grant_verify(server)
    deploy_in(place, scope=other, stage="staging").grant_verify(server)

    (first,), (second,) = _of(stack, "shopdefaultrota"), _of(other, "shopstagingrota")
    assert first["PolicyName"] != second["PolicyName"]


def test_a_role_of_a_stack_that_rota_needs_nothing_of_has_its_policy_there(deploy_in, stack, there, shop):
    elsewhere = Stack(stack.node.root, "Elsewhere")
    role = iam.Role(elsewhere, "Server", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
    deploy_in(AlbEndpoint(there.listener, host=HOST)).grant_verify(role)

    assert len(_policies(elsewhere)) == 1
    assert elsewhere.dependencies == [stack]


def test_servers_of_the_rules_target_group_do_not_wait_for_it(deploy_in, stack, shop, there, service):
    deploy_in(AlbEndpoint(there.listener, host=HOST, priority=10, target_group=there.servers))

    Template.from_stack(stack).resource_count_is("AWS::ElasticLoadBalancingV2::ListenerRule", 1)
    (made,) = Template.from_stack(shop).find_resources("AWS::ECS::Service").values()
    assert shop.get_logical_id(there.listener.node.default_child) in made["DependsOn"]


def test_the_balancer_may_reach_them_though_it_forwards_to_them_by_that_rule_alone(
    deploy_in, stack, shop, there, service
):
    vpc = there.vpc
    behind = elbv2.ApplicationTargetGroup(shop, "Behind", vpc=vpc, port=80, target_type=elbv2.TargetType.IP)
    group = ec2.SecurityGroup(shop, "Group", vpc=vpc)
    behind.register_connectable(group, ec2.Port.tcp(9090))
    deploy_in(AlbEndpoint(there.listener, host=HOST, priority=10, target_group=behind))

    Template.from_stack(shop).has_resource_properties(
        "AWS::EC2::SecurityGroupIngress",
        {"FromPort": 9090, "GroupId": shop.resolve(group.security_group_id)},
    )


def test_servers_let_the_trigger_in_from_its_own_stack(deploy_in, stack, there, service, web):
    place = AlbEndpoint(there.listener, host=HOST, target_group=there.servers, server_scheme="http")
    rota = deploy_in(place, target=EveryServer(web))
    rota.trigger.connections.allow_to(service, ec2.Port.tcp(8080))

    Template.from_stack(stack).has_resource_properties(
        "AWS::EC2::SecurityGroupIngress", {"FromPort": 8080, "GroupId": {"Fn::ImportValue": Match.any_value()}}
    )
    Found.from_stack(stack).has_no_warning("*", Match.string_like_regexp("gress"))
