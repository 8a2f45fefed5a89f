"""Several jobs by one rule or schedule, and the trigger that takes them apart again."""

import json

import pytest

from rota import Cron, Endpoint, Manifest, Retry
from rota.envelope import Envelope, Post
from rota.trigger.split import split
from rota_cdk import FanoutTrigger, JobQueue, Rota, RunLedger, ScheduledJob, SynthError, UrlEndpoint
from rota_cdk.testing import synth

DAILY = Cron("0 2 * * *")
PLACE = {"web": UrlEndpoint("https://example.com")}


@pytest.fixture
def shop_of(declare, web):
    """A manifest of jobs of one endpoint, each with its schedule, or more."""

    def make(**jobs):
        return Manifest(
            name="shop",
            jobs=[
                declare(name, **{"schedule": DAILY, "target": web} | (more if isinstance(more, dict) else {}))
                for name, more in jobs.items()
            ],
        )

    return make


@pytest.fixture
def together(stack, shop_of):
    def make(groups, **jobs):
        return Rota(stack, "Jobs", manifest=shop_of(**jobs), endpoints=PLACE, together=groups)

    return make


def test_jobs_due_together_share_one_rule_whose_message_names_each(together, stack, due, as_json):
    rota = together([["a", "b"]], a=None, b={"retry": Retry(attempts=9)}, c=None)

    rules = due(as_json(stack), "Events::Rule")
    assert set(rules) == {"shop-default.a", "shop-default.c"}
    (target,) = rules["shop-default.a"]["Targets"]
    said = json.loads(target["InputTransformer"]["InputTemplate"].replace("<fired_at>", '"2026-11-21T02:00:07Z"'))
    assert said.pop("fired_at")
    assert said == {
        "rota": 1,
        "jobs": ["a", {"job": "b", "post": {"endpoints": ["web"], "attempts": 9}}],
        "post": {"endpoints": ["web"], "attempts": 3},
    }
    assert rota.jobs["a"] is rota.jobs["b"]
    assert [job.name for job in rota.jobs["a"].jobs] == ["a", "b"]
    assert rules["shop-default.a"]["Description"] == "Together: a, b"


def test_each_has_its_own_payload(together, stack, due, as_json, shop):
    payload = shop.find("report").payload
    together([["a", "b"]], a={"payload": payload, "input": payload("x")}, b={"payload": payload, "input": payload("y")})

    (rule,) = due(as_json(stack), "Events::Rule").values()
    said = json.loads(rule["Targets"][0]["InputTransformer"]["InputTemplate"].replace("<fired_at>", "0"))
    assert [job["payload"] for job in said["jobs"]] == [{"kind": "x"}, {"kind": "y"}]
    assert "payload" not in said


def test_a_schedule_makes_them_due_too(stack, shop_of, due, as_json):
    manifest = shop_of(a=None, b=None)
    Rota(stack, "Jobs", manifest=manifest, endpoints=PLACE, together=[["a", "b"]], schedules_with="scheduler")

    (schedule,) = due(as_json(stack), "Scheduler::Schedule").values()
    said = json.loads(schedule["Target"]["Input"])
    assert said["jobs"] == ["a", "b"]
    assert said["scheduled_at"] == "<aws.scheduler.scheduled-time>"


def test_one_job_in_a_sequence_is_as_one_by_itself(stack, declare, web, due, as_json):
    trigger = FanoutTrigger(stack, "Trigger", manifest="shop", endpoints={web: PLACE["web"]})
    ScheduledJob(stack, "One", job=[declare("a", DAILY, target=web)], trigger=trigger)

    (rule,) = due(as_json(stack), "Events::Rule").values()
    envelope = Envelope.decode(rule["Targets"][0]["InputTransformer"]["InputTemplate"].replace("<fired_at>", "null"))
    assert (envelope.job, envelope.post) == ("a", Post(endpoints=("web",), attempts=3))


def test_the_trigger_makes_of_it_the_runs_that_each_would_have_by_itself(stack, shop_of, due, as_json, shop):
    report = shop.find("report").payload
    jobs = {"a": None, "b": {"payload": report, "input": report("y"), "retry": Retry(attempts=9)}, "c": None}
    Rota(stack, "Apart", manifest=shop_of(**jobs), endpoints=PLACE, stage="apart")
    Rota(stack, "Jobs", manifest=shop_of(**jobs), endpoints=PLACE, together=[["a", "b", "c"]])
    rules = due(as_json(stack), "Events::Rule")

    def parts(rule):
        body = rules[rule]["Targets"][0]["InputTransformer"]["InputTemplate"]
        return split(body.replace("<fired_at>", '"2026-11-21T02:00:07Z"'), message_id="1", endpoints=["web"])

    assert parts("shop-default.a") == [part for name in jobs for part in parts(f"shop-apart.{name}")]
    assert [part.run for part in parts("shop-default.a")] == [f"{name}@2026-11-21T02:00:00Z" for name in jobs]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            {"schedule": Cron("0 3 * * *")},
            r"job 'a' and job 'b': they cannot be due together, for their schedules differ",
        ),
        ({"enabled": False}, r"they cannot be due together, for 'b' is not enabled and the rest is"),
    ],
)
def test_jobs_that_cannot_be_due_together_are_refused(together, other, message):
    with pytest.raises(SynthError, match=message):
        together([["a", "b"]], a=None, b=other)


