"""What a letter in a dead-letter place says, and which run becomes of it."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from rota import Cron, Endpoint, Every, EveryServer, Job, Manifest, Queue
from rota.dead_letters import WORKERS_DIED, Place, read, together
from rota.digests import payload_digest
from rota.envelope import Envelope, Post
from rota.names import Names
from rota.queues.base import Letter
from rota.run import Outcome
from rota.trigger.split import split
from rota.verdicts import DeadLetter, dead, dead_as_it_came

AT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
ARNS = "arn:aws:events:eu-west-1:123456789012:rule/"
SCHEDULES = "arn:aws:scheduler:eu-west-1:123456789012:schedule/shop-default/"


@dataclass(frozen=True)
class Report:
    kind: str = "all"


queue = Queue(name="reports")
close_books = Job(
    name="close-books", handler="a:b", target=queue, payload=Report, input=Report("daily"), schedule=Cron("0 2 * * *")
)
refresh = Job(name="refresh", handler="a:b", target=queue, schedule=Every(timedelta(minutes=7)))
defaults = Job(name="defaults", handler="a:b", target=queue, payload=Report, schedule=Cron("0 2 * * *"))
plain = Job(name="plain", handler="a:b", target=queue, payload=Report)
web = Endpoint(name="web")
prices = Job(name="prices", handler="a:b", target=[web, EveryServer(web)], schedule=Every(timedelta(minutes=5)))
drop = Job(
    name="drop", handler="a:b", target=web, payload=Report, input=Report("x"), schedule=Every(timedelta(minutes=5))
)
alone = Job(name="alone", handler="a:b", target=web, schedule=Every(timedelta(minutes=5)))
manifest = Manifest(name="shop", jobs=[close_books, refresh, defaults, plain, prices, drop, alone])


def of(body, attributes=None, place=Place.DEAD_LETTERS, name="m-1", queue="reports"):
    letter = Letter(body if isinstance(body, str) else json.dumps(body), "receipt", name, attributes or {}, AT)
    due = [("prices", "drop", "gone")]
    return read(letter, place=place, queue=queue, together=due, manifest=manifest, names=Names("shop", "default"))


def undelivered(body, **attributes):
    return of(body, attributes, Place.UNDELIVERED)


def written(verdict):
    assert isinstance(verdict.settle, DeadLetter)
    return of(verdict.settle.body, verdict.settle.attributes)


# The dead letters


def test_a_dead_letter_of_a_worker_starts_anew_and_counts_its_redrive_once():
    envelope = Envelope(
        job="close-books", payload={"kind": "x"}, scheduled_at=AT, run="close-books@2026-11-21T02:00:00Z",
        attempt=3, error="old", handed_back_at=AT, redrives=1, enqueued_at=AT, digest="d",
    )  # fmt: skip
    found = written(dead(envelope, "attempts exhausted (3): x", Outcome.FAILED, error="ValueError: x", traceback="abc"))
    again = Envelope.decode(found.sent_by("ada@laptop"))
    assert again == Envelope(
        job="close-books", payload={"kind": "x"}, scheduled_at=AT, run="close-books@2026-11-21T02:00:00Z",
        redrives=2, redriven_by="ada@laptop", enqueued_at=AT, digest="d",
    )  # fmt: skip
    assert (found.job, found.run, found.attempts) == ("close-books", "close-books@2026-11-21T02:00:00Z", "3")
    assert (found.reason, found.error, found.traceback) == ("attempts exhausted (3): x", "ValueError: x", "abc")


@pytest.mark.parametrize(("before", "after"), [(0, 1), (2, 3)])
def test_what_sqs_moved_itself_says_so_and_its_redrive_is_counted_now(before, after):
    envelope = Envelope(job="plain", run="r", attempt=2, error="x", not_before=AT, redrives=before)
    found = of(envelope.encode())
    assert found.reason == WORKERS_DIED
    assert (found.job, found.run, found.attempts) == ("plain", "r", "")
    assert found.again == Envelope(job="plain", run="r", redrives=after)


def test_what_was_sent_back_whole_and_then_killed_its_workers_says_so():
    letter = written(dead(Envelope(job="plain", run="r"), "of the first time", Outcome.FAILED, error="x")).letter
    names = Names("shop", "default")
    moved = letter._replace(moved=True)
    found = read(moved, place=Place.DEAD_LETTERS, queue="reports", manifest=manifest, names=names)
    assert (found.reason, found.attempts, found.error) == (WORKERS_DIED, "", "")
    assert found.again == Envelope(job="plain", run="r", redrives=2)


def test_what_lies_as_it_came_is_counted_now():
    body = Envelope(job="plain", run="r", payload={"kind": 1}).encode()
    found = written(dead_as_it_came(body, "cannot be settled: x", Envelope.decode(body)))
    assert found.reason == "cannot be settled: x"
    assert found.again is not None
    assert found.again.redrives == 1


def test_a_long_run_id_is_told_whole():
    long = "é\n" * 900
    found = written(dead(Envelope(job="plain", run=long), "x", Outcome.FAILED))
    assert found.letter.attributes["rota.run"] != long
    assert found.run == long


def test_what_cannot_be_read_has_no_run_and_says_why():
    found = written(dead_as_it_came("{", "cannot be read: not JSON"))
    assert found.again is None
    assert found.problem.startswith("not JSON: ")
    assert found.reason == "cannot be read: not JSON"
    assert of("[]").reason.startswith("cannot be read: not an envelope")
    assert of("[" * 100_000).again is None


def test_a_dead_letter_of_a_rule_whose_worker_died_has_its_occurrences_id():
    found = of({"rota": 1, "job": "close-books", "fired_at": "2026-11-21T02:00:40Z"})
    assert found.run == "close-books@2026-11-21T02:00:00Z"


def test_a_job_that_is_gone_from_the_manifest_can_still_be_sent():
    found = of({"rota": 1, "job": "gone", "run": "r", "fired_at": "2026-11-21T02:00:40Z"})
    assert found.again is not None
    assert (found.job, found.run) == ("gone", "r")


# The undelivered


EVENT = {
    "version": "0",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-11-21T02:00:40Z",
    "detail": {},
}


def test_an_event_that_a_rule_could_not_deliver_becomes_its_occurrence_with_the_jobs_input():
    found = undelivered(
        EVENT,
        RULE_ARN=f"{ARNS}shop-default.close-books",
        TARGET_ARN="arn:aws:sqs:eu-west-1:123456789012:shop-default_reports",
        ERROR_CODE="NO_PERMISSIONS",
        ERROR_MESSAGE="not authorized",
        EXHAUSTED_RETRY_CONDITION="MaximumRetryAttempts",
    )
    assert found.again == Envelope(
        job="close-books", run="close-books@2026-11-21T02:00:00Z", payload={"kind": "daily"}, scheduled_at=AT,
        digest=payload_digest(Report), redrives=1,
    )  # fmt: skip
    assert found.reason == "NO_PERMISSIONS: not authorized (after MaximumRetryAttempts)"
    assert (found.job, found.run) == ("close-books", "close-books@2026-11-21T02:00:00Z")


@pytest.mark.parametrize(
    ("rule", "job", "payload", "instant"),
    [
        ("shop-default.close-books.2", "close-books", {"kind": "daily"}, "02:00:00"),
        ("shop-default.defaults", "defaults", {}, "02:00:00"),
        ("shop-default.refresh", "refresh", None, "02:00:00"),  # it counts from the deploy: the rule's own minute
    ],
)
def test_of_every_kind_of_rule(rule, job, payload, instant):
    found = undelivered(EVENT, RULE_ARN=ARNS + rule)
    assert found.again is not None
    assert (found.job, found.again.payload) == (job, payload)
    assert found.run == f"{job}@2026-11-21T{instant}Z"
    assert found.reason == "EventBridge gave no reason"


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(
            {"MessageBody": '{"rota":1,"job":"close-books"}', "QueueUrl": "https://sqs"}
        ),  # the target's request
        '{"rota":1,"job":"close-books","payload":{"kind":"daily"},"scheduled_at":"<aws.scheduler.scheduled-time>"}',
        "cut off, as IS_PAYLOAD_TRUNCATED sa",
    ],
)
def test_of_a_schedule_whatever_its_body(body):
    found = undelivered(
        body,
        SCHEDULE_ARN=f"{SCHEDULES}shop-default.close-books",
        SCHEDULED_TIME="2026-11-21T02:00:00Z",
        ERROR_CODE="AWS.SimpleQueueService.NonExistentQueue",
        ERROR_MESSAGE="The specified queue does not exist",
    )
    assert found.again is not None
    assert found.run == "close-books@2026-11-21T02:00:00Z"
    assert (found.again.scheduled_at, found.again.payload) == (AT, {"kind": "daily"})
    assert found.reason == "AWS.SimpleQueueService.NonExistentQueue: The specified queue does not exist"


def test_the_targets_own_input_is_taken_as_it_is():
    body = {"rota": 1, "job": "close-books", "payload": {"kind": "of then"}, "scheduled_at": "2026-11-21T02:00:00Z"}
    found = undelivered(body, SCHEDULE_ARN=f"{SCHEDULES}shop-default.close-books", SCHEDULED_TIME="nonsense")
    assert found.again is not None
    assert (found.run, found.again.payload) == ("close-books@2026-11-21T02:00:00Z", {"kind": "of then"})


@pytest.mark.parametrize(
    ("body", "attributes", "said"),
    [
        (EVENT, {}, "no RULE_ARN or SCHEDULE_ARN beside it says whose it is"),
        (EVENT, {"RULE_ARN": f"{ARNS}shop-staging.close-books"}, "belongs to no job of manifest 'shop'"),
        (EVENT, {"RULE_ARN": f"{ARNS}shop-default.gone"}, "belongs to no job of manifest 'shop'"),
        ("gibberish", {"RULE_ARN": f"{ARNS}shop-default.close-books"}, "not JSON"),
        ([1], {"RULE_ARN": f"{ARNS}shop-default.close-books"}, "time must be an RFC 3339 time; got None"),
        (EVENT, {"SCHEDULE_ARN": f"{SCHEDULES}shop-default.close-books"}, "SCHEDULED_TIME must be an RFC 3339 time"),
    ],
)
def test_what_does_not_say_whose_it_is_or_when_is_left(body, attributes, said):
    found = undelivered(body, **attributes)
    assert found.again is None
    assert said in found.problem


# Duplicates


def test_letters_of_one_run_are_told_together_and_others_are_not():
    letters = [
        of({"rota": 1, "job": "plain", "run": "r"}, name="1"),
        of({"rota": 1, "job": "plain", "run": "r", "attempt": 4, "redrives": 2}, name="2"),
        of({"rota": 1, "job": "plain", "run": "s"}, name="3"),
        of({"rota": 1, "job": "refresh", "run": "r"}, name="4"),
        of({"rota": 1, "job": "plain", "run": "r", "payload": {"kind": "other"}}, name="5"),
        of({"rota": 1, "job": "plain"}, name="6"),  # without an id, each is a run of its own
        of({"rota": 1, "job": "plain"}, name="7"),
        of("x", name="8"),
    ]
    assert [(run.letter.id, count) for run, count in together(letters)] == [
        ("1", 2), ("3", 1), ("4", 1), ("5", 1), ("6", 1), ("7", 1), ("8", 1),
    ]  # fmt: skip


# The trigger's


FIRED = AT + timedelta(seconds=70)
LATER = {"time": "2026-11-21T02:01:10Z"}
FIVE = {"rota": 1, "job": "prices", "fired_at": "2026-11-21T02:01:10Z"}


def of_trigger(body, attributes=None, place=Place.DEAD_LETTERS, name="m-1"):
    return of(body, attributes, place, name, queue="trigger")


def test_what_the_trigger_gave_up_says_where_and_goes_there_again():
    post = Post(endpoints=("web/10.0.0.1:80",), timeout=30.0, attempts=3)
    lies = Envelope(job="prices", run="prices@2026-11-21T02:01:00Z", fired_at=FIRED, post=post, redrives=1, error="410")
    lies = replace(lies, scheduled_at=AT + timedelta(minutes=1))  # the minute, for the trigger knows no better
    found = of_trigger(
        lies.encode(),
        {"rota.reason": "410 Gone", "rota.job": "prices", "rota.endpoint": "web/10.0.0.1:80", "rota.status": "410"},
    )
    assert (found.reason, found.endpoint, found.status) == ("410 Gone", "web/10.0.0.1:80", "410")
    assert found.run == "prices@2026-11-21T02:00:00Z"
    assert found.again == Envelope(
        job="prices", run="prices@2026-11-21T02:00:00Z", scheduled_at=AT, post=post, redrives=1
    )


def test_one_run_at_two_endpoints_is_two():
    one, other = (
        of_trigger(replace(Envelope(job="plain", run="r"), post=Post(endpoints=(endpoint,))).encode())
        for endpoint in ("web", "web/10.0.0.1:80")
    )
    assert one.identity != other.identity
    assert [count for _, count in together([one, other, one])] == [2, 1]


@pytest.mark.parametrize("place", Place)
def test_what_lacks_its_endpoints_gets_those_of_its_job(place):
    found = of_trigger(FIVE, place=place)
    assert found.again == Envelope(
        job="prices", run="prices@2026-11-21T02:00:00Z", scheduled_at=AT, post=prices.post, redrives=1
    )
    assert found.endpoint == "web, web/*"


def test_what_a_rule_could_not_deliver_is_posted_to_the_endpoints_of_its_job():
    found = of_trigger(LATER, {"RULE_ARN": f"{ARNS}shop-default.alone"}, Place.UNDELIVERED)
    assert found.again == Envelope(
        job="alone", run="alone@2026-11-21T02:00:00Z", scheduled_at=AT, post=alone.post, redrives=1
    )


@pytest.mark.parametrize(
    ("event", "attributes", "instant"),
    [
        (True, {"RULE_ARN": f"{ARNS}shop-default.prices"}, {"fired_at": "2026-11-21T02:01:10Z"}),
        (
            False,
            {"SCHEDULE_ARN": f"{SCHEDULES}shop-default.prices", "SCHEDULED_TIME": "2026-11-21T02:00:00Z"},
            {"scheduled_at": "2026-11-21T02:00:00Z"},
        ),
    ],
)
def test_a_rule_that_makes_several_due_has_them_all_run(event, attributes, instant):
    found = of_trigger(LATER if event else "", attributes, Place.UNDELIVERED)
    assert (found.job, found.problem) == ("prices, drop, gone", "")
    own = {"payload": {"kind": "x"}, "digest": payload_digest(Report)}
    assert json.loads(found.sent_by("ada")) == {
        "rota": 1,
        **instant,
        "jobs": [
            {"job": "prices", "post": {"endpoints": ["web", "web/*"], "attempts": 3}},
            {"job": "drop", "post": {"endpoints": ["web"], "attempts": 3}, **own},
            {"job": "gone"},
        ],
        "redrives": 1,
        "redriven_by": "ada",
    }
    parts = split(found.sent_by("ada"), message_id="m", endpoints=["web"])
    assert [(part.job, part.redrives) for part in parts] == [("prices", 1), ("prices", 1), ("drop", 1), ("gone", 1)]


def test_elsewhere_a_job_keeps_the_form_of_its_queue():
    assert of(FIVE).again.post is None
    assert of(TOGETHER).problem == "job must be a name; got None", "and workers take one job a message"


@pytest.mark.parametrize("job", ["plain", "stranger"])
def test_what_the_trigger_would_give_up_at_once_is_not_sent_to_it_for_ever(job, monkeypatch):
    body = {"rota": 1, "job": job, "run": "r"}
    assert of_trigger(body).again == Envelope(job=job, run="r", redrives=1), "there is one endpoint alone"
    two = Job(name="two", handler="a:b", target=Endpoint(name="web-us"))
    monkeypatch.setitem(globals(), "manifest", Manifest(name="shop", jobs=[*manifest.jobs, two]))
    found = of_trigger(body)
    assert found.again is None
    assert found.problem.startswith('neither "post" in it nor its job says to which endpoint: ')
    assert (found.job, found.run) == (job, "r")
    assert of_trigger(body | {"post": {"endpoints": ["web"]}}).again is not None


TOGETHER = {
    "rota": 1,
    "fired_at": "2026-11-21T02:01:10Z",
    "jobs": [{"job": "prices", "post": {"endpoints": ["web"]}}, "refresh"],
    "post": {"endpoints": ["web", "web-us"]},
}


def test_jobs_that_are_due_together_are_sent_again_together():
    found = of_trigger(TOGETHER, {"RULE_ARN": f"{ARNS}shop-default.prices", "ERROR_CODE": "X"}, Place.UNDELIVERED)
    assert (found.job, found.reason, found.problem) == ("prices, refresh", "X", "")
    assert [found.is_of(name) for name in ("prices", "refresh", "price", "prices, refresh")] == [
        True,
        True,
        False,
        False,
    ]
    assert json.loads(found.sent_by("ada")) == TOGETHER | {"redrives": 1, "redriven_by": "ada"}
    again = of_trigger(found.sent_by("ada"))
    assert again.again.redrives == 2
    assert again.identity != of_trigger(found.sent_by("ada"), name="m-2").identity, (
        "two messages may be two occurrences"
    )


def test_a_job_and_jobs():
    assert of_trigger(TOGETHER | {"job": "prices"}).problem == "it has both a job and jobs"


@pytest.mark.parametrize("jobs", [[], "prices", [7], [{"post": {}}], [""], {"job": "prices"}])
def test_jobs_that_are_none(jobs):
    found = of_trigger(TOGETHER | {"jobs": jobs})
    assert found.again is None
    assert found.problem == f"jobs must be a list of names or objects; got {jobs!r}"


def test_a_question_of_the_triggers_own_is_no_run():
    body = {"rota": 1, "job": "prices", "run": "r", "roll_call": {"endpoint": "web", "asked": ["10.0.0.1:80"]}}
    found = of_trigger(body)
    assert (found.again, found.problem) == (None, "it asks which servers there are, and is no run")
