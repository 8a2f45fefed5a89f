"""What a run costs is counted: exact requests and units, of a real worker on the local AWS."""

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.cost import jobs
from benchmarks.cost.__main__ import COUNTED
from benchmarks.cost.counting import backlog, one_at_a_time

from rota import Job
from rota.testing.local_aws import LocalAws

ALONE = {"ReceiveMessage": 1, "DeleteMessageBatch": 1}
"""What a run that comes by itself asks of SQS beyond the send."""
KINDS = ("sqs", "dynamodb", "units")


@pytest.fixture
def alone(local_aws: LocalAws, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a run of that job takes; docs/cost.md says the same of it."""
    job: Job[jobs.Order] = request.param
    found = one_at_a_time(local_aws, tmp_path, job, runs=3)
    told = json.loads(COUNTED.read_text(encoding="utf-8"))["one_at_a_time"][job.name]
    assert {kind: found[kind] for kind in KINDS} == {kind: told[kind] for kind in KINDS}, "count again: make cost"
    return found


@pytest.mark.parametrize("alone", [jobs.scheduled], indirect=True)
def test_an_occurrence_takes_two_writes_and_no_read(alone: dict[str, Any]) -> None:
    assert alone["sqs"] == {"SendMessage": 1} | ALONE
    assert alone["dynamodb"] == {"PutItem": 2}
    assert alone["units"] == {"write": 2}


@pytest.mark.parametrize("alone", [jobs.locked], indirect=True)
def test_with_a_lock_claim_and_completion_are_one_transaction_each(alone: dict[str, Any]) -> None:
    assert alone["sqs"] == {"SendMessage": 1} | ALONE
    assert alone["dynamodb"] == {"GetItem": 2, "TransactWriteItems": 2}
    assert alone["units"] == {"read": 2, "write": 8}


@pytest.mark.parametrize("alone", [jobs.enqueued], indirect=True)
def test_a_plain_enqueued_run_asks_nothing_of_dynamodb(alone: dict[str, Any]) -> None:
    assert alone["sqs"] == {"SendMessageBatch": 1} | ALONE
    assert alone["dynamodb"] == {}
    assert alone["units"] == {}


@pytest.mark.parametrize("alone", [jobs.unique], indirect=True)
def test_a_unique_key_makes_the_claim_a_transaction(alone: dict[str, Any]) -> None:
    assert alone["sqs"] == {"SendMessageBatch": 1} | ALONE
    assert alone["dynamodb"] == {"GetItem": 1, "TransactWriteItems": 1, "PutItem": 1}
    assert alone["units"] == {"read": 1, "write": 5}


def test_in_a_backlog_ten_runs_share_their_requests(local_aws: LocalAws, tmp_path: Path) -> None:
    found = backlog(local_aws, tmp_path, jobs.enqueued, runs=100)
    assert found["sqs"]["SendMessageBatch"] == 0.1
    assert sum(found["sqs"].values()) < 0.5
