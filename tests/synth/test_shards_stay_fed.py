"""What the shared stack keeps for shards that are deployed after it; and what of a job can be had, with shards and
without."""

import pytest
from aws_cdk import App, LegacyStackSynthesizer, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler
from aws_cdk.assertions import Template

from rota import Cron, Endpoint, Job, Manifest, Queue
from rota_cdk import FanoutTrigger, JobQueue, Rota, RunLedger, ScheduledJob, UrlEndpoint
from rota_cdk.testing import new_app

WORK, OTHER = Queue(name="work"), Queue(name="other")
NIGHTLY, EITHER = Cron("0 2 * * *"), Cron("0 2 13 * FRI", time_zone="Europe/Berlin")


def job(name, target=WORK, schedule=NIGHTLY):
    return Job(name=name, handler="shop:run", target=target, schedule=schedule)


def home(*jobs, **how):
    """The shared stack's role and group, with their properties."""
    stack = Stack(new_app(), "Shop")
    Rota(stack, "Jobs", manifest=Manifest(name="shop", jobs=jobs), shards=2, **how)
    resources = Template.from_stack(stack).to_json()["Resources"]
    kinds = ("AWS::IAM::Role", "AWS::Scheduler::ScheduleGroup")
    return {name: found for name, found in resources.items() if found["Type"] in kinds}


def test_no_change_of_jobs_takes_role_or_group_from_schedules_that_still_stand():
    """The shared stack is deployed first: for some minutes the shards are as they were."""
    before = home(job("a"), job("b", OTHER), schedules_with="scheduler")
    assert len(before) == 3
    assert home(job("a"), job("b", OTHER), schedules_with="rules") == before
    assert home(job("a", OTHER), job("b", WORK), schedules_with="scheduler") == before
    assert home(job("a", schedule=EITHER), job("b", OTHER), schedules_with="rules") == before


@pytest.mark.parametrize("shards", [None, 2])
def test_a_deployment_has_one_schedule_group_also_where_its_trigger_stands_elsewhere(shards):
    web = Endpoint(name="web")
    app = new_app()
    elsewhere, stack = Stack(app, "Elsewhere"), Stack(app, "Shop")
    ledger = RunLedger(elsewhere, "Ledger", manifest="shop")
    where = {web: UrlEndpoint("https://example.com")}
    trigger = FanoutTrigger(elsewhere, "Trigger", endpoints=where, manifest="shop", ledger=ledger)
    rota = Rota(
        stack,
        "Jobs",
        manifest=Manifest(name="shop", jobs=[job("a"), job("b", web)]),
        trigger=trigger,
        schedules_with="scheduler",
        shards=shards,
    )
    templates = [Template.from_stack(each) for each in (elsewhere, stack, *rota.shards)]
    groups = [len(template.find_resources("AWS::Scheduler::ScheduleGroup")) for template in templates]
    assert groups[:2] == [0, 1]
    assert sum(groups) == 1


def test_a_trigger_that_stands_elsewhere_keeps_its_role_too():
    def roles(schedules_with):
        app = new_app()
        elsewhere, stack = Stack(app, "Elsewhere"), Stack(app, "Shop")
        web, where = Endpoint(name="web"), UrlEndpoint("https://example.com")
        ledger = RunLedger(elsewhere, "Ledger", manifest="shop")
        trigger = FanoutTrigger(elsewhere, "Trigger", endpoints={web: where}, manifest="shop", ledger=ledger)
        manifest = Manifest(name="shop", jobs=[job("b", web)])
        Rota(stack, "Jobs", manifest=manifest, trigger=trigger, schedules_with=schedules_with)
        return Template.from_stack(elsewhere).find_resources("AWS::IAM::Role")

    assert set(roles("rules")) == set(roles("scheduler"))


def test_jobs_in_stacks_of_their_own_lie_in_the_group_of_their_queues_stack():
    app = new_app()
    home, other, third = (Stack(app, name) for name in ("Home", "Other", "Third"))
    queue = JobQueue(home, "Queue", queue=WORK, manifest="shop")
    for stack in (home, other, third):
        ScheduledJob(stack, "Job", job=job(stack.stack_name.lower(), schedule=EITHER), queue=queue)
    templates = [Template.from_stack(stack) for stack in (home, other, third)]
    groups = [len(template.find_resources("AWS::Scheduler::ScheduleGroup")) for template in templates]
    assert groups == [1, 0, 0]
    for template in templates[1:]:
        for schedule in template.find_resources("AWS::Scheduler::Schedule").values():
            assert schedule["Properties"]["GroupName"] == "shop-default"


def test_shards_have_the_old_synthesizer_where_their_app_asks_for_it():
    app = App(builtin_cloud_formation_validation=False, context={"@aws-cdk/core:newStyleStackSynthesis": False})
    rota = Rota(Stack(app, "Shop"), "Jobs", manifest=Manifest(name="shop", jobs=[job("a")]), shards=2)
    assert {type(shard.synthesizer) for shard in rota.shards} == {LegacyStackSynthesizer}
    app.synth()


@pytest.mark.parametrize("shards", [None, 2])
@pytest.mark.parametrize(("schedules_with", "kind"), [("rules", events.CfnRule), ("scheduler", scheduler.CfnSchedule)])
def test_all_rules_or_schedules_of_a_job_can_be_overridden_with_shards_and_without(shards, schedules_with, kind):
    stack = Stack(new_app(), "Shop")
    manifest = Manifest(name="shop", jobs=[job("a", schedule=Cron("0 2 13 * FRI")), job("b")])
    rota = Rota(stack, "Jobs", manifest=manifest, schedules_with=schedules_with, shards=shards)

    resources = rota.resources("a")
    assert [type(each) for each in resources] == [kind, kind]
    for each in resources:
        each.add_property_override("State", "DISABLED")

    found = [
        resource["Properties"]
        for each in (stack, *rota.shards)
        for resource in Template.from_stack(each).to_json()["Resources"].values()
        if resource["Type"] in ("AWS::Events::Rule", "AWS::Scheduler::Schedule")
    ]
    states = {
        properties["Name"].split(".")[1] + properties["ScheduleExpression"]: properties["State"] for properties in found
    }
    assert states == {
        "acron(0 2 13 * ? *)": "DISABLED",
        "acron(0 2 ? * 6 *)": "DISABLED",
        "bcron(0 2 * * ? *)": "ENABLED",
    }
    with pytest.raises(KeyError):
        rota.resources("no-such-job")


def test_what_is_due_together_is_called_by_the_first_that_together_names_wherever_it_stands_in_the_manifest():
    web = Endpoint(name="web")

    def names(*order):
        stack = Stack(new_app(), "Shop")
        manifest = Manifest(name="shop", jobs=[job(name, web) for name in order])
        where = {"web": UrlEndpoint("https://example.com")}
        rota = Rota(stack, "Jobs", manifest=manifest, endpoints=where, together=[["b", "a"]], shards=4)
        return [
            (place, rule["Properties"]["Name"])
            for place, shard in enumerate(rota.shards)
            for rule in Template.from_stack(shard).find_resources("AWS::Events::Rule").values()
        ]

    assert names("a", "b") == names("b", "a")
    assert [name for _, name in names("a", "b")] == ["shop-default.b.s4"]
