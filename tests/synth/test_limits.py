"""All that a limit of AWS forbids fails at synth, with the way out in the message."""

from dataclasses import dataclass

import pytest
from aws_cdk import App, CfnWaitConditionHandle, Environment, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from rota import Cron, Manifest, Queue
from rota_cdk import JobQueue, Rota, ScheduledJob, SynthError
from rota_cdk.testing import assert_scheduled, synth


@dataclass(frozen=True)
class Text:
    text: str


def _jobs(declare, count, prefix="job"):
    return [declare(f"{prefix}-{index}", Cron("0 2 * * *")) for index in range(count)]


def _stack(region=None, context=None, app=None):
    app = app or App(builtin_cloud_formation_validation=False, context=context)
    env = Environment(account="123456789012", region=region) if region else None
    return Stack(app, f"Shop{len(app.node.children)}", env=env)


def test_301_rules_on_a_bus_are_refused_and_the_message_names_schedules_with(declare):
    stack = _stack()
    Rota(stack, "Jobs", manifest=Manifest(name="shop", jobs=_jobs(declare, 301)))

    message = r'stack Shop0 has 301 EventBridge rules, and the default bus takes 300; .*schedules_with=.?"scheduler'
    with pytest.raises(RuntimeError, match=message):
        Template.from_stack(stack)


def test_300_rules_pass_and_so_do_301_schedules(declare):
    synth(Manifest(name="shop", jobs=_jobs(declare, 300)))
    synth(Manifest(name="shop", jobs=_jobs(declare, 301)), schedules_with="scheduler")


def test_rules_of_the_user_count_too_but_not_those_on_another_bus(declare):
    stack = _stack("eu-south-1")
    Rota(stack, "Jobs", manifest=Manifest(name="shop", jobs=_jobs(declare, 99)))
    events.CfnRule(stack, "Mine", schedule_expression="rate(1 day)")
    events.CfnRule(stack, "Elsewhere", event_bus_name="orders", event_pattern={"source": ["shop"]})
    Template.from_stack(stack)

    other = _stack("eu-south-1")
    Rota(other, "Jobs", manifest=Manifest(name="shop", jobs=_jobs(declare, 100)))
    events.CfnRule(other, "Mine", schedule_expression="rate(1 day)")
    with pytest.raises(RuntimeError, match=r"aws://123456789012/eu-south-1 has 101 EventBridge rules, .* takes 100;"):
        Template.from_stack(other)


def test_stacks_of_one_account_and_region_share_the_bus(declare):
    first = _stack("eu-west-1")
    second = _stack("eu-west-1", app=first.node.root)
    elsewhere = _stack("eu-west-2", app=first.node.root)
    for stack, name in ((first, "shop"), (second, "store"), (elsewhere, "mall")):
        Rota(stack, "Jobs", manifest=Manifest(name=name, jobs=_jobs(declare, 160)))

    with pytest.raises(RuntimeError, match="aws://123456789012/eu-west-1 has 320 EventBridge rules") as raised:
        Template.from_stack(first)
    assert "eu-west-2" not in str(raised.value)


def test_shards_share_the_bus_of_their_stack_also_where_its_account_is_not_known(declare):
    stack = _stack()
    Rota(stack, "Jobs", manifest=Manifest(name="shop", jobs=_jobs(declare, 301)), shards=2)

    with pytest.raises(RuntimeError, match="stack Shop0 has 301 EventBridge rules, and the default bus takes 300;"):
        Template.from_stack(stack)


def test_a_quota_that_aws_has_raised_is_told_in_the_context(declare):
    stack = _stack(context={"rota:rules-per-bus": 400})
    Rota(stack, "Jobs", manifest=Manifest(name="shop", jobs=_jobs(declare, 301)))

    Template.from_stack(stack)


def test_501_resources_in_a_stack_are_refused_with_the_way_out(declare):
    stack = _stack()
    Rota(stack, "Jobs", manifest=Manifest(name="shop", jobs=_jobs(declare, 495)), schedules_with="scheduler")

    with pytest.raises(RuntimeError, match=r"stack Shop0 has 5\d\d resources, .* takes 500; .*shards=4\)"):
        Template.from_stack(stack)


def _fill(stack, count):
    for number in range(count):
        CfnWaitConditionHandle(stack, f"Mine{number}")


@pytest.mark.parametrize(
    ("fill", "shards", "jobs"),
    [(501, None, 0), (501, 2, 1), (501, None, 1)],
    ids=["without a job", "jobs in shards", "too full without its jobs"],
)
def test_shards_are_the_way_out_only_where_they_take_jobs_away(declare, fill, shards, jobs):
    stack = _stack()
    _fill(stack, fill)
    manifest = Manifest(name="shop", jobs=_jobs(declare, jobs) or [declare("enqueued")])
    Rota(stack, "Jobs", manifest=manifest, shards=shards)

    with pytest.raises(RuntimeError, match=r"stack Shop0 has 5\d\d resources, .*; put some of them into another stack"):
        Template.from_stack(stack)


