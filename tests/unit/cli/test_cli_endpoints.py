"""Jobs that go to endpoints, as the commands show and treat them."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rota.envelope import Envelope
from rota.ledger import Ledger
from rota.run import Outcome

NIGHT = datetime(2126, 11, 21, 2, tzinfo=UTC)
AT = "2126-11-21T02:00:00Z"


def read(out):
    return json.loads(out)


# What is declared


def test_list_tells_each_target(posted, run):
    _, out, _ = run("list")
    rows = [line.split() for line in out.splitlines()]
    assert rows[0][:3] == ["JOB", "TARGET", "SCHEDULE"]
    assert [row[0] for row in rows[1:]] == ["refresh", "rebuild", "drop-caches", "ping", "plain"]
    assert "rebuild      web, web-us  " in out
    assert "drop-caches  web/*  " in out
    jobs = {job["job"]: job for job in read(run("list", "--json")[1])["jobs"]}
    assert {name: job["targets"] for name, job in jobs.items()} == {
        "refresh": ["web"], "rebuild": ["web", "web-us"], "drop-caches": ["web/*"], "ping": ["node"], "plain": ["work"],
    }  # fmt: skip
    assert (jobs["ping"]["handler"], jobs["plain"]["handler"]) == (None, "handlers:tick")


def warnings(run):
    code, out, _ = run("check", "--json")
    found = read(out)
    assert (code, found["problems"]) == (0, [])
    return [(warning["subject"], warning["message"]) for warning in found["warnings"]]


def test_check_counts_endpoints_and_resolves_their_handlers(declare, run):
    declare("""
web = Endpoint(name="web")
node = Endpoint(name="node", ledger=False)
soon = timedelta(seconds=55)
manifest = Manifest(name="shop", jobs=[
    Job(name="a", handler="handlers:later", target=web, timeout=soon),
    Job(name="b", target=node, timeout=soon, idempotent=True),
])
""")
    Path("handlers.py").write_text("async def later(): ...")
    assert run("check") == (0, "manifest 'shop': 2 jobs, 2 endpoints, no problems\n", "")
    Path("jobs.py").write_text(Path("jobs.py").read_text().replace("handlers:later", "handlers:sooner"))
    del sys.modules["jobs"]
    code, out, _ = run("check")
    assert code == 1
    assert out.splitlines() == ["1 problem", "  job 'a': handler 'handlers:sooner': 'handlers' has no 'sooner'"]


LATER = "it is answered 202 when it begins, and its outcome is asked for later"
NO_TIMEOUT = "it has no timeout, and endpoint {!r} is to answer within 55 s: "
TOO_LONG = "its timeout is 56 s, and endpoint 'web' is to answer within 55 s: "
FOREIGN = "unless its servers answer 202, what takes longer is an outcome that nobody knows"
NOT_STARTED = (
    "no ledger could tell whether it runs, so the middleware does not start it and answers 503; give it a shorter "
    "timeout, the endpoint its ledger, or declare it idempotent=True"
)
GONE = (
    "when nobody knows whether it ran, its run for endpoint 'node' goes to the dead letters, for no ledger can tell; "
    "declare it idempotent=True if it does no harm to run it again"
)
TWICE = (
    "it has no timeout, so when nobody knows whether it ran, its run for endpoint 'node' is posted again while the "
    "first one may be running; give it a timeout that its servers keep"
)
ONE_LOCK = (
    "its lock 'stock' is one for all its targets, so of the runs of an occurrence one starts and lock.overlap='skip' "
    'befalls the others; overlap="wait" has them run one after another, and a lock without a key keeps each target\'s '
    "runs apart for itself"
)


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ("target=web", [NO_TIMEOUT.format("web") + LATER]),
        ("target=[web, slow], timeout=timedelta(seconds=56)", [TOO_LONG + LATER]),
        ("target=EveryServer(web), timeout=timedelta(seconds=55)", []),
        ("target=node, timeout=timedelta(seconds=55), idempotent=True", []),
        ("target=node, timeout=timedelta(seconds=55)", [GONE]),
        ("target=node, idempotent=True", [NO_TIMEOUT.format("node") + FOREIGN, TWICE]),
        (
            "target=node, timeout=timedelta(seconds=5), idempotent=True, lock=Lock()",
            ["its lock counts for nothing at endpoint 'node': no ledger holds it"],
        ),
        ("target=web, timeout=timedelta(seconds=5), lock=Lock()", []),
        ("target=[web, slow], timeout=timedelta(seconds=5), lock=Lock()", []),
        ('target=[web, slow], timeout=timedelta(seconds=5), lock=Lock(key="stock")', [ONE_LOCK]),
        ('target=EveryServer(web), timeout=timedelta(seconds=5), lock=Lock(overlap="wait")', []),
        (
            'target=EveryServer(web), timeout=timedelta(seconds=5), unique=Unique(key="a", window=timedelta(1))',
            [],
        ),
    ],
)
def test_warnings_of_endpoints(declare, run, job, said):
    check_warnings(declare, run, job, said, handler="" if "target=node" in job else "handlers:later")


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ("target=node", [NO_TIMEOUT.format("node") + NOT_STARTED, GONE]),
        ("target=node, idempotent=True", [NO_TIMEOUT.format("node") + FOREIGN, TWICE]),
        ("target=node, timeout=timedelta(seconds=55)", [GONE]),
    ],
)
def test_warnings_of_endpoints_with_the_middleware_and_without_a_ledger(declare, run, job, said):
    check_warnings(declare, run, job, said, handler="handlers:later")


def test_two_rules_that_fire_at_one_minute_are_told_where_no_ledger_makes_them_one_run(declare, run):
    declare("""
