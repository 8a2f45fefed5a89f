"""Stages of one manifest side by side."""

import json

import pytest

from rota_cdk import SynthError


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


@pytest.mark.parametrize("stage", ["", "pre-prod", "Staging", "a" * 17])
def test_a_stage_that_could_be_read_in_two_ways_is_refused(deploy, stage):
    with pytest.raises(SynthError, match=f"manifest 'shop': stage must be 1 to 16 .*; got '{stage}'"):
        deploy(stage=stage)