def _let_in(queue, count, actions=("sqs:SendMessage",)):
    for number in range(count):
        statement = iam.PolicyStatement(
            sid=f"Number{number}",
            principals=[iam.ServicePrincipal(f"number{number}.amazonaws.com")],
            actions=list(actions),
            resources=["*"],
        )
        queue.add_to_resource_policy(statement)


def test_a_queue_policy_of_20_statements_passes(deploy, stack):
    queue = deploy().queues["billing"].sqs_queue
    _let_in(queue, 18)
    Template.from_stack(stack)


def test_one_statement_more_is_refused_with_the_way_out(deploy, stack):
    _let_in(deploy().queues["billing"].sqs_queue, 19)

    message = r"Queue-billing/Queue/Policy/Resource has 21 statements .* SQS takes 20 .*; give roles what they need by"
    with pytest.raises(RuntimeError, match=message):
        Template.from_stack(stack)


def test_a_queue_policy_too_long_is_refused(deploy, stack):
    _let_in(deploy().queues["billing"].sqs_queue, 10, actions=[f"sqs:Do{'x' * 40}{number}" for number in range(20)])

    with pytest.raises(RuntimeError, match=r"has 12 statements and 1\d{4} bytes or more, and SQS takes 20 and 8192"):
        Template.from_stack(stack)


def test_an_input_too_long_for_a_rule_names_the_job_and_the_way_out(declare):
    jobs = [declare("close-books", Cron("0 2 * * *"), payload=Text, input=Text("x" * 9000))]

    with pytest.raises(SynthError, match=r"job 'close-books': its message has 91\d\d characters, .* 8192; .*scheduler"):
        synth(Manifest(name="shop", jobs=jobs))
    synth(Manifest(name="shop", jobs=jobs), schedules_with="scheduler")


def test_an_input_too_long_for_a_schedule_names_the_job_and_the_way_out(declare):
    jobs = [declare("close-books", Cron("0 2 * * *"), payload=Text, input=Text("x" * 270_000))]

    with pytest.raises(SynthError, match=r"job 'close-books': its message has 270.* bytes, .* takes 262144; keep what"):
        synth(Manifest(name="shop", jobs=jobs), schedules_with="scheduler")


def test_a_description_too_long_for_eventbridge_names_the_job(declare):
    jobs = [declare("close-books", Cron("0 2 * * *"), description="x" * 513)]

    with pytest.raises(SynthError, match=r"job 'close-books': its description has 513 characters, .* takes 512"):
        synth(Manifest(name="shop", jobs=jobs))


@pytest.mark.parametrize("shards", [None, 2])
@pytest.mark.parametrize("schedules_with", ["rules", "scheduler"])
def test_a_job_whose_name_cdk_cannot_take_is_refused_and_not_lost(declare, schedules_with, shards):
    jobs = [declare("constructor", Cron("0 2 * * *")), *_jobs(declare, 1)]

    message = "manifest 'shop': job 'constructor' would be a construct of that name, and JavaScript.*another name"
    with pytest.raises(SynthError, match=message):
        Rota(_stack(), "Jobs", manifest=Manifest(name="shop", jobs=jobs), schedules_with=schedules_with, shards=shards)


@pytest.mark.parametrize("shards", [None, 2])
def test_a_job_that_is_no_construct_has_any_name(declare, shards):
    jobs = [
        declare("constructor"),
        declare("is-prototype-of", Cron("0 2 * * *")),
        declare("valueof", Cron("0 2 * * *")),
    ]
    rota = Rota(_stack(), "Jobs", manifest=Manifest(name="shop", jobs=jobs), schedules_with="scheduler", shards=shards)

    for job in jobs[1:]:
        assert_scheduled(rota, job)


def test_schedules_with_something_else_is_refused(shop):
    with pytest.raises(SynthError, match="'shop': schedules_with must be \"rules\" or \"scheduler\"; got 'lambda'"):
        synth(shop, schedules_with="lambda")


def test_a_scheduled_job_without_a_schedule_is_refused(stack, declare):
    billing = JobQueue(stack, "Billing", queue=declare("x").target, manifest="shop")

    with pytest.raises(SynthError, match="job 'send-invoice': it has no schedule; give it one, or leave"):
        ScheduledJob(stack, "Job", job=declare("send-invoice"), queue=billing)


def test_a_scheduled_job_on_anothers_queue_is_refused(stack, declare):
    other = JobQueue(stack, "Other", queue=Queue(name="other"), manifest="shop")

    with pytest.raises(
        SynthError, match="job 'close': its target is the queue 'billing', but queue= is the JobQueue of"
    ):
        ScheduledJob(stack, "Job", job=declare("close", Cron("0 2 * * *")), queue=other)
