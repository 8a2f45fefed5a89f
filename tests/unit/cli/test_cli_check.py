"""`rota check`."""

import json
from pathlib import Path


def test_a_good_manifest_has_no_problems(application, run):
    Path("handlers.py").write_text("def greet(greeting): ...\ndef tick(run): ...\n")
    code, out, _ = run("check")
    assert code == 0, out
    assert out.endswith("manifest 'shop': 5 jobs, 2 queues, no problems\n")


def test_every_problem_is_named_at_once(declare, run):
    declare("""
q = Queue(name="q")
class Thing: ...
manifest = Manifest(name="shop", jobs=[
    Job(name="a", handler="handlers:nothing", target=q),
    Job(name="b", handler="no_module:nothing", target=q),
    Job(name="c", handler="exits:nothing", target=q),
    Job(name="d", handler="handlers:greedy", target=q),
])
""")
    Path("handlers.py").write_text("def greedy(one, two): ...\n")
    Path("exits.py").write_text("raise SystemExit('no database')\n")
    code, out, _ = run("check")
    assert code == 1
    assert out.splitlines() == [
        "4 problems",
        "  job 'a': handler 'handlers:nothing': 'handlers' has no 'nothing'",
        (
            "  job 'b': handler 'no_module:nothing': module 'no_module' cannot be imported: "
            "ModuleNotFoundError: No module named 'no_module'"
        ),
        "  job 'c': handler 'exits:nothing': module 'exits' cannot be imported: SystemExit: no database",
        (
            "  job 'd': handler 'handlers:greedy': parameter 'one' has nothing to receive; a handler takes at most "
            "run, for the job declares no payload"
        ),
    ]


def test_what_the_declarations_refuse_are_problems_too(declare, run):
    declare("""
q = Queue(name="q")
one = Job(name="a", handler="b:c", target=q)
manifest = Manifest(name="shop", jobs=[one, Job(name="a", handler="b:c", target=q, input=1)])
""")
    code, out, _ = run("check", "--json")
    assert code == 1
    assert json.loads(out)["problems"] == [
        {"subject": "manifest 'shop'", "message": "job 'a' is declared 2 times"},
        {"subject": "manifest 'shop'", "message": "job 'a': input is 1, but the job declares no payload type"},
    ]
    declare('Cron("61 * * * *")')
    code, out, _ = run("check")
    assert code == 1
    assert out.startswith("1 problem\n  jobs:manifest: ")


def test_warnings_stand_apart_and_are_no_failure(declare, run):
    declare("""
q = Queue(name="q", visibility_timeout=timedelta(hours=3))
past = Once(datetime(2020, 1, 1, tzinfo=UTC))
from dataclasses import dataclass
@dataclass
class Thing:
    name: str = ""
minute = timedelta(minutes=1)
manifest = Manifest(name="shop", jobs=[
    Job(name="past", handler="handlers:plain", target=q, schedule=past),
    Job(name="off", handler="handlers:plain", target=q, schedule=past, enabled=False),
    Job(name="deaf", handler="handlers:plain", target=q, timeout=minute),
    Job(name="hears", handler="handlers:hears", target=q, timeout=minute),
    Job(name="cancelled", handler="handlers:cancelled", target=q, timeout=minute),
    Job(name="drops", handler="handlers:plain", target=q, payload=Thing),
])
""")
    Path("handlers.py").write_text("def plain(): ...\ndef hears(run): ...\nasync def cancelled(): ...\n")
    code, out, _ = run("check")
    assert code == 0
    assert out.splitlines() == [
        "4 warnings",
        (
            "  job 'deaf': its timeout of 1 min stops nothing: a thread cannot be killed. Let handler 'handlers:plain' "
            "take `run` and return when run.stop_requested, or make it async"
        ),
        "  job 'drops': handler 'handlers:plain' takes no payload, and the job declares Thing",
        "  job 'past': its schedule never fires again: once, Wed 2020-01-01 00:00",
        (
            "  queue 'q': after a crash its runs wait 3 h for another server. Workers extend visibility_timeout while "
            "a handler runs, so it need not cover the longest job"
        ),
        "manifest 'shop': 6 jobs, 1 queue, no problems",
    ]


def test_an_empty_manifest_is_worth_a_warning(declare, run):
    declare('manifest = Manifest(name="shop", jobs=[])')
    code, out, _ = run("check")
    assert code == 0
    assert "manifest 'shop': it declares no job" in out


def test_what_the_application_prints_stays_off_stdout(application, run):
    code, out, err = run("check", "--json")
    assert code == 0
    assert json.loads(out)["problems"] == []
    assert "noise from the application" in err
