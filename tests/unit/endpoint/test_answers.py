"""Verdicts as answers, by docs/http.md."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rota import Outcome, Run
from rota.endpoint.answers import Response, of_verdict, problem
from rota.envelope import Envelope
from rota.ledger import Record, State
from rota.verdicts import Acknowledge, Leave, SendAgain, Verdict, dead, dead_as_it_came

RUN = Run(
    job="work", id="r1", attempt=2, queue="trigger", endpoint="web", scheduled_at=datetime(2026, 1, 1, tzinfo=UTC)
)
ENVELOPE = Envelope(job="work", run="r1", endpoint="web", attempt=2)
KNOWN = {"rota": 1, "job": "work", "run": "r1", "scheduled_at": "2026-01-01T00:00:00Z"}
LEASE = timedelta(seconds=30)


def record(state: State, outcome: Outcome | None = None) -> Record:
    return Record(
        job="work", run="r1", target="web", state=state, attempt=1, outcome=outcome, reason="the first", server="b:2"
    )


def answer(verdict: Verdict, run: Run | None = RUN) -> tuple[int, dict[str, Any], str | None]:
    found = of_verdict(verdict, run, LEASE)
    return found.status, json.loads(found.body), dict(found.headers).get("retry-after")


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.SKIPPED, Outcome.CANCELLED])
def test_what_is_done_or_rightly_not_done(outcome: Outcome) -> None:
    says = {**KNOWN, "outcome": str(outcome), "reason": "why", "attempt": 2}
    assert answer(Verdict(outcome, "why", Acknowledge())) == (200, says, None)


def test_a_repetition_is_told_what_is_on_record() -> None:
    found = record(State.FINISHED, Outcome.SUCCEEDED)
    verdict = Verdict(Outcome.SKIPPED, "it is on record as succeeded", Acknowledge(), found=found)
    says = {**KNOWN, "outcome": "succeeded", "reason": "the first", "attempt": 1}
    assert answer(verdict) == (200, says, None)


def test_a_failure_with_another_attempt() -> None:
    following = Envelope(job="work", run="r1", attempt=3, error="ValueError: no")
    verdict = Verdict(Outcome.FAILED, "ValueError: no", SendAgain(following.encode(), timedelta(seconds=1.5)))
    says = {
        **KNOWN,
        "outcome": "failed",
        "reason": "ValueError: no",
        "attempt": 3,
        "error": "ValueError: no",
        "again_in": 1.5,
    }
    assert answer(verdict) == (500, says, None)


def test_what_runs_on_another_server() -> None:
    settle = SendAgain(ENVELOPE.encode(), timedelta(seconds=12.2))
    verdict = Verdict(None, "runs on b:2", settle, found=record(State.RUNNING))
    assert answer(verdict) == (202, {**KNOWN, "reason": "runs on b:2"}, "13")


@pytest.mark.parametrize(("delay", "header"), [(12.2, "13"), (0, "1"), (-3, "1")])
def test_what_may_not_start_yet(delay: float, header: str) -> None:
    verdict = Verdict(None, "not due yet", SendAgain(ENVELOPE.encode(), timedelta(seconds=delay)))
    assert answer(verdict) == (503, {**KNOWN, "reason": "not due yet"}, header)


def test_a_final_failure() -> None:
    verdict = dead(ENVELOPE, "attempts exhausted (2): no", Outcome.FAILED, error="no", traceback="ab12")
    says = {
        **KNOWN,
        "outcome": "failed",
        "reason": "attempts exhausted (2): no",
        "final": True,
        "error": "no",
        "attempt": 2,
        "traceback": "ab12",
    }
    assert answer(verdict) == (500, says, None)


def test_a_final_failure_tells_how_often_the_run_had_been_redriven() -> None:
    redriven = dead(replace(ENVELOPE, redrives=2), "attempts exhausted (2): no", Outcome.FAILED)
    assert answer(redriven)[1]["redrives"] == 2
    assert "redrives" not in answer(dead(ENVELOPE, "no", Outcome.FAILED))[1]
    assert "redrives" not in answer(dead_as_it_came("[", "cannot be settled", ENVELOPE))[1]


def test_a_final_failure_without_an_error_has_its_reason_as_one() -> None:
    _, says, _ = answer(dead(ENVELOPE, "payload cannot be read", Outcome.FAILED))
    assert says["error"] == says["reason"] == "payload cannot be read"
    assert "traceback" not in says


def test_what_cannot_be_read_is_none_that_could_fail() -> None:
    assert answer(dead_as_it_came("{", "cannot be read: not JSON"), None) == (
        400,
        {"title": "Bad Request", "status": 400},
        None,
    )


def test_what_another_server_has_taken_over() -> None:
    verdict = Verdict(Outcome.ABANDONED, "taken over by another server", Leave())
    assert answer(verdict) == (202, {**KNOWN, "reason": "taken over by another server"}, "35")


def test_halves_of_characters_can_be_sent() -> None:
    found = of_verdict(Verdict(Outcome.SUCCEEDED, "\ud800", Acknowledge()), RUN, LEASE)
    assert json.loads(found.body)["reason"] == "\ud800"
    assert dict(found.headers)["content-length"] == str(len(found.body))


def test_a_refusal_says_its_title_and_status_alone() -> None:
    assert problem(503, retry_after=0.2) == Response(
        503,
        (
            ("content-type", "application/problem+json"),
            ("content-length", "44"),
            ("cache-control", "no-store"),
            ("retry-after", "1"),
        ),
        b'{"title":"Service Unavailable","status":503}',
    )