web, node = Endpoint(name="web"), Endpoint(name="node", ledger=False)
friday_13 = {"handler": "handlers:later", "schedule": Cron("0 0 13 * FRI"), "timeout": timedelta(seconds=5)}
manifest = Manifest(name="shop", jobs=[
    Job(name="a", target=node, **friday_13),
    Job(name="b", target=node, **friday_13, idempotent=True),
    Job(name="c", target=web, **friday_13),
])
""")
    Path("handlers.py").write_text("async def later(): ...")
    (told,) = [(job, said) for job, said in warnings(run) if "two rules" in said]
    said = (
        "two rules fire where both day fields of its schedule match, and without a ledger that is two runs at endpoint "
        "'node'; declare it idempotent=True if that does no harm, or two jobs"
    )
    assert told == ("job 'a'", said)


def check_warnings(declare, run, job, said, *, handler):
    declare(f"""
web, node = Endpoint(name="web"), Endpoint(name="node", ledger=False)
slow = Endpoint(name="slow", idle_timeout=timedelta(minutes=5))
manifest = Manifest(name="shop", jobs=[Job(name="a", handler={handler!r}, {job})])
""")
    Path("handlers.py").write_text("async def later(): ...")
    assert warnings(run) == [("job 'a'", message) for message in said]


# What is asked for


def test_enqueue_gives_it_to_the_trigger(posted, run):
    code, out, _ = run("enqueue", "rebuild", '{"kind": "x"}', "--delay", "0", "--json")
    [message] = posted.received("trigger")
    assert code == 0
    assert message["post"]["endpoints"] == ["web", "web-us"]
    told = read(out)
    assert (told["run"], told["queue"], told["targets"]) == (message["run"], "trigger", ["web", "web-us"])
    assert told["url"] == posted.urls["trigger"]
    assert "  queue trigger for web/*, stage default, http" in run("enqueue", "drop-caches")[1]


def test_run_gives_it_to_the_trigger(posted, run):
    code, out, _ = run("run", "ping")
    [message] = posted.received("trigger")
    assert (code, message["post"]) == (0, {"endpoints": ["node"], "timeout": 20, "attempts": 3, "idempotent": True})
    assert out.splitlines()[1] == "  queue trigger for node, stage default"


def ends(posted, monkeypatch, job, **outcomes):
    """By the time of the third look its servers have had the run."""
    looks = []
    find = Ledger.find

    def later(self, name, run, **where):
        looks.append(run)
        if len(looks) == 3:
            base = run.partition("/")[0]
            for place, outcome in outcomes.items():
                target = place.replace("_", "-")
                claimed = base if len(outcomes) == 1 else f"{base}/{target}"
                posted.claim(job, run=claimed, target=target).complete(Outcome(outcome), "because")
        return find(self, name, run, **where)

    monkeypatch.setattr(Ledger, "find", later)
    monkeypatch.setattr("rota.cli.run.LOOK", 0)


def test_a_run_for_one_endpoint_is_waited_for(posted, run, monkeypatch):
    ends(posted, monkeypatch, "refresh", web="succeeded")
    code, out, err = run("run", "refresh", "--wait", "--json")
    assert (code, err) == (0, "")
    told = read(out)
    assert (told["outcome"], told["reason"], "runs" in told) == ("succeeded", "because", False)


@pytest.mark.parametrize(("second", "code"), [("succeeded", 0), ("failed", 1)])
def test_a_run_for_several_is_waited_for_at_each(posted, run, monkeypatch, second, code):
    ends(posted, monkeypatch, "rebuild", web="succeeded", web_us=second)
    found, out, err = run("run", "rebuild", "-i", '{"kind": "x"}', "--wait", "--json")
    assert (found, err) == (code, "")
    told = read(out)
    assert told["outcome"] == second
    assert [(each["target"], each["outcome"]) for each in told["runs"]] == [("web", "succeeded"), ("web-us", second)]
    assert [each["run"] for each in told["runs"]] == [f"{told['run']}/web", f"{told['run']}/web-us"]


def test_of_several_some_have_not_ended(posted, run, monkeypatch):
    claim = posted.claim

    def one(job, *, run, target):
        """web-us is still at it."""
        made = claim(job, run=run, target=target)
        return made if target == "web" else type("Running", (), {"complete": lambda *_: None})()

    monkeypatch.setattr(posted, "claim", one)
    ends(posted, monkeypatch, "rebuild", web="succeeded", web_us="succeeded")
    code, out, err = run("run", "rebuild", "-i", '{"kind": "x"}', "--wait", "--timeout", "0.5")
    assert code == 1
    assert "  web: succeeded in " in out
    assert "not ended within 0.5 s: it is running at web-us (web-1:7); see: rota show rebuild@" in err


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ("drop-caches", "for which servers it is, is found out when it is posted"),
        ("ping", "its outcome is not on record: the servers of endpoint node do not claim runs"),
    ],
)
def test_some_cannot_be_waited_for(posted, run, job, said):
    code, _, err = run("run", job, "--wait")
    assert (code, said in err) == (1, True)
    assert len(posted.received("trigger")) == 1


# What is on record


def test_runs_tell_which_endpoint(posted, run):
    for target in ("web", "web-us/10.0.0.1:80"):
        posted.claim("refresh", NIGHT, target=target).complete(Outcome.SUCCEEDED, "")
    posted.claim("plain", run="r-1", at=NIGHT)
    code, out, _ = run("runs")
    assert code == 0
    rows = [line.split()[:3] for line in out.splitlines()]
    assert rows[:3] == [
        ["RUN", "TARGET", "OUTCOME"],
        [f"refresh@{AT}", "web-us/10.0.0.1:80", "succeeded"],
        [f"refresh@{AT}", "web", "succeeded"],
    ]
    assert out.splitlines()[-1] == "in logs and metrics only, not on record: every run of ping, plain"
    assert [each["target"] for each in read(run("runs", "--json")[1])["runs"]] == ["web-us/10.0.0.1:80", "web"]
    assert run("runs", "plain")[1].splitlines()[1].split()[:2] == ["r-1", "running"], "a queue goes without saying"


def test_show_finds_an_occurrence_at_every_server(posted, run):
    targets = [f"web/10.0.{n // 20}.{n % 20}:8080" for n in range(25)]
    for target in targets:
        posted.claim("drop-caches", NIGHT, target=target)
    posted.claim("drop-caches", NIGHT + timedelta(seconds=1), target="web/elsewhere")
    posted.claim("drop-caches", NIGHT - timedelta(seconds=1), target="web/elsewhere")
    code, out, _ = run("show", f"drop-caches@{AT}", "--json")
    assert code == 0
    assert [each["target"] for each in read(out)["runs"]] == sorted(targets)


ENQUEUED = f"rebuild@{AT}~00000000000000ff"


@pytest.mark.parametrize(("job", "name"), [("rebuild", ENQUEUED), ("rebuild", "mine"), ("drop-caches", "rebuild@mine")])
def test_show_finds_what_was_enqueued_for_several_by_the_id_that_was_returned(posted, run, job, name):
    for target in ("web", "web-us"):
        posted.claim(job, NIGHT, run=f"{name}/{target}", target=target)
    for other in (f"{name}0", f"{name[:-1]}", f"{name}0/web"):
        posted.claim(job, NIGHT, run=other)
    code, out, _ = run("show", name, "--json")
    assert code == 0
    assert [(each["run"], each["target"]) for each in read(out)["runs"]] == [
        (f"{name}/web", "web"),
        (f"{name}/web-us", "web-us"),
    ]
    assert [each["target"] for each in read(run("show", f"{name}/web-us", "--json")[1])["runs"]] == ["web-us"]
    assert "  target        web-us\n" in run("show", f"{name}/web-us")[1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (f"ping@{AT}", "the servers of 'ping' do not claim its runs; see their logs"),
        (ENQUEUED, "no server has taken it yet, or it was more than 45 days ago"),
    ],
)
def test_what_is_not_on_record(posted, run, name, said):
    code, out, err = run("show", name)
    assert (code, out) == (2, "")
    assert said in err


# What is dead


def dead_letter(posted, **more):
    message = Envelope.new("rebuild", {"kind": "x"}, now=NIGHT, post=posted_to("web-us"))
    message = replace(message, run=f"{message.run}/web-us", error="HTTP 410", redrives=1)
    posted.send(
        "trigger_dead", message.encode(), rota__reason="410 Gone: never", rota__job="rebuild", rota__run=message.run,
        rota__attempts="1", rota__endpoint="web-us", rota__status="410", **more,
    )  # fmt: skip
    return message


def posted_to(*endpoints):
    from rota.envelope import Post

    return Post(endpoints=endpoints, attempts=3)


def test_dead_tells_the_endpoint_and_what_it_answered(posted, run):
    message = dead_letter(posted)
    code, out, _ = run("dead")
    assert code == 0
    [head, columns, row] = out.splitlines()[:3]
    assert head == "queue trigger, dead letters: 1"
    assert columns.split()[:5] == ["JOB", "RUN", "ENDPOINT", "WHEN", "ATTEMPTS"]
    assert ["rebuild", message.run, "web-us"] == row.split()[:3]
    assert "  410     410 Gone: never" in row
    [place] = [place for place in read(run("dead", "-q", "trigger", "--json")[1])["places"] if place["runs"]]
    assert (place["queue"], place["place"]) == ("trigger", "dead letters")
    assert [(each["endpoint"], each["status"]) for each in place["runs"]] == [("web-us", 410)]


def test_redrive_sends_it_to_that_endpoint_alone(posted, run):
    message = dead_letter(posted)
    code, out, _ = run("redrive", "--run", message.run, "--by", "ada", "--json")
    assert code == 0
    assert [place["sent"] for place in read(out)["places"] if place["sent"]] == [[message.run]]
    [again] = posted.received("trigger")
    assert Envelope.decode(json.dumps(again)) == replace(message, error=None, redriven_by="ada")
    assert posted.waiting("trigger_dead") == 0


def test_what_eventbridge_could_not_deliver_is_posted_to_all(posted, run):
    rule = "arn:aws:events:eu-west-1:123456789012:rule/shop-default.refresh"
    posted.send("trigger_undelivered", json.dumps({"time": "2026-11-21T11:05:40Z"}), RULE_ARN=rule, ERROR_CODE="X")
    posted.send(
        "trigger_undelivered", '{"rota":1,"job":"drop-caches","fired_at":"2026-11-21T11:05:40Z"}', RULE_ARN=rule
    )
    code, _, _ = run("redrive", "--all", "--yes", "-q", "trigger")
    assert code == 0
    sent = {message["job"]: message for message in posted.received("trigger")}
    assert sent["refresh"]["post"] == {"endpoints": ["web"], "timeout": 30.0, "attempts": 3}
    assert (sent["refresh"]["run"], sent["drop-caches"]["post"]["endpoints"]) == (
        "refresh@2026-11-21T11:05:00Z",
        ["web/*"],
    )


def test_the_triggers_places_are_none_where_there_are_no_endpoints(operated, run):
    assert {place["queue"] for place in read(run("dead", "--json")[1])["places"]} == {"work", "slow"}
    code, _, err = run("dead", "-q", "trigger")
    assert (code, err) == (2, "error: manifest 'shop' has no queue 'trigger'; it has slow, work\n")


# Who runs it


def test_a_worker_does_not_consume_the_triggers_queue(posted, run):
    code, _, err = run("worker", "-q", "trigger")
    assert code == 2
    assert err.startswith("error: queue 'trigger' is the trigger's: it posts what is in there to the endpoints")


def test_a_worker_has_nothing_to_do_where_all_jobs_go_to_endpoints(declare, run):
    declare("""
manifest = Manifest(name="shop", jobs=[Job(name="a", handler="handlers:tick", target=Endpoint(name="web"))])
""")
    code, _, err = run("worker")
    assert code == 2
    assert err.endswith(
        "error: every job of manifest 'shop' goes to endpoints, so there is no queue to consume: the servers behind "
        "these run them, in the middleware (RotaMiddleware)\n"
    )
