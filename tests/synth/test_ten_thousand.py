"""Ten thousand jobs: each one can still be found, tagged, acknowledged and tested."""

import json

import pytest
from aws_cdk import Acknowledgment, Stack, Tags, Validations
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler
from aws_cdk.assertions import Match, Template
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from rota import Cron, Manifest
from rota_cdk import Rota
from rota_cdk.testing import assert_scheduled, new_app

SCHEDULE = "AWS::Scheduler::Schedule"


@pytest.fixture(scope="module")
def manifest(declare):
    jobs = [declare(f"job-{number}", Cron(f"{number % 60} {number % 24} * * *")) for number in range(9_990)]
    # Expressions of which one takes several schedules, and the rest of a plain list.
    return Manifest(name="shop", jobs=[*jobs, *(declare(f"two-{n}", Cron("0 2 1 * 1")) for n in range(10))])


@pytest.fixture(scope="module")
def rota(manifest):
    """One synth for all tests; what they change, they change before it."""
    app = new_app()
    rota = Rota(Stack(app, "Shop"), "Jobs", manifest=manifest, schedules_with="scheduler", shards=32)
    job = rota.jobs["job-4321"]
    job.add_property_override("State", "DISABLED")
    Validations.of(job).acknowledge(Acknowledgment(id="AwsSolutions::AwsSolutions-X1", reason="A test."))
    app.synth()
    return rota


def test_all_of_them_are_there_none_of_the_stacks_is_full_and_each_fits_a_template(rota, manifest):
    templates = [Template.from_stack(shard).to_json() for shard in rota.shards]
    made = [found for template in templates for found in template["Resources"].values() if found["Type"] == SCHEDULE]

    assert len(made) == 10_010
    assert len({found["Properties"]["Name"] for found in made}) == 10_010
    assert max(len(template["Resources"]) for template in templates) < 400
    assert max(len(json.dumps(template, indent=1).encode()) for template in templates) < 400_000
    assert len(rota.jobs) == 10_000


def test_one_of_them_is_found_and_tested(rota, manifest):
    job = rota.jobs["job-77"]

    assert isinstance(job, scheduler.CfnSchedule)
    assert job.node.path.startswith("Shop/Jobs/Shard")
    assert job.node.path.endswith("/Schedules/job-77")
    wanted = {"Name": "shop-default.job-77.s32", "ScheduleExpression": "cron(17 5 * * ? *)"}
    Template.from_stack(Stack.of(job)).has_resource_properties(SCHEDULE, Match.object_like(wanted))
    assert_scheduled(rota, manifest.find("job-77"))


def test_what_is_overridden_on_one_is_so_on_that_one_alone(rota):
    states = [
        found["Properties"]["Name"]
        for shard in rota.shards
        for found in Template.from_stack(shard).to_json()["Resources"].values()
        if found["Type"] == SCHEDULE and found["Properties"]["State"] != "ENABLED"
    ]
    assert states == ["shop-default.job-4321.s32"]


def test_a_job_that_is_not_there_is_a_key_error(rota):
    with pytest.raises(KeyError, match="no-such-job"):
        rota.jobs["no-such-job"]


@pytest.fixture
def spread(declare):
    """A Rota of a few jobs in four shards."""

    def make(scope, jobs=8, **keywords):
        declared = [declare(f"job-{number}", Cron("0 2 * * *")) for number in range(jobs)]
        return Rota(scope, "Jobs", manifest=Manifest(name="shop", jobs=declared), shards=4, **keywords)

    return make


def test_a_tag_of_one_job_is_on_its_rule_alone(spread):
    rota = spread(Stack(new_app(), "Shop"))
    Tags.of(rota.jobs["job-3"]).add("team", "books")

    tagged = [
        found["Properties"]
        for shard in rota.shards
        for found in Template.from_stack(shard).to_json()["Resources"].values()
        if "Tags" in found.get("Properties", {})
    ]
    assert [found["Name"] for found in tagged] == ["shop-default.job-3.s4"]
    assert tagged[0]["Tags"] == [{"Key": "team", "Value": "books"}]


def test_a_tag_of_all_is_on_every_rule(spread):
    rota = spread(Stack(new_app(), "Shop"))
    Tags.of(rota).add("team", "books")

    for shard in rota.shards:
        template = Template.from_stack(shard)
        rules = template.find_resources("AWS::Events::Rule").values()
        assert all(rule["Properties"]["Tags"] == [{"Key": "team", "Value": "books"}] for rule in rules)


def test_what_is_acknowledged_on_one_is_so_on_that_one_alone(rota):
    acknowledged = {
        name: [each.data for each in rota.jobs[name].node.metadata if each.type == "aws:cdk:acknowledged-rules"]
        for name in ("job-4321", "job-4320")
    }
    assert acknowledged == {"job-4321": [{"AwsSolutions::AwsSolutions-X1": "A test."}], "job-4320": []}


@pytest.mark.parametrize("schedules_with", ["rules", "scheduler"])
def test_cdk_nag_finds_nothing_in_shards(spread, schedules_with, capfd):
    app = new_app()
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    spread(Stack(app, "Shop"), schedules_with=schedules_with)

    app.synth()

    printed = capfd.readouterr()
    assert "ERROR" not in printed.err + printed.out


@pytest.mark.parametrize("acknowledged", [False, True])
def test_what_cdk_nag_finds_in_one_job_is_acknowledged_there(spread, acknowledged):
    app = new_app()
    Validations.of(app).add_plugins(ServerlessChecks(app))
    job = spread(Stack(app, "Shop")).jobs["job-3"]
    job.node.default_child.targets = [
        events.CfnRule.TargetProperty(id="queue", arn="arn:aws:sqs:eu-west-1:123456789012:shop")
    ]
    if acknowledged:
        finding = Acknowledgment(id="Serverless::Serverless-EventBusDLQ", reason="A test of what has no dead letters.")
        Validations.of(job).acknowledge(finding)
        app.synth()
        return

    with pytest.raises(RuntimeError, match=r"job-3/Rule aws-cdk-lib\.aws_events\.CfnRule"):
        app.synth()
