"""`assert_scheduled` of templates changed by hand, as an override changes them: jobs that would not run are told."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_events as events
from aws_cdk.assertions import Template

from rota import Cron, Job, Manifest, Queue
from rota_cdk import Rota
from rota_cdk.testing import assert_scheduled, new_app, synth

QUEUE = Queue(name="reports")
A_RULE: Job[None] = Job(name="a-rule", handler="shop.jobs:run", target=QUEUE, schedule=Cron("0 2 * * *"))
A_ZONE: Job[None] = Job(
    name="a-zone", handler="shop.jobs:run", target=QUEUE, schedule=Cron("0 2 * * *", time_zone="Europe/Berlin")
)
MANIFEST = Manifest(name="shop", jobs=[A_RULE, A_ZONE])


@pytest.fixture(scope="module", params=["rules", "scheduler"])
def template(request: pytest.FixtureRequest) -> Template:
    return synth(MANIFEST, schedules_with=request.param)


@pytest.fixture(scope="module")
def rules() -> Template:
    return synth(MANIFEST)


def refused(where: Template | Stack, each: Job[Any]) -> str:
    with pytest.raises(AssertionError) as error:
        assert_scheduled(where, each)
    return str(error.value)


def changed(template: Template, name: str, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Template:
    """The template with a rule or schedule, and its target, changed by hand."""
    copied = copy.deepcopy(dict(template.to_json()))
    (made,) = [
        found["Properties"]
        for found in copied["Resources"].values()
        if found.get("Properties", {}).get("Name") == f"shop-default.{name}"
    ]
    change(made, made["Targets"][0] if "Targets" in made else made["Target"])
    return Template.from_json(copied)


QUEUE_ELSEWHERE = "arn:aws:sqs:eu-west-1:999999999999:shop-default_reports"
REGION_ELSEWHERE = {"Fn::Sub": "arn:aws:sqs:eu-west-1:${AWS::AccountId}:shop-default_reports"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda _, target: target.pop("DeadLetterConfig"),
            "what cannot be delivered goes to: expected shop-default_reports_undelivered; there is None",
        ),
        (
            lambda _, target: target.update(RetryPolicy={"MaximumRetryAttempts": 0}),
            "attempts to deliver: expected 185; there is 0",
        ),
        (
            lambda _, target: target.update(RetryPolicy={"MaximumEventAgeInSeconds": 60}),
            "seconds to deliver in: expected 86400; there is 60",
        ),
        (
            lambda _, target: target.update(Arn=QUEUE_ELSEWHERE),
            "account: expected the stack's own; there is 999999999999 and the stack's own",
        ),
        (
            lambda _, target: target.update(Arn=REGION_ELSEWHERE),
            "region: expected the stack's own; there is eu-west-1 and the stack's own",
        ),
    ],
)
def test_where_it_delivers_is_told(template: Template, change: Any, said: str) -> None:
    assert f"shop-default.a-rule: {said}" in refused(changed(template, "a-rule", change), A_RULE)


@pytest.mark.parametrize("given", [{}, {"RetryPolicy": {"MaximumEventAgeInSeconds": 86400}}])
def test_retries_that_are_not_set_are_those_of_aws(template: Template, given: dict[str, Any]) -> None:
    def change(_: object, target: dict[str, Any]) -> None:
        target.pop("RetryPolicy", None)
        target.update(given)

    assert_scheduled(changed(template, "a-rule", change), A_RULE)


def rewritten(text: str) -> Callable[[object, dict[str, Any]], object]:
    def change(_: object, target: dict[str, Any]) -> None:
        target.get("InputTransformer", target)["InputTemplate" if "InputTransformer" in target else "Input"] = text

    return change


def with_paths(paths: dict[str, str]) -> Callable[[object, dict[str, Any]], object]:
    return lambda _, target: target["InputTransformer"].update(InputPathsMap=paths)


YEAR = "2027-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("a-rule", lambda rule, _: rule.update(EventBusName="other"), "event bus: expected default; there is other"),
        ("a-rule", with_paths({}), "fired_at: expected $.time; there is <fired_at>"),
        ("a-rule", with_paths({"fired_at": "$.id"}), "fired_at: expected $.time; there is $.id"),
        (
            "a-rule",
            rewritten(f'{{"rota":1,"job":"a-rule","fired_at":"{YEAR}"}}'),
            f"fired_at: expected $.time; there is {YEAR}",
        ),
        (
            "a-rule",
            rewritten('{"rota":1,"job":"a-rule","run":"one-id-for-all","fired_at":<fired_at>}'),
            "run: expected None; there is one-id-for-all",
        ),
        (
            "a-zone",
            rewritten(f'{{"rota":1,"job":"a-zone","scheduled_at":"{YEAR}"}}'),
            f"scheduled_at: expected <aws.scheduler.scheduled-time>; there is {YEAR}",
        ),
        ("a-zone", lambda made, _: made.update(StartDate=YEAR), f"start date: expected None; there is {YEAR}"),
        ("a-zone", lambda made, _: made.update(EndDate=YEAR), f"end date: expected None; there is {YEAR}"),
        ("a-zone", lambda made, _: made.pop("GroupName"), "group: expected shop-default; there is default"),
        ("a-zone", lambda _, target: target.pop("RoleArn"), "role: expected one; there is None"),
        (
            "a-zone",
            lambda _, target: target.update(RoleArn="arn:aws:iam::999999999999:role/theirs"),
            "account: expected the stack's own; there is 999999999999 and the stack's own",
        ),
        (
            "a-rule",
            lambda rule, target: rule["Targets"].append(target),
            "there is cron(0 2 * * ? *), cron(0 2 * * ? *)",
        ),
    ],
)
def test_what_keeps_it_from_running_is_told(rules: Template, name: str, change: Any, said: str) -> None:
    each = {"a-rule": A_RULE, "a-zone": A_ZONE}[name]
    assert said in refused(changed(rules, name, change), each)


@pytest.mark.parametrize("env", [None, Environment(account="123456789012", region="eu-central-1")])
def test_given_the_stack_its_own_account_and_region_are_wanted(env: Environment | None) -> None:
    stack = Stack(new_app(), "Test", env=env)
    Rota(stack, "Jobs", manifest=MANIFEST)
    (rule,) = [
        found
        for found in stack.node.find_all()
        if isinstance(found, events.CfnRule) and found.name == "shop-default.a-rule"
    ]
    rule.add_property_override("Targets.0.Arn", QUEUE_ELSEWHERE)
    rule.add_property_override("Targets.0.DeadLetterConfig.Arn", f"{QUEUE_ELSEWHERE}_undelivered")
    told = refused(stack, A_RULE)
    assert "account: expected the stack's own; there is 999999999999\n" in told
    assert told.endswith("region: expected the stack's own; there is eu-west-1")


def test_a_message_that_names_no_job_is_none_of_its(template: Template) -> None:
    def forget(_: object, target: dict[str, Any]) -> None:
        target.pop("InputTransformer", None)
        target.pop("Input", None)

    told = refused(changed(template, "a-rule", forget), A_RULE)
    assert "no rule or schedule names it; there are those of 'a-zone'" in told
