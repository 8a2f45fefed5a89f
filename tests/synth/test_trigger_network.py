"""Where the trigger stands, and that it reaches from there what it has to reach."""

import json

import pytest
from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk.assertions import Annotations as Found
from aws_cdk.assertions import Match, Template

from rota import Endpoint
from rota_cdk import AlbEndpoint, FanoutTrigger, SynthError, UrlEndpoint

HOST = "app.example.com"
OUTSIDE = UrlEndpoint("https://example.com")


@pytest.fixture
def trigger(stack):
    def make(scope=None, **keywords):
        return FanoutTrigger(scope or stack, "Trigger", manifest="shop", **keywords)

    return make


@pytest.fixture
def only(of_type):
    def read(template, kind):
        (found,) = of_type(template, kind)
        return found

    return read


def test_behind_an_internal_balancer_it_stands_in_its_vpc_and_is_let_in(trigger, balance, stack, as_json, only):
    web = balance()
    made = trigger(endpoints={"web": AlbEndpoint(web.listener, host=HOST)})

    template = as_json(stack)
    placed = only(template, "AWS::Lambda::Function")["VpcConfig"]
    own = stack.resolve(made.security_group.security_group_id)
    assert placed["SecurityGroupIds"] == [own]
    assert placed["SubnetIds"] == [stack.resolve(subnet.subnet_id) for subnet in web.vpc.private_subnets]
    (rule,) = [
        found["Properties"]
        for found in template["Resources"].values()
        if found["Type"] == "AWS::EC2::SecurityGroupIngress" and found["Properties"]["SourceSecurityGroupId"] == own
    ]
    (group,) = web.made.connections.security_groups
    assert rule["GroupId"] == stack.resolve(group.security_group_id)
    assert (rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) == (443, 443, "tcp")


def test_in_a_vpc_it_may_make_network_interfaces_and_outside_it_may_not(trigger, balance, stack, as_json):
    trigger(endpoints={"web": AlbEndpoint(balance().listener, host=HOST)})
    other = Stack(stack.node.root, "Other")
    trigger(other, endpoints={"web": OUTSIDE}, stage="other")

    assert "ec2:CreateNetworkInterface" in json.dumps(as_json(stack))
    assert "ec2:" not in json.dumps(as_json(other))


def test_behind_an_internet_facing_balancer_it_stands_outside_and_no_rule_lets_it_in(trigger, balance, stack, as_json):
    made = trigger(endpoints={"web": AlbEndpoint(balance(internal=False).listener, host=HOST)})

    template = as_json(stack)
    assert made.security_group is None
    assert "VpcConfig" not in json.dumps(template)
    assert "the trigger of rota posts runs" not in json.dumps(template)


def test_the_balancer_may_stand_in_another_stack(trigger, balance, stack):
    network = Stack(stack.node.root, "Network")
    trigger(endpoints={"web": AlbEndpoint(balance(scope=network).listener, host=HOST, priority=7)})

    template = Template.from_stack(stack)  # a circle of the two would end it
    template.resource_count_is("AWS::EC2::SecurityGroupIngress", 1)
    template.resource_count_is("AWS::ElasticLoadBalancingV2::ListenerRule", 1)
    assert stack.dependencies == [network]


def test_internal_balancers_of_one_vpc_share_the_function(trigger, balance, stack, as_json, of_type):
    first = balance()
    second = balance("Second", vpc=first.vpc, https=False)
    trigger(endpoints={"web": AlbEndpoint(first.listener, host=HOST), "api": AlbEndpoint(second.listener)})

    mine = [r for r in of_type(as_json(stack), "AWS::EC2::SecurityGroupIngress") if "trigger" in r["Description"]]
    assert sorted(rule["FromPort"] for rule in mine) == [80, 443]


def test_internal_balancers_of_two_vpcs_are_refused(trigger, balance):
    endpoints = {
        "web": AlbEndpoint(balance().listener, host=HOST),
        "api": AlbEndpoint(balance("Second").listener, host=HOST),
    }

    message = r"a function stands in one VPC, .* web in Test/WebVpc, api in Test/SecondVpc; give each VPC a manifest"
    with pytest.raises(SynthError, match=message):
        trigger(endpoints=endpoints)


