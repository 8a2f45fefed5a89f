"""`rota run`, against moto."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rota.ledger import Ledger
from rota.run import Outcome


def test_with_the_jobs_own_input(operated, run):
    code, out, err = run("run", "close-books")
    [message] = operated.received("slow")
    assert (code, err) == (0, "")
    assert message["payload"] == {"kind": "daily"}
    assert out == f"close-books is asked to run now: run {message['run']}\n  queue slow, stage default\n"


@pytest.mark.parametrize("given", ['{"kind": "x"}', "@input.json", "-"])
def test_with_another_input(operated, run, given):
    Path("input.json").write_text('{"kind": "x"}')
    code, out, _ = run("run", "close-books", "--input", given, "--json", stdin='{"kind": "x"}')
    [message] = operated.received("slow")
    assert code == 0
    assert message["payload"] == {"kind": "x"}
    where = {"targets": ["slow"], "queue": "slow", "stage": "default"}
    assert json.loads(out) == {"run": message["run"], "job": "close-books", **where}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mail"], "job 'mail': Report: kind: Field required; got {}; give it as JSON: rota run mail --input '{...}'"),
        (["mail", "-i", "{"], "the payload is not JSON: "),
        (["mail", "-i", "@nowhere"], "'nowhere' cannot be read: "),
        (["plain", "-i", "{}"], "job 'plain' takes no payload; got {}"),
        (["male"], "manifest 'shop' has no job 'male'; did you mean mail?"),
    ],
)
def test_what_is_refused(operated, run, arguments, said):
    code, out, err = run("run", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {said}")
    assert operated.received("work") == []


def finds(operated, monkeypatch, outcome):
    """At the second look, a worker has had the run."""
    looks = []
    find = Ledger.find

    def later(self, job, run, **where):
        looks.append(run)
        if len(looks) == 2:
            operated.claim(job, run=run).complete(outcome, "ValueError: x")
        return find(self, job, run, **where)

    monkeypatch.setattr(Ledger, "find", later)
    monkeypatch.setattr("rota.cli.run.LOOK", 0)


@pytest.mark.parametrize(("outcome", "code"), [(Outcome.SUCCEEDED, 0), (Outcome.FAILED, 1)])
def test_it_waits_for_the_outcome_of_a_run_on_record(operated, run, monkeypatch, outcome, code):
    finds(operated, monkeypatch, outcome)
    got, out, _ = run("run", "mail", "-i", '{"kind": "x"}', "--wait")
    assert got == code
    assert out.splitlines()[2].startswith(f"  {outcome} in ")
    assert out.endswith(": ValueError: x\n") is (outcome is Outcome.FAILED)


def test_the_outcome_for_machines(operated, run, monkeypatch):
    finds(operated, monkeypatch, Outcome.FAILED)
    read = json.loads(run("run", "mail", "-i", '{"kind": "x"}', "--wait", "--json")[1])
    assert (read["outcome"], read["reason"]) == ("failed", "ValueError: x")


def test_what_is_not_on_record_cannot_be_waited_for_and_runs_all_the_same(operated, run):
    code, _, err = run("run", "plain", "--wait")
    assert code == 1
    assert err == (
        "  its outcome will be in logs and metrics only: plain has neither a lock nor a unique key, so what is "
        "enqueued of it is not on record\n"
    )
    assert len(operated.received("work")) == 1


def test_nothing_is_sent_that_cannot_be_waited_for_without_a_ledger(operated, run):
    operated.deploy(replace(operated.settings, ledger=None))
    code, out, err = run("run", "mail", "-i", '{"kind": "x"}', "--wait", "--json")
    assert (code, out) == (2, "")
    assert "has no ledger; deploy again" in err
    assert operated.received("work") == []


def test_it_does_not_wait_for_ever(operated, run):
    code, _, err = run("run", "mail", "-i", '{"kind": "x"}', "--wait", "--timeout", "0.01")
    assert code == 1
    assert "not ended within 0.01 s: no server has it yet; see: rota show mail@" in err


def test_nothing_on_stdin_is_no_input(operated, run):
    for command in (["run", "mail", "-i", "-"], ["enqueue", "mail", "-"]):
        code, _, err = run(*command, stdin="")
        assert code == 2
        assert err.startswith("error: the payload is not JSON: ")
    assert operated.received("work") == []
