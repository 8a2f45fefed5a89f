"""Dead letters, and what fits into a message."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from rota import Outcome
from rota.envelope import Envelope
from rota.queues.base import MAX_BYTES, Outgoing, size_problem
from rota.verdicts import REASON_LENGTH, DeadLetter, Verdict, dead, dead_as_it_came, fitting

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CAME = Envelope(job="work", run="r1", enqueued_at=NOW, payload={"n": 7}, digest="d" * 16)


def letter(verdict: Verdict) -> DeadLetter:
    assert isinstance(verdict.settle, DeadLetter)
    return verdict.settle


def test_a_dead_letter_lies_ready_to_run_again_and_says_beside_it_what_it_was() -> None:
    died = replace(CAME, attempt=5, handed_back_at=NOW, not_before=NOW, error="last", redrives=1, redriven_by="ada")
    verdict = dead(died, "attempts exhausted", Outcome.FAILED, error="ValueError: x", traceback="abc123")
    assert (verdict.outcome, verdict.reason) == (Outcome.FAILED, "attempts exhausted")
    assert Envelope.decode(letter(verdict).body) == replace(CAME, error="last", redrives=2)
    assert letter(verdict).attributes == {
        "rota.job": "work",
        "rota.run": "r1",
        "rota.attempts": "5",
        "rota.reason": "attempts exhausted",
        "rota.error": "ValueError: x",
        "rota.traceback": "abc123",
    }


def test_an_attribute_that_would_be_empty_is_left_out_for_sqs_refuses_it() -> None:
    assert letter(dead(replace(CAME, run=None), "why")).attributes.keys() == {
        *("rota.job", "rota.attempts", "rota.reason")
    }


def test_attributes_hold_what_sqs_takes_and_no_more_than_people_read() -> None:
    verdict = dead(replace(CAME, run="r\x00" + "x" * 5000), "why\udc80" * 1000, error="\uffff", traceback="t")
    attributes = letter(verdict).attributes
    assert attributes["rota.run"] == "r?" + "x" * (REASON_LENGTH - 2)
    assert attributes["rota.reason"] == verdict.reason == ("why?" * 1000)[:REASON_LENGTH]
    assert attributes["rota.error"] == "?"


def test_what_cannot_be_read_lies_as_it_came() -> None:
    verdict = dead_as_it_came("hello", "cannot be read")
    assert verdict == Verdict(None, "cannot be read", DeadLetter("hello", {"rota.reason": "cannot be read"}))
    known = dead_as_it_came("{", "cannot be written again", CAME)
    assert known.outcome is Outcome.FAILED
    assert letter(known).body == "{"
    assert letter(known).attributes["rota.run"] == "r1"


def of_size(size: int, **more: Any) -> Envelope:
    empty = replace(CAME, payload="", **more)
    return replace(empty, payload="x" * (size - len(empty.encode())))


def test_the_error_goes_before_the_run(caplog: pytest.LogCaptureFixture) -> None:
    fits = of_size(MAX_BYTES, error="ValueError")
    assert fitting(fits) == fits.encode()
    assert caplog.records == []
    too_large = of_size(MAX_BYTES + 1, error="ValueError")
    with caplog.at_level(logging.WARNING):
        assert Envelope.decode(fitting(too_large)) == replace(too_large, error=None)
    assert [record.message for record in caplog.records] == [
        "the error of run r1 does not fit into its message, and is left out"
    ]


def test_a_dead_letter_fits_with_its_attributes() -> None:
    for spare in range(0, 2400, 100):
        came = of_size(MAX_BYTES - spare - 3000, error="e" * 1000)
        settle = letter(dead(came, "r" * 1000, error="e" * 1000, traceback="t" * 12))
        assert size_problem(Outgoing(settle.body, attributes=settle.attributes)) is None
