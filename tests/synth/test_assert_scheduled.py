"""`assert_scheduled`: passes for what rota makes of any job, and says what is there in place of what is not."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

from rota import Cron, Endpoint, Every, Job, Manifest, Queue
from rota_cdk import Rota, UrlEndpoint
from rota_cdk.testing import assert_scheduled, new_stack, synth

MINUTE = timedelta(minutes=1)
QUEUE, WEB, CDN = Queue(name="reports"), Endpoint(name="web"), Endpoint(name="cdn")


@dataclass(frozen=True)
class Report:
    kind: str = "daily <all> {of} them"


def job(name: str, schedule: Any, target: Any = QUEUE, **more: Any) -> Job[Any]:
    return Job(name=name, handler="shop.jobs:run", target=target, schedule=schedule, **more)


EVERY_KIND = [
    job("a-rule", Cron("0 2 * * *")),
    job("a-zone", Cron("0 2 * * *", time_zone="Europe/Berlin")),
    job("two-expressions", Cron("0 2 13 * FRI")),
    job("an-interval", Every(7 * MINUTE)),
    job("asleep", Cron("0 3 * * *"), enabled=False),
    job("with-a-payload", Cron("0 4 * * *"), payload=Report, input=Report()),
    job("flexible", Cron("0 5 * * *", flexible_window=15 * MINUTE)),
    job("posted", Cron("0 6 * * *"), target=[WEB, CDN]),
    job("together-1", Cron("0 7 * * *"), target=WEB),
    job("together-2", Cron("0 7 * * *"), target=WEB, payload=Report, input=Report("weekly")),
    job("x" * 64, Cron("0 8 * * *")),
]
MANIFEST = Manifest(name="shop", jobs=EVERY_KIND)
PLACES = {"web": UrlEndpoint("https://example.com"), "cdn": UrlEndpoint("https://cdn.example.com")}


def deploy(stack: Stack, **more: Any) -> Rota:
    given: dict[str, Any] = {"endpoints": PLACES, "together": [["together-1", "together-2"]]} | more
    return Rota(stack, f"Jobs{more.get('stage', '')}", manifest=MANIFEST, **given)


@pytest.fixture(scope="module", params=["rules", "scheduler"])
def template(request: pytest.FixtureRequest) -> Template:
    stack = new_stack()
    deploy(stack, schedules_with=request.param)
    return Template.from_stack(stack)


@pytest.mark.parametrize("each", EVERY_KIND, ids=lambda each: each.name[:20])
def test_every_kind_of_job_is_found_as_it_is_declared(template: Template, each: Job[Any]) -> None:
    assert_scheduled(template, each)


@pytest.mark.parametrize("schedules_with", ["rules", "scheduler"])
def test_of_shards_the_one_is_found_that_has_the_job(schedules_with: Any) -> None:
    stack = new_stack()
    rota = deploy(stack, schedules_with=schedules_with, shards=3)
    templates = [Template.from_stack(shard) for shard in (stack, *rota.shards)]
    for each in EVERY_KIND:
        assert_scheduled(rota, each)
        assert_scheduled(templates, each)
    with pytest.raises(AssertionError, match="no rule or schedule names it"):
        assert_scheduled(stack, EVERY_KIND[0])


def refused(template: Template, each: Job[Any]) -> str:
    with pytest.raises(AssertionError) as error:
        assert_scheduled(template, each)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "other", "said"),
    [
        (
            "a-rule",
            {"schedule": Cron("30 2 * * *")},
            "expressions: expected cron(30 2 * * ? *); there is cron(0 2 * * ? *)",
        ),
        (
            "two-expressions",
            {"schedule": Cron("0 2 13 * *")},
            "expressions: expected cron(0 2 13 * ? *); there is cron(0 2 13 * ? *), cron(0 2 ? * 6 *)",
        ),
        (
            "a-zone",
            {"schedule": Cron("0 2 * * *", time_zone="Asia/Tokyo")},
            "shop-default.a-zone: zone: expected Asia/Tokyo; there is Europe/Berlin",
        ),
        ("a-rule", {"enabled": False}, "shop-default.a-rule: state: expected DISABLED; there is ENABLED"),
        ("asleep", {"enabled": True}, "shop-default.asleep: state: expected ENABLED; there is DISABLED"),
        (
            "a-rule",
            {"target": Queue(name="other")},
            "target: expected shop-default_other; there is shop-default_reports",
        ),
        ("with-a-payload", {"input": Report("x")}, "payload: expected {'kind': 'x'}; there is {'kind': 'daily <all>"),
        (
            "flexible",
            {"schedule": Cron("0 5 * * *", flexible_window=MINUTE)},
            "flexible window: expected 1 min; there is 15 min",
        ),
        ("flexible", {"schedule": Cron("0 5 * * *")}, "flexible window: expected None; there is 15 min"),
        (
            "posted",
            {"target": [WEB]},
            "post: expected {'endpoints': ['web'], 'attempts': 3}; there is {'endpoints': ['web', ",
        ),
    ],
)
def test_what_is_there_instead_is_said(template: Template, name: str, other: dict[str, Any], said: str) -> None:
    found = MANIFEST.find(name)
    assert found is not None
    told = refused(template, replace(found, **other))
    assert told.startswith(f"job {name!r} is not scheduled as it is declared:\n")
    assert said in told


def without(template: Template, change: Callable[[dict[str, Any]], object]) -> Template:
    """The template with the rule or schedule of "a-rule" changed by hand."""
    changed = copy.deepcopy(dict(template.to_json()))
    (made,) = [
        found["Properties"]
        for found in changed["Resources"].values()
        if found.get("Properties", {}).get("Name") == "shop-default.a-rule"
    ]
    change(made["Targets"][0] if "Targets" in made else made["Target"])
    return Template.from_json(changed)


def test_a_target_without_a_dead_letter_queue_is_found(template: Template) -> None:
    lacking = without(template, lambda target: target.pop("DeadLetterConfig"))
    wanted = "what cannot be delivered goes to: expected shop-default_reports_undelivered; there is None"
    assert wanted in refused(lacking, EVERY_KIND[0])


def test_a_message_that_names_no_job_is_none_of_its(template: Template) -> None:
    def forget(target: dict[str, Any]) -> None:
        target.pop("InputTransformer", None)
        target.pop("Input", None)

    told = refused(without(template, forget), EVERY_KIND[0])
    assert "no rule or schedule names it; there are those of 'a-zone', 'an-interval', 'asleep'" in told


def test_of_two_stages_in_a_stack_one_is_to_be_named() -> None:
    stack = new_stack()
    for stage in ("blue", "green"):
        Rota(stack, stage, manifest=Manifest(name="shop", jobs=[EVERY_KIND[0]]), stage=stage)
    template = Template.from_stack(stack)
    assert "say which one is meant: stage='blue'" in refused(template, EVERY_KIND[0])
    assert_scheduled(template, EVERY_KIND[0], stage="green")


def test_a_template_without_any_of_it_says_so() -> None:
    stack = new_stack()
    sns.Topic(stack, "Topic")
    assert "there are those of no job" in refused(Template.from_stack(stack), EVERY_KIND[0])


def test_a_job_without_a_schedule_is_a_mistake_of_the_test() -> None:
    unscheduled = job("send-invoice", None)
    template = synth(Manifest(name="shop", jobs=[unscheduled]))
    with pytest.raises(ValueError, match="job 'send-invoice' has no schedule: nothing makes it due"):
        assert_scheduled(template, unscheduled)
