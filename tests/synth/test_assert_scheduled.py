"""`assert_scheduled`: passes for what rota makes of any job, and says what is there in place of what is not."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

from rota import Cron, Endpoint, Every, Job, Manifest, Queue
from rota_cdk import Rota, UrlEndpoint
from rota_cdk.testing import assert_scheduled, new_app, new_stack, synth

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
    for home in (stack, templates[0]):
        told = refused(home, EVERY_KIND[0])
        assert "With shards, jobs are in stacks of their own: give the fixture rota_templates" in told


@pytest.mark.parametrize("schedules_with", ["rules", "scheduler"])
@pytest.mark.parametrize("shards", [None, 2])
def test_of_a_known_account_and_region_arns_may_be_literal(schedules_with: Any, shards: int | None) -> None:
    stack = Stack(new_app(), "Test", env=Environment(account="123456789012", region="eu-central-1"))
    rota = deploy(stack, schedules_with=schedules_with, shards=shards)
    templates = [Template.from_stack(shard) for shard in (stack, *rota.shards)]
    for each in EVERY_KIND:
        assert_scheduled(rota, each)
        assert_scheduled(templates, each)


def refused(template: Any, each: Job[Any]) -> str:
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


def test_of_two_stages_in_a_stack_one_is_to_be_named() -> None:
    stack = new_stack()
    for stage in ("blue", "green"):
        Rota(stack, stage, manifest=Manifest(name="shop", jobs=[EVERY_KIND[0]]), stage=stage)
    template = Template.from_stack(stack)
    assert "say which one is meant: stage='blue'" in refused(template, EVERY_KIND[0])
    assert_scheduled(template, EVERY_KIND[0], stage="green")


def test_of_two_manifests_with_a_job_of_one_name_the_rota_is_to_be_given() -> None:
    stack = new_stack()
    there = {
        name: Rota(stack, name, manifest=Manifest(name=name, jobs=[each]), stage="prod")
        for name, each in {"shop": EVERY_KIND[0], "till": replace(EVERY_KIND[0], schedule=Cron("0 5 * * *"))}.items()
    }
    told = refused(Template.from_stack(stack), EVERY_KIND[0])
    assert "it is there in shop-prod, till-prod; say which one is meant: its Rota in place of the template" in told
    assert_scheduled(there["shop"], EVERY_KIND[0])
    assert "expected cron(0 2 * * ? *); there is cron(0 5 * * ? *)" in refused(there["till"], EVERY_KIND[0])


def test_a_job_that_a_rota_lacks_fails_with_those_that_it_has() -> None:
    rota = Rota(new_stack(), "Jobs", manifest=Manifest(name="shop", jobs=EVERY_KIND[:2]), shards=2)
    told = refused(rota, EVERY_KIND[2])
    assert told.endswith("no rule or schedule names it; there are those of 'a-rule', 'a-zone'")


def test_a_template_without_any_of_it_says_so() -> None:
    stack = new_stack()
    sns.Topic(stack, "Topic")
    assert "there are those of no job" in refused(Template.from_stack(stack), EVERY_KIND[0])


def test_a_job_without_a_schedule_is_a_mistake_of_the_test() -> None:
    unscheduled = job("send-invoice", None)
    template = synth(Manifest(name="shop", jobs=[unscheduled]))
    with pytest.raises(ValueError, match="job 'send-invoice' has no schedule: nothing makes it due"):
        assert_scheduled(template, unscheduled)