def test_another_vpc_than_that_of_its_internal_balancer_is_refused(trigger, balance, stack):
    with pytest.raises(SynthError, match=r"web in Test/WebVpc, vpc= in Test/Mine"):
        trigger(endpoints={"web": AlbEndpoint(balance().listener, host=HOST)}, vpc=ec2.Vpc(stack, "Mine", max_azs=1))


@pytest.mark.parametrize("outside", ["url", "internet-facing"])
def test_internal_and_external_endpoints_go_together_where_there_is_a_way_out(
    trigger, balance, isolated, stack, outside
):
    def endpoints(inside):
        there = OUTSIDE if outside == "url" else AlbEndpoint(balance(f"X{inside}", internal=False).listener, host=HOST)
        return {"web": AlbEndpoint(balance(f"I{inside}", vpc=inside_vpc).listener, host=HOST), "cdn": there}

    inside_vpc = isolated
    message = "in VPC Test/Isolated, in subnets without a way out, and 'cdn' is reached over the internet; give vpc_sub"
    with pytest.raises(SynthError, match=message):
        trigger(Stack(stack.node.root, "Refused"), endpoints=endpoints(1))

    inside_vpc = ec2.Vpc(stack, "Open", max_azs=1)
    assert trigger(endpoints=endpoints(2)).security_group


def test_the_subnets_may_be_chosen(trigger, balance, stack, as_json, only):
    web = balance()
    trigger(
        endpoints={"web": AlbEndpoint(web.listener, host=HOST)},
        vpc_subnets=ec2.SubnetSelection(subnets=web.vpc.private_subnets[:1]),
    )

    (subnet,) = only(as_json(stack), "AWS::Lambda::Function")["VpcConfig"]["SubnetIds"]
    assert subnet == stack.resolve(web.vpc.private_subnets[0].subnet_id)


def test_subnets_of_no_vpc_are_refused(trigger):
    with pytest.raises(SynthError, match="vpc_subnets= is given, but the function stands in no VPC"):
        trigger(endpoints={"web": OUTSIDE}, vpc_subnets=ec2.SubnetSelection(one_per_az=True))


def test_a_function_may_be_put_into_a_vpc_and_servers_may_let_it_in(trigger, stack, as_json, only, of_type):
    vpc = ec2.Vpc(stack, "Mine", max_azs=1)
    made = trigger(endpoints={"web": OUTSIDE}, vpc=vpc)
    ec2.SecurityGroup(stack, "Servers", vpc=vpc).connections.allow_from(made, ec2.Port.tcp(8080))

    template = as_json(stack)
    assert only(template, "AWS::Lambda::Function")["VpcConfig"]
    (rule,) = of_type(template, "AWS::EC2::SecurityGroupIngress")
    assert (rule["FromPort"], rule["SourceSecurityGroupId"]) == (
        8080,
        stack.resolve(made.security_group.security_group_id),
    )


@pytest.fixture
def guarded(stack):
    """Listeners of an internal balancer whose security group is imported, and may be changed or not."""

    def make(*, mutable):
        vpc = ec2.Vpc(stack, "Guarded", max_azs=2)
        group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-0a1b2c3d", mutable=mutable)
        made = elbv2.ApplicationLoadBalancer(stack, "Balancer", vpc=vpc, security_group=group)
        action = elbv2.ListenerAction.fixed_response(404)
        return [made.add_listener(f"At{port}", port=port, open=False, default_action=action) for port in (80, 8080)]

    return make


def test_a_balancer_whose_group_may_not_be_changed_is_warned_of(trigger, guarded, stack):
    first, second = guarded(mutable=False)
    trigger(endpoints={"web": AlbEndpoint(first), "api": AlbEndpoint(second)})

    for name, port in {"web": 80, "api": 8080}.items():
        message = rf"endpoint '{name}': the security group .* sg-0a1b2c3d, let the trigger's group in at port {port} "
        Found.from_stack(stack).has_warning("/Test/Trigger", Match.string_like_regexp(message))


def test_one_whose_group_may_be_changed_is_not(trigger, guarded, stack):
    first, _ = guarded(mutable=True)
    trigger(endpoints={"web": AlbEndpoint(first), Endpoint(name="api", path="/api/jobs"): AlbEndpoint(first)})

    Found.from_stack(stack).has_no_warning("*", Match.string_like_regexp("may not be changed"))
