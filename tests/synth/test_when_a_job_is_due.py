"""Which jobs become rules, which become schedules, and what these say."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk.assertions import Template

from rota import Cron, Every, Manifest, Once
from rota.envelope import Envelope
from rota_cdk import Rota, ScheduledJob
from rota_cdk.testing import new_stack, synth


def test_a_cron_in_utc_becomes_a_rule(template, due):
    rule = due(template, "Events::Rule")["shop-staging.close-books"]

    assert rule["ScheduleExpression"] == "cron(0 2 * * ? *)"
    assert rule["State"] == "ENABLED"
    assert rule["Description"] == "Every night"


def test_an_interval_that_divides_the_day_becomes_a_rule_that_is_never_a_rate(template, due):
    rules = due(template, "Events::Rule")

    assert rules["shop-staging.every-five-minutes"]["ScheduleExpression"] == "cron(0/5 * * * ? *)"
    assert not any(rule["ScheduleExpression"].startswith("rate") for rule in rules.values())


def test_an_interval_that_takes_several_expressions_becomes_numbered_rules(template, due):
    rules = {name: rule for name, rule in due(template, "Events::Rule").items() if ".every-48-minutes" in name}

    assert sorted(rules) == ["shop-staging.every-48-minutes"] + [
        f"shop-staging.every-48-minutes.{ordinal}" for ordinal in range(2, len(rules) + 1)
    ]
    assert {rule["ScheduleExpression"][5:-1] for rule in rules.values()} == {
        expression[5:-1] for expression in Every(timedelta(minutes=48)).aws_expressions()
    }


@pytest.mark.parametrize(
    ("name", "expression", "zone"),
    [
        ("berlin", "cron(0 2 * * ? *)", "Europe/Berlin"),
        ("every-seven-minutes", "rate(7 minutes)", "UTC"),
        ("launch", "at(2031-05-01T12:30:00)", "UTC"),
    ],
)
def test_a_zone_an_uneven_interval_and_a_single_instant_become_schedules(template, due, name, expression, zone):
    schedule = due(template, "Scheduler::Schedule")[f"shop-staging.{name}"]

    assert schedule["ScheduleExpression"] == expression
    assert schedule["ScheduleExpressionTimezone"] == zone
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["State"] == "ENABLED"


def test_a_flexible_window_becomes_one_of_a_schedule_even_in_utc(declare, due):
    jobs = [
        declare("flexible", Cron("0 2 * * *", flexible_window=timedelta(hours=1))),
        declare("flexible-once", Once(datetime(2031, 5, 1, tzinfo=UTC), flexible_window=timedelta(minutes=15))),
    ]

    template = synth(Manifest(name="shop", jobs=jobs)).to_json()

    windows = {name: made["FlexibleTimeWindow"] for name, made in due(template, "Scheduler::Schedule").items()}
    assert windows == {
        "shop-default.flexible": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60},
        "shop-default.flexible-once": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
    }


def test_a_job_without_a_schedule_becomes_neither(template, due):
    names = [*due(template, "Events::Rule"), *due(template, "Scheduler::Schedule")]

    assert not any("send-invoice" in name for name in names)


def test_enabled_false_stays_disabled_through_every_deploy(template, due):
    assert due(template, "Events::Rule")["shop-staging.asleep"]["State"] == "DISABLED"
    assert due(template, "Scheduler::Schedule")["shop-staging.asleep-in-tokyo"]["State"] == "DISABLED"


def test_schedules_with_scheduler_makes_all_of_them_schedules_that_say_the_same(shop, template, due, of_type):
    other = synth(shop, stage="staging", schedules_with="scheduler").to_json()
    rules = due(template, "Events::Rule")
    schedules = due(other, "Scheduler::Schedule")

    assert of_type(other, "AWS::Events::Rule") == []
    assert set(schedules) == set(rules) | set(due(template, "Scheduler::Schedule"))
    for name, rule in rules.items():
        assert schedules[name]["ScheduleExpression"] == rule["ScheduleExpression"]
        assert schedules[name]["ScheduleExpressionTimezone"] == "UTC"
        assert schedules[name]["State"] == rule["State"]


def test_schedules_lie_in_a_group_of_the_deployment(template, due, of_type):
    assert of_type(template, "AWS::Scheduler::ScheduleGroup") == [{"Name": "shop-staging"}]
    groups = {json.dumps(schedule["GroupName"]) for schedule in due(template, "Scheduler::Schedule").values()}
    (group,) = groups
    assert template["Resources"][json.loads(group)["Ref"]]["Type"] == "AWS::Scheduler::ScheduleGroup"


@pytest.mark.parametrize("kind", ["Events::Rule", "Scheduler::Schedule"])
def test_what_cannot_be_delivered_for_a_day_goes_to_the_undelivered_of_the_queue(template, due, kind):
    for name, found in due(template, kind).items():
        target = found["Targets"][0] if kind == "Events::Rule" else found["Target"]
        queue = "reports" if name.endswith(".report") else "billing"
        # Of a schedule, it is the default: 24 hours, 185 attempts.
        retries = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
        assert target.get("RetryPolicy") == (retries if kind == "Events::Rule" else None)
        to = template["Resources"][target["Arn"]["Fn::GetAtt"][0]]["Properties"]
        undelivered = template["Resources"][target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]]["Properties"]
        assert to["QueueName"] == f"shop-staging_{queue}"
        assert undelivered["QueueName"] == f"shop-staging_{queue}_undelivered"


def test_a_rule_waits_for_the_policies_that_let_it_in_for_a_refused_occurrence_is_lost(template):
    rules = [found for found in template["Resources"].values() if found["Type"] == "AWS::Events::Rule"]

    for rule in rules:
        types = [template["Resources"][name]["Type"] for name in rule["DependsOn"]]
        assert types == ["AWS::SQS::QueuePolicy"] * 2


def test_a_schedule_waits_for_the_policy_of_its_role(template):
    schedules = [found for found in template["Resources"].values() if found["Type"] == "AWS::Scheduler::Schedule"]

    for schedule in schedules:
        types = {template["Resources"][name]["Type"] for name in schedule["DependsOn"]}
        assert "AWS::IAM::Policy" in types


def test_a_rule_sends_the_time_at_which_it_fired(template, due):
    (target,) = due(template, "Events::Rule")["shop-staging.close-books"]["Targets"]
    transformer = target["InputTransformer"]

    assert transformer["InputPathsMap"] == {"fired_at": "$.time"}
    # Without quotes: EventBridge adds them around text.
    body = transformer["InputTemplate"].replace("<fired_at>", '"2031-05-01T02:00:00Z"')
    run = Envelope.decode(body)
    assert (run.job, run.payload) == ("close-books", {"kind": "daily"})
    assert run.fired_at is not None
    assert run.scheduled_at is None


def test_a_schedule_sends_the_occurrence(template, due):
    text = due(template, "Scheduler::Schedule")["shop-staging.berlin"]["Target"]["Input"]

    run = Envelope.decode(text.replace("<aws.scheduler.scheduled-time>", "2031-05-01T00:00:00Z"))
    assert (run.job, run.payload, run.fired_at) == ("berlin", None, None)
    assert run.scheduled_at is not None


def test_the_same_manifest_gives_the_same_template_each_time(shop, template):
    assert synth(shop, stage="staging").to_json() == template


def test_each_job_is_a_construct_under_its_own_name(deploy):
    rota = deploy()

    assert rota.node.find_child("close-books") is rota.jobs["close-books"]
    assert rota.jobs["close-books"].rules == (rota.jobs["close-books"].node.default_child,)
    assert rota.jobs["berlin"].schedules == (rota.jobs["berlin"].node.default_child,)
    assert isinstance(rota.jobs["close-books"], ScheduledJob)
    assert isinstance(rota.jobs["close-books"].node.default_child, events.CfnRule)
    assert [rule.node.id for rule in rota.jobs["every-48-minutes"].rules] == ["Rule", "Rule2", "Rule3", "Rule4"]
    assert "send-invoice" not in rota.jobs


@pytest.mark.parametrize("shards", [None, 2])
def test_a_rule_and_the_schedule_that_it_becomes_have_different_logical_ids(shop, shards):
    """CloudFormation refuses to make of a resource one of another type."""

    def made(schedules_with):
        rota = Rota(new_stack(), "Jobs", manifest=shop, schedules_with=schedules_with, shards=shards)
        stacks = rota.shards or (Stack.of(rota),)
        resources = [Template.from_stack(stack).to_json()["Resources"] for stack in stacks]
        return {(place, name): found["Type"] for place, each in enumerate(resources) for name, found in each.items()}

    before, after = made("rules"), made("scheduler")
    assert "AWS::Events::Rule" in before.values()
    assert {name: kind for name, kind in before.items() if after.get(name, kind) != kind} == {}


def test_a_job_may_be_called_like_its_queue(declare):
    manifest = Manifest(name="shop", jobs=[declare("billing", Cron("0 2 * * *"))])

    synth(manifest)
