"""Jobs for every server: what the trigger needs to find them, and what is refused."""

import json

import pytest
from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk.assertions import Annotations as Found
from aws_cdk.assertions import Match

from rota import Cron, EveryServer, Manifest
from rota.trigger.config import TriggerConfig
from rota_cdk import AlbEndpoint, FanoutTrigger, Rota, RunLedger, ScheduledJob, SynthError, UrlEndpoint

HOST = "app.example.com"


@pytest.fixture
def deploy_for(stack, declare, web):
    """The shop with one job, for every server of an endpoint that is there."""

    def make(place, **keywords):
        manifest = Manifest(name="shop", jobs=[declare("drop-caches", target=EveryServer(web))])
        return Rota(stack, "Jobs", manifest=manifest, endpoints={"web": place}, **keywords)

    return make


@pytest.fixture
def servers(balance):
    """An endpoint whose servers can be asked one by one."""

    def make(targets=elbv2.TargetType.IP, *, internal=True, vpc=None, **keywords):
        there = balance(targets=targets, internal=internal, vpc=vpc)
        return AlbEndpoint(
            there.listener, **{"host": HOST, "target_group": there.servers, "server_scheme": "http"} | keywords
        )

    return make


def test_the_trigger_is_told_the_target_group_and_how_to_ask_its_servers(deploy_for, servers, stack, as_json, resolved):
    place = servers(server_scheme="https", server_name="server.internal")
    deploy_for(place)

    resources = as_json(stack)["Resources"]
    (function,) = [found["Properties"] for found in resources.values() if found["Type"] == "AWS::Lambda::Function"]
    told = TriggerConfig.decode(resolved(function["Environment"]["Variables"]["ROTA_TRIGGER"])).endpoints["web"]
    assert told.target_group == resolved(stack.resolve(place.target_group.target_group_arn))
    assert (told.server_tls, told.server_name) == (True, "server.internal")


@pytest.mark.parametrize(
    ("targets", "actions"),
    [
        (elbv2.TargetType.IP, {"elasticloadbalancing:DescribeTargetHealth"}),
        (elbv2.TargetType.INSTANCE, {"elasticloadbalancing:DescribeTargetHealth", "ec2:DescribeInstances"}),
    ],
)
def test_it_may_ask_for_targets_and_for_instances_only_where_targets_are_such(
    deploy_for, servers, as_json, targets, actions
):
    stack = Stack.of(deploy_for(servers(targets)))

    policy = json.dumps([r for r in as_json(stack)["Resources"].values() if r["Type"] == "AWS::IAM::Policy"])
    asked = {"elasticloadbalancing:DescribeTargetHealth", "ec2:DescribeInstances"}
    assert {action for action in asked if action in policy} == actions


def test_the_type_of_the_targets_may_be_decided_later_in_the_program(deploy_for, servers, stack, as_json):
    place = servers(targets=None)
    deploy_for(place)
    group = ec2.SecurityGroup(stack, "Group", vpc=place.vpc)
    place.target_group.register_connectable(group)
    place.target_group.node.default_child.target_type = "instance"

    assert "ec2:DescribeInstances" in json.dumps(as_json(stack))


def test_without_every_server_it_may_ask_nobody(stack, balance, declare, web, as_json):
    there = balance()
    place = AlbEndpoint(there.listener, host=HOST, priority=10, target_group=there.servers)
    Rota(stack, "Jobs", manifest=Manifest(name="shop", jobs=[declare("close", target=web)]), endpoints={"web": place})

    assert "DescribeTargetHealth" not in json.dumps(as_json(stack))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"target_group": None, "server_scheme": None}, r"give target_group="),
        ({"server_scheme": None}, r"does not say how servers are asked one by one; give server_scheme="),
    ],
)
def test_what_is_missing_is_refused_by_the_jobs_name(deploy_for, servers, keywords, message):
    with pytest.raises(SynthError, match=rf"job 'drop-caches': EveryServer\('web'\): (?s:.*){message}"):
        deploy_for(servers(**keywords))