def test_jobs_of_queues_cannot(together, shop):
    with pytest.raises(SynthError, match="'b' has a queue as its target, and workers take one job a message"):
        together([["a", "b"]], a=None, b={"target": shop.queues[0]})


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["a", "b"], r"together: it must hold groups of names, and 'a' is a name; give together=\[\['a', 'b'\]\]"),
        ("a", r"together: it must hold groups of names, and 'a' is a name; give together=\[\['a'\]\]"),
        ([["a", "z"]], "manifest 'shop': together: no job with a schedule is called 'z'; there are 'a', 'b'"),
        ([["a", "c"]], "no job with a schedule is called 'c'"),
        ([["a", "b"], ["b"]], "job 'b' is named more than once"),
    ],
)
def test_names_that_are_none_are_refused(together, groups, message):
    with pytest.raises(SynthError, match=message):
        together(groups, a=None, b=None, c={"schedule": None})


def test_a_long_list_of_them_fits_a_description(together, stack, due, as_json):
    names = [f"a-job-with-a-rather-long-name-{n}" for n in range(30)]
    together([names], **dict.fromkeys(names))

    (rule,) = due(as_json(stack), "Events::Rule").values()
    assert 400 < len(rule["Description"]) <= 512


def test_a_hundred_due_together_have_one_rule(shop_of, stack, due, as_json):
    names = [f"job-{n}" for n in range(100)]
    Rota(stack, "Jobs", manifest=shop_of(**dict.fromkeys(names)), endpoints=PLACE, together=[names])

    assert len(due(as_json(stack), "Events::Rule")) == 1


@pytest.fixture
def pieces(stack, declare, web):
    """A job of a queue, one of an endpoint, and where both go to."""
    of_queue, of_web = declare("invoice", DAILY), declare("refresh", DAILY, target=web)
    queue = JobQueue(stack, "Queue", queue=of_queue.target, manifest="shop")
    trigger = FanoutTrigger(stack, "Trigger", manifest="shop", endpoints={web: PLACE["web"]})
    return of_queue, of_web, queue, trigger


def test_either_a_queue_or_a_trigger_is_given(stack, pieces):
    of_queue, of_web, queue, trigger = pieces

    with pytest.raises(SynthError, match=r"job 'refresh': give either .* here trigger=, .*; got neither"):
        ScheduledJob(stack, "Neither", job=of_web)
    with pytest.raises(SynthError, match=r"job 'invoice': give either .* here queue=, .*; got both"):
        ScheduledJob(stack, "Both", job=of_queue, queue=queue, trigger=trigger)


def test_a_job_on_the_wrong_one_is_refused_with_the_way_out(stack, pieces):
    of_queue, of_web, queue, trigger = pieces

    with pytest.raises(SynthError, match=r"job 'refresh': its target is endpoint 'web', but queue= .* give trigger="):
        ScheduledJob(stack, "OnQueue", job=of_web, queue=queue)
    with pytest.raises(SynthError, match=r"job 'invoice': its target is the queue 'billing', .* give queue="):
        ScheduledJob(stack, "OnTrigger", job=of_queue, trigger=trigger)


def test_an_endpoint_that_the_trigger_does_not_know_is_refused(stack, declare, pieces):
    *_, trigger = pieces
    stranger = declare("other", DAILY, target=Endpoint(name="admin"))
    changed = declare("moved", DAILY, target=Endpoint(name="web", path="/rota"))

    with pytest.raises(SynthError, match="job 'other': the trigger does not know its endpoint 'admin', but 'web'; add"):
        ScheduledJob(stack, "Stranger", job=stranger, trigger=trigger)
    with pytest.raises(SynthError, match="job 'moved': the trigger knows another declaration of its endpoint 'web'"):
        ScheduledJob(stack, "Changed", job=changed, trigger=trigger)


def test_nothing_and_what_is_no_job_are_refused(stack, pieces):
    *_, trigger = pieces
    for wrong in ([], ["refresh"]):
        with pytest.raises(SynthError, match="job must be a Job, or several of them; got"):
            ScheduledJob(stack, f"Wrong{len(wrong)}", job=wrong, trigger=trigger)


def test_a_ledger_of_the_same_deployment_may_be_given(stack, pieces):
    *_, of_web, _, trigger = pieces
    ScheduledJob(stack, "Job", job=of_web, trigger=trigger, ledger=RunLedger(stack, "Ledger", manifest="shop"))


def test_policies_are_of_one_size_with_one_endpoint_job_and_with_a_hundred(shop_of, of_type):
    one, hundred = (
        synth(shop_of(**{f"job-{n}": None for n in range(count)}), endpoints=PLACE).to_json() for count in (1, 100)
    )

    for kind in ("AWS::SQS::QueuePolicy", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::Lambda::Function"):
        assert of_type(one, kind) == of_type(hundred, kind)
    assert len(of_type(hundred, "AWS::Events::Rule")) == 100


def test_the_settings_tell_which_jobs_a_rule_makes_due(stack, together, as_json, due):
    """For what EventBridge could not deliver names the rule alone."""
    made = together([["c", "a"]], a=None, b=None, c=None)

    assert made.settings.together == (("c", "a"),)
    assert set(due(as_json(stack), "Events::Rule")) == {"shop-default.c", "shop-default.b"}
