"""JobQueue and ScheduledJob without Rota."""

from aws_cdk import Stack
from aws_cdk.assertions import Template

from rota import Cron
from rota.settings import Settings
from rota_cdk import JobQueue, RunLedger, ScheduledJob


def test_they_make_what_rota_makes(stack, declare, due, of_type, as_json):
    job = declare("close-books", Cron("0 2 * * *"))
    queue = JobQueue(stack, "Billing", queue=job.target, manifest="shop", stage="staging")
    ScheduledJob(stack, "CloseBooks", job=job, queue=queue)

    template = as_json(stack)
    assert list(due(template, "Events::Rule")) == ["shop-staging.close-books"]
    assert len(of_type(template, "AWS::SQS::Queue")) == 3


def test_their_settings_are_put_together_by_hand(stack, declare, as_json, resolved):
    queue = JobQueue(stack, "Billing", queue=declare("job").target, manifest="shop")
    ledger = RunLedger(stack, "Ledger", manifest="shop")
    text = Settings("shop", "default", {"billing": queue.settings}, ledger=ledger.settings).encode()

    read = Settings.decode(resolved(stack.resolve(text)), source="test")
    resources = as_json(stack)["Resources"]
    assert resources[read.queues["billing"].undelivered_url]["Properties"]["QueueName"].endswith("_undelivered")
    assert resources[read.ledger.table]["Properties"]["TableName"] == "shop-default_ledger"


def test_schedules_of_several_queues_share_the_group_of_the_stack(stack, declare, shop, of_type, as_json):
    for index, queue in enumerate(shop.queues):
        job = declare(f"job-{index}", Cron("0 2 * * *"), target=queue)
        made = JobQueue(stack, f"Queue{index}", queue=queue, manifest="shop")
        ScheduledJob(stack, f"Job{index}", job=job, queue=made, schedules_with="scheduler")

    template = as_json(stack)
    assert of_type(template, "AWS::Scheduler::ScheduleGroup") == [{"Name": "shop-default"}]
    assert len(of_type(template, "AWS::IAM::Role")) == 2
    assert len({str(found["GroupName"]) for found in of_type(template, "AWS::Scheduler::Schedule")}) == 1


def test_a_job_may_stand_in_another_stack_than_its_queue(stack, declare, due):
    job = declare("close-books", Cron("0 2 * * *"))
    queue = JobQueue(stack, "Billing", queue=job.target, manifest="shop")
    other = Stack(stack.node.root, "Other")
    ScheduledJob(other, "Rule", job=job, queue=queue)
    ScheduledJob(other, "Schedule", job=declare("berlin", Cron("0 2 * * *", time_zone="Europe/Berlin")), queue=queue)

    template = Template.from_stack(other).to_json()
    assert list(due(template, "Events::Rule")) == ["shop-default.close-books"]
    assert list(due(template, "Scheduler::Schedule")) == ["shop-default.berlin"]
