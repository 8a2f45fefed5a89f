"""Records, as a store keeps them, and where."""

import json
from dataclasses import fields
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.envelope import Envelope
from rota.ledger.records import (
    LONGEST_ID,
    REASON_LENGTH,
    REMEMBERED,
    Attempt,
    Record,
    State,
    holder_of,
    key_of,
    key_of_envelope,
)
from rota.run import Outcome
from rota.stores.base import Key

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
instants = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
numbers = st.integers(0, 2**60)
attempts = st.builds(
    Attempt,
    number=numbers,
    token=numbers,
    server=st.text(st.characters(codec="utf-8"), max_size=20),
    started_at=instants,
    ended_at=instants,
    outcome=st.sampled_from(Outcome),
    reason=st.text(st.characters(codec="utf-8"), max_size=20),
)
records = st.builds(
    Record,
    job=text,
    run=text,
    target=text,
    state=st.sampled_from(State),
    attempt=numbers,
    token=numbers,
    server=st.one_of(st.just(""), text),
    **{
        name: st.one_of(st.none(), instants)
        for name in ("scheduled_at", "enqueued_at", "claimed_at", "lease_until", "not_before", "finished_at")
    },
    outcome=st.one_of(st.none(), st.sampled_from(Outcome)),
    reason=st.one_of(st.just(""), text),
    lock=st.one_of(st.none(), text),
    redrives=numbers,
    redriven_by=st.one_of(st.none(), text),
    history=st.lists(attempts, max_size=3).map(tuple),
)


@given(records)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert Record.read(json.loads(json.dumps(record.body()))) == record


@given(records)
def test_what_a_later_rota_adds_is_ignored(record: Record) -> None:
    body = record.body() | {"later": {"x": 1}}
    for attempt in body.get("history", []):
        attempt["later"] = 1
    assert Record.read(body) == record


def test_what_says_nothing_takes_no_room() -> None:
    record = Record(job="a", run="1", target="orders", state=State.RUNNING, attempt=1)
    assert set(record.body()) == {"job", "run", "target", "state", "attempt", "token", "abandoned", "redrives"}
    assert set(record.body()) < {field.name for field in fields(Record)}


def test_the_newest_attempts_stay_on_record_with_the_beginning_of_their_reasons() -> None:
    record = Record(job="a", run="1", target="orders", state=State.RUNNING, attempt=1)
    for number in range(REMEMBERED + 3):
        record = record.ended(Outcome.FAILED, f"{number}: " + "x" * REASON_LENGTH, now=NOON)
    assert [one.reason.partition(":")[0] for one in record.history] == [str(n) for n in range(3, REMEMBERED + 3)]
    assert {len(one.reason) for one in record.history} == {REASON_LENGTH}


def test_a_reason_that_is_no_text_in_utf_8_can_be_written_nevertheless() -> None:
    record = Record(job="a", run="1", target="orders", state=State.RUNNING, attempt=1)
    record = record.ended(Outcome.FAILED, "no such file: \udcff", now=NOON)
    assert record.history[0].reason.encode() == b"no such file: ?"


@pytest.mark.parametrize(("given", "written"), [("x" * 450_000, "x" * REASON_LENGTH), ("a\ud800b", "a?b")])
def test_texts_of_other_programs_do_not_make_a_record_that_no_store_takes(given: str, written: str) -> None:
    record = Record(job="a", run=given, redriven_by=given, target="orders", state=State.RUNNING, attempt=1)
    assert record.body()["run"] == record.body()["redriven_by"] == written


# Keys


def test_an_occurrence_is_on_record_by_its_instant_and_target_whatever_its_id() -> None:
    for run in ("close-books@2026-11-21T12:00:00Z", "anything"):
        key = key_of("close-books", run, target="orders", scheduled_at=NOON)
        assert key == Key("run#close-books", "2026-11-21T12:00:00Z#orders")
    assert holder_of(key) == "close-books@2026-11-21T12:00:00Z#orders"


def test_an_enqueued_run_is_on_record_by_its_id() -> None:
    envelope = Envelope.new("send-invoice", None, now=NOON)
    key = key_of_envelope(envelope, target="orders")
    assert key == Key("run#send-invoice", str(envelope.run).partition("@")[2])
    assert holder_of(key) == envelope.run
    assert key_of("send-invoice", "7", target="orders", scheduled_at=None) == Key("run#send-invoice", "7")


def test_two_ids_are_two_records() -> None:
    own = str(Envelope.new("work", None, now=NOON).run)
    ids = ["123", "work@123", "work@work@123", "work@", own, f"work@{own}", "2026-11-21T12:00:00Z", "~0123456789abcdef"]
    keys = {key_of("work", run, target="orders", scheduled_at=None) for run in ids}
    assert len(keys) == len({holder_of(key) for key in keys}) == len(ids)


def test_runs_of_two_jobs_or_targets_are_two_holders_even_with_one_id() -> None:
    foreign = [key_of(job, "7", target="orders", scheduled_at=None) for job in ("a", "b")]
    targets = [key_of("a", "a@x", target=target, scheduled_at=NOON) for target in ("orders", "billing")]
    assert len({holder_of(key) for key in foreign + targets}) == 4


@pytest.mark.parametrize("run", ["", "x" * (LONGEST_ID + 1), "ü" * (LONGEST_ID // 2 + 1), "\ud800"])
def test_an_id_that_dynamodb_does_not_take_as_a_key_is_on_record_by_its_hash(run: str) -> None:
    key = key_of("a", run, target="orders", scheduled_at=None)
    assert len(key.sort) == 64
    assert key != key_of("a", run + "y", target="orders", scheduled_at=None)
    assert key == key_of("a", run, target="billing", scheduled_at=None)


@given(st.text(min_size=1))
def test_any_id_gives_a_key_that_can_be_written(run: str) -> None:
    assert 1 <= len(key_of("a", f"x{run}", target="orders", scheduled_at=None).sort.encode()) <= 1024
