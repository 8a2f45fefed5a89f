"""That a trigger in a VPC reaches the services of AWS it asks."""

import pytest
from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Annotations as Found
from aws_cdk.assertions import Match, Template
from aws_cdk.aws_elasticloadbalancingv2 import TargetType

from rota_cdk import AlbEndpoint, FanoutTrigger

HOST = "app.example.com"
SERVICES = ec2.InterfaceVpcEndpointAwsService


@pytest.fixture
def trigger(stack):
    def make(**keywords):
        return FanoutTrigger(stack, "Trigger", manifest="shop", **keywords)

    return make


def test_without_a_way_out_every_missing_interface_endpoint_is_named(trigger, balance, isolated, as_json, stack):
    trigger(endpoints={"web": AlbEndpoint(balance(vpc=isolated).listener, host=HOST)})

    message = (
        "FanoutTrigger 'Trigger': its subnets have no way out, and VPC Test/Isolated has no interface endpoint for "
        "sqs, secretsmanager; add them .* InterfaceVpcEndpointAwsService.SQS, "
        "InterfaceVpcEndpointAwsService.SECRETS_MANAGER"
    )
    with pytest.raises(RuntimeError, match=message):
        as_json(stack)


def test_interface_endpoints_may_be_added_later_in_the_program_and_elsewhere(
    trigger, balance, isolated, as_json, stack
):
    trigger(endpoints={"web": AlbEndpoint(balance(vpc=isolated).listener, host=HOST)})
    isolated.add_interface_endpoint("Sqs", service=SERVICES.SQS)
    ec2.InterfaceVpcEndpoint(
        Stack(stack.node.root, "Endpoints"), "Secrets", vpc=isolated, service=SERVICES.SECRETS_MANAGER
    )

    assert as_json(stack)


def test_those_of_another_vpc_and_those_that_names_do_not_lead_to_do_not_count(
    trigger, balance, isolated, as_json, stack
):
    trigger(endpoints={"web": AlbEndpoint(balance(vpc=isolated).listener, host=HOST)})
    isolated.add_interface_endpoint("Sqs", service=SERVICES.SQS, private_dns_enabled=False)
    ec2.Vpc(stack, "Other", max_azs=1).add_interface_endpoint("Secrets", service=SERVICES.SECRETS_MANAGER)

    with pytest.raises(RuntimeError, match="no interface endpoint for sqs, secretsmanager;"):
        as_json(stack)


@pytest.mark.parametrize(
    ("targets", "missing"),
    [
        ("IP", "sqs, secretsmanager, elasticloadbalancing"),
        ("INSTANCE", "sqs, secretsmanager, elasticloadbalancing, ec2"),
    ],
)
def test_every_server_takes_more_of_them(trigger, balance, isolated, targets, missing):
    there = balance(vpc=isolated, targets=TargetType[targets])
    place = AlbEndpoint(there.listener, host=HOST, target_group=there.servers, server_scheme="http")
    made = trigger(endpoints={"web": place})

    with pytest.raises(RuntimeError, match=rf"no interface endpoint for {missing};"):
        Template.from_stack(Stack.of(made))


def test_of_an_imported_vpc_without_a_way_out_the_synth_warns(trigger, balance, stack, as_json):
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Imported",
        vpc_id="vpc-1",
        availability_zones=["eu-west-1a", "eu-west-1b"],
        isolated_subnet_ids=["subnet-1", "subnet-2"],
    )
    trigger(endpoints={"web": AlbEndpoint(balance(vpc=vpc).listener, host=HOST)})

    assert as_json(stack)
    Found.from_stack(stack).has_warning(
        "/Test/Trigger",
        Match.string_like_regexp(
            "the VPC is imported, .* interface endpoints with private DNS for sqs, secretsmanager"
        ),
    )


def test_public_subnets_are_no_way_out_for_a_function(trigger, balance, stack, as_json):
    subnets = ec2.SubnetConfiguration(name="outside", subnet_type=ec2.SubnetType.PUBLIC)
    vpc = ec2.Vpc(stack, "Public", max_azs=2, subnet_configuration=[subnets])
    trigger(endpoints={"web": AlbEndpoint(balance(vpc=vpc).listener, host=HOST)})

    with pytest.raises(RuntimeError, match="no interface endpoint for sqs, secretsmanager"):
        as_json(stack)


def test_those_of_a_vpc_that_another_stack_calls_the_same_do_not_count(trigger, balance, isolated, as_json, stack):
    trigger(endpoints={"web": AlbEndpoint(balance(vpc=isolated).listener, host=HOST)})
    subnets = ec2.SubnetConfiguration(name="inside", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    namesake = ec2.Vpc(Stack(stack.node.root, "Namesake"), "Isolated", max_azs=2, subnet_configuration=[subnets])
    for service in ("SQS", "SECRETS_MANAGER"):
        namesake.add_interface_endpoint(service.title(), service=getattr(SERVICES, service))

    with pytest.raises(RuntimeError, match="no interface endpoint for sqs, secretsmanager;"):
        as_json(stack)


@pytest.fixture
def let_in(stack, as_json, of_type):
    """The security groups that have a rule of their own for the trigger's."""

    def read(made):
        own = stack.resolve(made.security_group.security_group_id)
        rules = of_type(as_json(stack), "AWS::EC2::SecurityGroupIngress")
        found = [rule for rule in rules if rule["SourceSecurityGroupId"] == own and "asks AWS" in rule["Description"]]
        return [rule["GroupId"] for rule in found if rule["FromPort"] == 443]

    return read


@pytest.mark.parametrize("elsewhere", [False, True])
def test_those_that_do_not_let_the_vpc_in_let_the_trigger_in(trigger, balance, stack, let_in, elsewhere):
    vpc = ec2.Vpc(Stack(stack.node.root, "Network") if elsewhere else stack, "Vpc", max_azs=1)
    made = trigger(endpoints={"web": AlbEndpoint(balance(vpc=vpc).listener, host=HOST)})
    closed = vpc.add_interface_endpoint("Sqs", service=SERVICES.SQS, open=False)
    vpc.add_interface_endpoint("Secrets", service=SERVICES.SECRETS_MANAGER)  # lets in whom CDK lets in

    (group,) = let_in(made)
    (expected,) = closed.connections.security_groups
    assert group == stack.resolve(expected.security_group_id)


def test_those_of_other_services_do_not(trigger, balance, isolated, let_in):
    made = trigger(endpoints={"web": AlbEndpoint(balance(vpc=isolated).listener, host=HOST)})
    for service in ("SQS", "SECRETS_MANAGER", "KMS"):
        isolated.add_interface_endpoint(service.title(), service=getattr(SERVICES, service), open=service != "KMS")

    assert let_in(made) == []
