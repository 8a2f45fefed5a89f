"""Jobs spread over stacks of their own."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import jsii
import pytest
from aws_cdk import App, DefaultStackSynthesizer, Environment, IStackSynthesizer, NestedStack, Stack, Stage, Tags
from aws_cdk.assertions import Template
from hypothesis import given
from hypothesis import strategies as st

from rota import Cron, Endpoint, Manifest
from rota.names import Names
from rota_cdk import Rota, SynthError, UrlEndpoint
from rota_cdk.shards import shard_of
from rota_cdk.testing import assert_scheduled, new_app

JOB = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True)


@dataclass(frozen=True)
class Text:
    text: str


KINDS = ("AWS::Scheduler::Schedule", "AWS::Events::Rule")


def _templates(rota):
    return [Template.from_stack(shard).to_json() for shard in rota.shards]


def _jobs(template):
    return {found["Properties"]["Name"] for found in template["Resources"].values() if found["Type"] in KINDS}


@pytest.fixture
def spread(declare):
    """The templates of a stack and its four shards, of jobs by name."""

    def make(names, shards=4, **keywords):
        jobs = [declare(name, Cron("0 2 * * *")) for name in names]
        stack = Stack(new_app(), "Shop", **keywords)
        rota = Rota(stack, "Jobs", manifest=Manifest(name="shop", jobs=jobs), schedules_with="scheduler", shards=shards)
        return [Template.from_stack(stack).to_json(), *_templates(rota)]

    return make


@given(JOB, st.integers(1, 999))
def test_every_job_is_in_one_of_the_shards(job, shards):
    assert 0 <= shard_of(job, shards) < shards


def test_the_shard_of_a_job_is_the_same_in_every_release():
    found = [shard_of(name, 32) for name in ("close-books", "berlin", "report")]
    assert found == [6, 31, 28]


def test_one_job_more_or_less_changes_one_stack_and_no_other(spread):
    names = [f"job-{number}" for number in range(12)]
    before, after = spread(names), spread([*names, "one-more"])

    changed = [index for index, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert changed == [1 + shard_of("one-more", 4)]
    (index,) = changed
    old, new = before[index]["Resources"], after[index]["Resources"]
    assert {name: new[name] for name in old} == old
    assert len(new) == len(old) + 1


def test_a_shard_keeps_standing_when_its_last_job_goes(spread):
    for template in spread(["close-books"])[1:]:
        assert template["Resources"]


def test_each_job_is_in_one_stack_and_the_shared_resources_are_in_the_first(spread):
    names = [f"job-{number}" for number in range(12)]
    main, *shards = spread(names)

    found = [_jobs(template) for template in shards]
    assert sum(map(len, found)) == 12
    assert set().union(*found) == {f"shop-default.{name}.s4" for name in names}
    assert _jobs(main) == set()
    kinds = {found["Type"] for found in main["Resources"].values()}
    assert {"AWS::SQS::Queue", "AWS::IAM::Role", "AWS::Scheduler::ScheduleGroup"} <= kinds


def test_shards_know_the_shared_resources_by_name_without_exports(spread, of_type):
    main, *shards = spread(["a", "b", "c", "d", "e", "f"])

    text = json.dumps([main, *shards])
    assert "Fn::ImportValue" not in text
    assert "Outputs" not in text
    (role,) = of_type(main, "AWS::IAM::Role")
    assert role["RoleName"] == {"Fn::Join": ["", ["shop-default_billing-", {"Ref": "AWS::Region"}]]}
    here = "${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}"
    for schedule in (found for template in shards for found in of_type(template, "AWS::Scheduler::Schedule")):
        assert schedule["GroupName"] == "shop-default"
        assert schedule["Target"]["Arn"] == {"Fn::Sub": f"arn:{here}:shop-default_billing"}
        dead = {"Fn::Sub": f"arn:{here}:shop-default_billing_undelivered"}
        assert schedule["Target"]["DeadLetterConfig"] == {"Arn": dead}
        role = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/shop-default_billing-${AWS::Region}"
        assert schedule["Target"]["RoleArn"] == {"Fn::Sub": role}


def test_where_account_and_region_are_known_shards_say_them(spread, of_type):
    _, *shards = spread(["a", "b", "c", "d"], env=Environment(account="123456789012", region="cn-north-1"))

    targets = [found["Target"] for template in shards for found in of_type(template, "AWS::Scheduler::Schedule")]
    assert len(targets) == 4
    for target in targets:
        assert target["Arn"] == "arn:aws-cn:sqs:cn-north-1:123456789012:shop-default_billing"
        assert target["DeadLetterConfig"] == {"Arn": f"{target['Arn']}_undelivered"}
        assert target["RoleArn"] == "arn:aws-cn:iam::123456789012:role/shop-default_billing-cn-north-1"


@pytest.mark.parametrize("schedules_with", ["rules", "scheduler"])
def test_every_job_is_scheduled_as_it_is_declared_whatever_makes_it_due(shop, schedules_with):
    stack = Stack(new_app(), "Shop")
    rota = Rota(stack, "Jobs", manifest=shop, schedules_with=schedules_with, shards=3)

    for job in shop.jobs:
        if job.schedule is not None:
            assert_scheduled(rota, job)
    assert set(rota.jobs) == {job.name for job in shop.jobs if job.schedule is not None}
    assert {Stack.of(made) for made in rota.jobs.values()} <= set(rota.shards)


def test_a_job_of_an_endpoint_is_spread_too(declare, of_type):
    web = Endpoint(name="web")
    jobs = [declare(name, Cron("0 2 * * *"), target=web) for name in ("a", "b", "c")]
    rota = Rota(
        Stack(new_app(), "Shop"),
        "Jobs",
        manifest=Manifest(name="shop", jobs=jobs),
        endpoints={web: UrlEndpoint("https://example.com")},
        together=[["b", "c"]],
        schedules_with="scheduler",
        shards=2,
    )

    made = [_jobs(template) for template in _templates(rota)]
    assert sorted(name for names in made for name in names) == ["shop-default.a.s2", "shop-default.b.s2"]
    assert made[shard_of("b", 2)] >= {"shop-default.b.s2"}
    assert rota.jobs["b"].node.path == rota.jobs["c"].node.path
    for job in jobs:
        assert_scheduled(rota, job)


def test_jobs_of_like_names_stand_side_by_side(spread):
    names = ["a-b", "ab", "job-1-0", "job-10", "shard", "schedules"]
    for kind in (1, 2):
        found = [name for template in spread(names, shards=kind)[1:] for name in _jobs(template)]
        assert len(found) == len(names)


def test_shards_are_deployed_after_their_stack_to_the_same_place_with_its_tags(declare):
    app = new_app()
    stage = Stage(app, "Prod", env=Environment(account="123456789012", region="eu-west-1"))
    stack = Stack(stage, "Shop", termination_protection=True)
    manifest = Manifest(name="shop", jobs=[declare("a", Cron("0 2 * * *"))])
    Rota(stack, "Jobs", manifest=manifest, shards=2)
    Tags.of(stack).add("team", "books")

    made = app.synth().get_nested_assembly("assembly-Prod").stacks
    assert sorted(each.stack_name for each in made) == ["Prod-Shop", "Prod-Shop-Shard00of2", "Prod-Shop-Shard01of2"]
    for each in made[1:]:
        assert made[0].id in [other.id for other in each.dependencies]
        assert each.environment.name == "aws://123456789012/eu-west-1"
        assert each.tags == {"team": "books"}
        assert each.termination_protection


@pytest.mark.parametrize(
    "given",
    [
        lambda: (App(), DefaultStackSynthesizer(qualifier="books")),
        lambda: (App(default_stack_synthesizer=DefaultStackSynthesizer(qualifier="books")), None),
        lambda: (App(context={"@aws-cdk/core:bootstrapQualifier": "books"}), None),
    ],
    ids=["of the stack", "of the app", "in the context"],
)
def test_shards_are_bootstrapped_as_their_stack_is(declare, given):
    app, synthesizer = given()
    stack = Stack(app, "Shop", synthesizer=synthesizer)
    Rota(stack, "Jobs", manifest=Manifest(name="shop", jobs=[declare("a", Cron("0 2 * * *"))]), shards=2)

    made = app.synth().stacks
    assert [each.bootstrap_stack_version_ssm_parameter for each in made] == ["/cdk-bootstrap/books/version"] * 3


@jsii.implements(IStackSynthesizer)
class OfOneStack:
    bootstrap_qualifier = None

    def bind(self, stack):
        self.stack = stack


def test_a_synthesizer_that_only_one_stack_may_have_is_refused_with_the_way_out(declare):
    stack = Stack(new_app(), "Shop", synthesizer=OfOneStack())
    manifest = Manifest(name="shop", jobs=[declare("a", Cron("0 2 * * *"))])

    with pytest.raises(SynthError, match=r"stack Shop: its synthesizer is of OfOneStack, .* DefaultStackSynthesizer"):
        Rota(stack, "Jobs", manifest=manifest, shards=2)


def test_another_number_of_shards_makes_other_stacks_and_other_names(spread):
    def physical(shards):
        return {name for template in spread(["a", "b", "c"], shards=shards)[1:] for name in _jobs(template)}

    assert not physical(2) & physical(4)
    names = Names("shop", "default")
    assert {names.job_of(name, ["a", "b", "c"]) for name in physical(4)} == {"a", "b", "c"}


def test_too_many_in_a_shard_are_told_with_the_way_out(spread):
    with pytest.raises(
        RuntimeError, match=r"Shop-Shard00of1 has 491 resources, and rota puts 490 into one.*more shards"
    ):
        spread([f"job-{number}" for number in range(490)], shards=1)


@pytest.mark.parametrize("env", [None, Environment(account="123456789012", region="eu-west-1")])
def test_the_size_of_a_template_is_told_as_it_is_written_before_cloudformation_refuses_it(declare, env):
    def spread(length):
        app = new_app()
        jobs = [
            declare(f"job-{number}", Cron("0 2 * * *"), payload=Text, input=Text("x" * length)) for number in range(250)
        ]
        manifest = Manifest(name="shop", jobs=jobs)
        Rota(Stack(app, "Shop", env=env), "Jobs", manifest=manifest, schedules_with="scheduler", shards=1)
        return app.synth().get_stack_by_name("Shop-Shard00of1").template_full_path

    fits = Path(spread(2000)).stat().st_size
    assert 500_000 < fits < 1_000_000
    with pytest.raises(RuntimeError, match=r"the template of stack Shop-Shard00of1 has about \d+ bytes.*in S3") as told:
        spread(4000)
    about = int(re.search(r"about (\d+) bytes", str(told.value))[1])
    assert about == pytest.approx(fits + 250 * 2000, rel=0.02)


@pytest.mark.parametrize("shards", [0, -1, 1000, True, "32"])
def test_a_number_of_shards_that_cannot_be(deploy, shards):
    with pytest.raises(SynthError, match=f"manifest 'shop': shards must be a number from 1 to 999, .* got {shards!r}"):
        deploy(shards=shards)


def test_shards_of_a_nested_stack(stack, shop):
    with pytest.raises(SynthError, match="Test/Inner is a nested one, which has none beside it; put the Rota into"):
        Rota(NestedStack(stack, "Inner"), "Jobs", manifest=shop, shards=2)


def test_two_deployments_with_shards_in_one_stack(deploy):
    deploy("One", stage="one", shards=2)

    with pytest.raises(SynthError, match="stack Test has a Rota with shards already"):
        deploy("Two", stage="two", shards=2)


def test_a_deployment_whose_name_leaves_no_room(stack, declare):
    manifest = Manifest(name="a" * 32, jobs=[declare("a", Cron("0 2 * * *"))])

    with pytest.raises(SynthError, match="has 47 characters, and shards leave room for 44"):
        Rota(stack, "Jobs", manifest=manifest, stage="b" * 14, shards=2)


def test_a_stack_of_any_region_keeps_to_its_own(declare):
    stack = Stack(App(builtin_cloud_formation_validation=False), "Shop", env=Environment(region="eu-west-1"))
    rota = Rota(stack, "Jobs", manifest=Manifest(name="shop", jobs=[declare("a", Cron("0 2 * * *"))]), shards=1)

    assert rota.shards[0].region == "eu-west-1"
