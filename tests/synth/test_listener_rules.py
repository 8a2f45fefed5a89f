"""The listener rule that lets an endpoint's requests through, on request."""

import pytest
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from rota import Endpoint
from rota_cdk import AlbEndpoint, FanoutTrigger, SynthError

HOST = "app.example.com"
RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"


@pytest.fixture
def rules(stack, as_json, of_type):
    """The rules that a trigger with these endpoints makes."""

    def make(endpoints):
        FanoutTrigger(stack, "Trigger", manifest="shop", endpoints=endpoints)
        return of_type(as_json(stack), RULE)

    return make


@pytest.fixture
def bare(stack):
    """An internal balancer whose listener answers by itself."""
    vpc = ec2.Vpc(stack, "BareVpc", max_azs=2)
    made = elbv2.ApplicationLoadBalancer(stack, "Bare", vpc=vpc)
    action = elbv2.ListenerAction.fixed_response(404)
    return made.add_listener("Listener", port=80, open=False, default_action=action)


def test_none_is_made_unless_asked_for(rules, balance):
    assert rules({"web": AlbEndpoint(balance().listener, host=HOST)}) == []


def test_it_forwards_the_path_and_below_it_as_the_listener_does_by_default(rules, balance, stack):
    web = balance()
    (rule,) = rules({Endpoint(name="web", path="/rota/jobs"): AlbEndpoint(web.listener, host=HOST, priority=10)})

    group = stack.resolve(web.servers.target_group_arn)
    assert rule["Actions"] == [{"Type": "forward", "TargetGroupArn": group}]
    assert rule["Priority"] == 10
    assert rule["ListenerArn"] == stack.resolve(web.listener.listener_arn)
    assert rule["Conditions"] == [
        {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/rota/jobs", "/rota/jobs/*"]}},
        {"Field": "host-header", "HostHeaderConfig": {"Values": [HOST]}},
    ]


def test_without_host_it_asks_for_the_path_alone(rules, balance):
    (rule,) = rules({"web": AlbEndpoint(balance(https=False).listener, priority=10)})

    assert [condition["Field"] for condition in rule["Conditions"]] == ["path-pattern"]


def test_a_default_action_of_several_weighted_groups_is_taken_over_whole(rules, balance, stack):
    web = balance()
    other = elbv2.ApplicationTargetGroup(stack, "Other", vpc=web.vpc, port=80, target_type=elbv2.TargetType.IP)
    action = elbv2.ListenerAction.weighted_forward(
        [
            elbv2.WeightedTargetGroup(target_group=web.servers, weight=9),
            elbv2.WeightedTargetGroup(target_group=other, weight=1),
        ]
    )
    listener = web.made.add_listener(
        "Weighted", port=81, protocol=elbv2.ApplicationProtocol.HTTP, default_action=action
    )

    (rule,) = rules({"web": AlbEndpoint(listener, priority=10)})
    (forward,) = rule["Actions"]
    assert [group["Weight"] for group in forward["ForwardConfig"]["TargetGroups"]] == [9, 1]


def test_the_default_action_may_be_set_later_in_the_program(stack, balance, as_json, of_type):
    web = balance()
    listener = web.made.add_listener("Later", port=82, protocol=elbv2.ApplicationProtocol.HTTP)
    FanoutTrigger(stack, "Trigger", manifest="shop", endpoints={"web": AlbEndpoint(listener, priority=10)})
    listener.add_target_groups("Default", target_groups=[web.servers])

    (rule,) = of_type(as_json(stack), RULE)
    assert rule["Actions"][0]["TargetGroupArn"] == stack.resolve(web.servers.target_group_arn)


def test_a_default_action_that_reaches_no_server_is_refused(rules, bare):
    message = "endpoint 'web': the listener's default action is fixed-response, .* give target_group=, where to forward"
    with pytest.raises(RuntimeError, match=message):
        rules({"web": AlbEndpoint(bare, priority=10)})


def test_a_target_group_is_forwarded_to_whatever_the_listener_does_by_default(rules, bare, stack):
    vpc = ec2.Vpc(stack, "Vpc", max_azs=1)
    servers = elbv2.ApplicationTargetGroup(stack, "Servers", vpc=vpc, port=80, target_type=elbv2.TargetType.IP)

    (rule,) = rules({"web": AlbEndpoint(bare, priority=10, target_group=servers)})

    assert rule["Actions"] == [{"Type": "forward", "TargetGroupArn": stack.resolve(servers.target_group_arn)}]


def test_the_balancer_may_reach_the_servers_of_such_a_group(bare, stack, as_json, of_type):
    vpc = ec2.Vpc(stack, "Vpc", max_azs=1)
    servers = elbv2.ApplicationTargetGroup(stack, "Servers", vpc=vpc, port=80)
    group = ec2.SecurityGroup(stack, "Group", vpc=vpc)
    fleet = autoscaling.AutoScalingGroup(
        stack,
        "Fleet",
        vpc=vpc,
        instance_type=ec2.InstanceType("t4g.micro"),
        machine_image=ec2.MachineImage.latest_amazon_linux2023(),
        security_group=group,
    )
    servers.add_target(fleet)
    FanoutTrigger(
        stack, "Trigger", manifest="shop", endpoints={"web": AlbEndpoint(bare, priority=10, target_group=servers)}
    )

    into = [rule["GroupId"] for rule in of_type(as_json(stack), "AWS::EC2::SecurityGroupIngress")]
    assert stack.resolve(group.security_group_id) in into


def test_of_an_imported_listener_the_group_must_be_named(rules, stack, balance):
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")
    listener = elbv2.ApplicationListener.from_application_listener_attributes(
        stack, "Imported", listener_arn="arn:aws:elasticloadbalancing:listener/1", security_group=group
    )
    with pytest.raises(SynthError, match=r"where it forwards to is not known; give target_group= beside priority="):
        rules({"web": AlbEndpoint(listener, load_balancer=balance().made, host=HOST, priority=10)})


def test_two_endpoints_of_one_listener_and_priority_are_refused(rules, balance):
    web = AlbEndpoint(balance().listener, host=HOST, priority=10)

    with pytest.raises(SynthError, match="endpoints 'web' and 'api' have one listener and one priority; give each its"):
        rules({"web": web, Endpoint(name="api", path="/api/jobs"): web})
