"""Stages of one manifest side by side."""

import json

import pytest
from aws_cdk import App, Aws, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template

from rota_cdk import Rota, SynthError


def test_two_stages_in_one_stack_share_nothing(stack, deploy, as_json, of_type, statements):
    deploy("Staging", stage="staging")
    deploy("Production", stage="production")
    template = as_json(stack)

    for kind, name in [
        ("AWS::SQS::Queue", "QueueName"),
        ("AWS::Events::Rule", "Name"),
        ("AWS::Scheduler::Schedule", "Name"),
        ("AWS::Scheduler::ScheduleGroup", "Name"),
        ("AWS::SSM::Parameter", "Name"),
        ("AWS::DynamoDB::Table", "TableName"),
    ]:
        names = [found[name] for found in of_type(template, kind)]
        assert len(names) == len(set(names))
        halves = [{each for each in names if stage in each} for stage in ("staging", "production")]
        assert len(halves[0]) == len(halves[1]) == len(names) / 2
    for queue, policy in statements(template).items():
        other = "production" if "staging" in queue else "staging"
        assert other not in json.dumps(policy[1:]).lower().replace(f"jobs{other}", "")


def test_each_stage_has_resources_of_its_own_logical_names(stack, deploy, as_json):
    deploy("Staging", stage="staging")
    deploy("Production", stage="production")

    resources = as_json(stack)["Resources"]
    rules = {
        name: found["Properties"]["Targets"][0]["Arn"]["Fn::GetAtt"][0]
        for name, found in resources.items()
        if found["Type"] == "AWS::Events::Rule"
    }
    assert rules
    for rule, queue in rules.items():
        assert rule.startswith("Staging") == queue.startswith("Staging")


def test_the_same_stage_twice_in_a_stack_is_refused_with_the_way_out(stack, deploy, as_json):
    deploy("One")
    deploy("Two")

    with pytest.raises(RuntimeError, match=r"makes the SQS queue 'shop-default_billing' 2 times: .*Rota\(stage="):
        as_json(stack)


def _stacks(*environments):
    app = App(builtin_cloud_formation_validation=False)
    return [Stack(app, f"Shop{place}", env=environment) for place, environment in enumerate(environments)]


HERE, THERE = (Environment(account="123456789012", region=region) for region in ("eu-west-1", "eu-west-2"))


def test_the_same_stage_in_two_stacks_of_one_account_and_region_is_refused(shop):
    stacks = _stacks(HERE, HERE)
    for stack in stacks:
        Rota(stack, "Jobs", manifest=shop)

    message = r"stack Shop0 with Shop1 makes the SQS queue 'shop-default_billing' 2 times: .*Rota\(stage="
    with pytest.raises(RuntimeError, match=message):
        Template.from_stack(stacks[0])


@pytest.mark.parametrize("environments", [(HERE, THERE), (None, None), (HERE, None)])
def test_the_same_stage_in_stacks_that_may_go_elsewhere_passes(shop, environments):
    stacks = _stacks(*environments)
    for stack in stacks:
        Rota(stack, "Jobs", manifest=shop)

    Template.from_stack(stacks[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda stack: scheduler.CfnScheduleGroup(stack, "Mine", name="nightly"),
            "the schedule group 'nightly' 2 times",
        ),
        (
            lambda stack: iam.CfnRole(stack, "Mine", role_name="nightly", assume_role_policy_document={}),
            "the IAM role 'nightly' 2 times",
        ),
    ],
)
def test_two_schedule_groups_or_roles_of_one_name_are_refused(shop, make, message):
    stacks = _stacks(HERE, HERE)
    Rota(stacks[0], "Jobs", manifest=shop)
    for stack in stacks:
        make(stack)

    with pytest.raises(RuntimeError, match=f"stack Shop0 with Shop1 makes {message}"):
        Template.from_stack(stacks[0])


def test_a_queue_named_by_a_token_may_have_another_name_in_each_stack(shop):
    stacks = _stacks(HERE, HERE)
    Rota(stacks[0], "Jobs", manifest=shop)
    for stack in stacks:
        sqs.CfnQueue(stack, "Mine", queue_name=f"{Aws.STACK_NAME}-mine")

    Template.from_stack(stacks[0])


@pytest.mark.parametrize("stage", ["", "pre-prod", "Staging", "a" * 17])
def test_a_stage_that_could_be_read_in_two_ways_is_refused(deploy, stage):
    with pytest.raises(SynthError, match=f"manifest 'shop': stage must be 1 to 16 .*; got '{stage}'"):
        deploy(stage=stage)