def test_servers_over_https_need_a_name(deploy_for, servers):
    with pytest.raises(SynthError, match=r"endpoint 'web': server_scheme=\"https\" needs server_name="):
        deploy_for(servers(server_scheme="https"))


def test_behind_a_url_nobody_knows_the_servers(deploy_for):
    with pytest.raises(SynthError, match=r"job 'drop-caches': EveryServer\('web'\): a URL does not tell which servers"):
        deploy_for(UrlEndpoint("https://example.com"))


def test_a_scheduled_job_of_a_trigger_on_its_own_is_checked_too(stack, declare, web):
    trigger = FanoutTrigger(stack, "Trigger", endpoints={web: UrlEndpoint("https://example.com")})

    with pytest.raises(SynthError, match=r"job 'drop-caches': EveryServer\('web'\): a URL"):
        ScheduledJob(
            stack, "Job", job=declare("drop-caches", Cron("0 2 * * *"), target=EveryServer(web)), trigger=trigger
        )


def test_targets_that_are_lambdas_are_refused(deploy_for, stack, balance, as_json):
    group = elbv2.ApplicationTargetGroup(stack, "Lambdas", target_type=elbv2.TargetType.LAMBDA)
    deploy_for(AlbEndpoint(balance().listener, host=HOST, target_group=group, server_scheme="http"))

    with pytest.raises(RuntimeError, match=r"endpoint 'web': .*targets of type ip or instance; .* has type lambda"):
        as_json(stack)


def test_servers_of_another_vpc_are_refused(deploy_for, stack, balance, as_json):
    elsewhere = balance("Elsewhere")
    deploy_for(AlbEndpoint(balance().listener, host=HOST, target_group=elsewhere.servers, server_scheme="http"))

    with pytest.raises(
        RuntimeError, match=r"endpoint 'web': .* the trigger stands in Test/WebVpc, its target group else"
    ):
        as_json(stack)


def test_servers_of_a_vpc_that_another_stack_calls_the_same_are_refused(deploy_for, stack, balance, as_json):
    other = Stack(stack.node.root, "Other")
    servers = elbv2.ApplicationTargetGroup(
        other, "Servers", vpc=ec2.Vpc(other, "WebVpc"), port=80, target_type=elbv2.TargetType.IP
    )
    deploy_for(AlbEndpoint(balance().listener, host=HOST, target_group=servers, server_scheme="http"))

    with pytest.raises(RuntimeError, match=r"the trigger stands in Test/WebVpc, its target group elsewhere"):
        as_json(stack)


def test_servers_behind_an_internet_facing_balancer_are_refused_for_the_trigger_stands_outside(
    deploy_for, servers, stack, as_json
):
    deploy_for(servers(internal=False))

    with pytest.raises(RuntimeError, match=r"the trigger stands outside of any; give .* FanoutTrigger\(vpc=...\)"):
        as_json(stack)


def test_a_trigger_in_the_servers_vpc_reaches_them_all_the_same(stack, servers, declare, web, as_json):
    place = servers(internal=False)
    ledger = RunLedger(stack, "Ledger", manifest="shop")
    trigger = FanoutTrigger(stack, "Trigger", manifest="shop", endpoints={web: place}, vpc=place.vpc, ledger=ledger)
    Rota(
        stack,
        "Jobs",
        manifest=Manifest(name="shop", jobs=[declare("drop-caches", target=EveryServer(web))]),
        trigger=trigger,
    )

    assert as_json(stack)


def test_of_an_imported_target_group_the_synth_warns(deploy_for, stack, balance, as_json):
    group = elbv2.ApplicationTargetGroup.from_target_group_attributes(
        stack, "Imported", target_group_arn="arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/1"
    )
    deploy_for(AlbEndpoint(balance().listener, host=HOST, target_group=group, server_scheme="http"))

    assert "ec2:DescribeInstances" in json.dumps(as_json(stack))
    Found.from_stack(stack).has_warning("/Test/Jobs/Trigger", Match.string_like_regexp("its target group is imported"))
