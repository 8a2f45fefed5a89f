"""What the trigger sends to SQS: batches within its limits, and what is not taken at once."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.envelope import Envelope, Post
from rota.trigger.aws import AwsError
from rota.trigger.letters import MAX_BYTES, Letter, dead, letter, printable
from rota.trigger.queue import TriggerQueue


class Sqs:
    """Answers by its script, and then that all went well."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers, self.asked = list(answers), list[tuple[str, dict[str, Any]]]()
        self.queue = TriggerQueue(self, "queue", "dead", sleep=lambda _: None)  # type: ignore[arg-type] # as Aws is

    def json(self, _service: str, target: str, _version: str, asked: dict[str, Any]) -> dict[str, Any]:
        json.dumps(asked)
        self.asked.append((target, asked))
        return self.answers.pop(0) if self.answers else {}

    def bodies(self) -> list[list[str]]:
        return [[entry["MessageBody"] for entry in asked["Entries"]] for _, asked in self.asked]


@given(st.lists(st.integers(1, MAX_BYTES // 2), max_size=25))
def test_batches_are_within_the_limits_and_lose_nothing(sizes: list[int]) -> None:
    sqs = Sqs()
    sqs.queue.send([Letter(body="x" * size) for size in sizes])
    batches = sqs.bodies()
    assert [len(body) for batch in batches for body in batch] == sizes
    assert all(1 <= len(batch) <= 10 and sum(map(len, batch)) <= MAX_BYTES for batch in batches)


def test_only_what_was_not_taken_is_sent_again() -> None:
    sqs = Sqs({"Failed": [{"Id": "1", "SenderFault": False, "Code": "InternalError"}]})
    sqs.queue.send([Letter(body=body) for body in "abc"])
    assert sqs.bodies() == [["a", "b", "c"], ["b"]]


@pytest.mark.parametrize(("fault", "tries"), [(True, 1), (False, 3)])
def test_what_is_never_taken_raises(fault: bool, tries: int) -> None:
    failed = {"Failed": [{"Id": "0", "SenderFault": fault, "Code": "Bad", "Message": "no"}]}
    sqs = Sqs(failed, failed, failed)
    with pytest.raises(AwsError, match="sqs SendMessageBatch: 1 of 1 messages were not taken: no") as raised:
        sqs.queue.send([Letter(body="a")])
    assert (raised.value.code, len(sqs.asked)) == ("Bad", tries)


def test_delay_and_attributes_are_sent() -> None:
    sqs = Sqs()
    sqs.queue.send([Letter(body="a", delay=5, attributes={"rota.x": "y"})])
    sqs.queue.bury(Letter(body="b"))
    sqs.queue.hide("receipt", 7)
    attributes = {"rota.x": {"DataType": "String", "StringValue": "y"}}
    entry = {"Id": "0", "MessageBody": "a", "DelaySeconds": 5, "MessageAttributes": attributes}
    assert sqs.asked == [
        ("AmazonSQS.SendMessageBatch", {"QueueUrl": "queue", "Entries": [entry]}),
        ("AmazonSQS.SendMessage", {"QueueUrl": "dead", "MessageBody": "b"}),
        (
            "AmazonSQS.ChangeMessageVisibility",
            {"QueueUrl": "queue", "ReceiptHandle": "receipt", "VisibilityTimeout": 7},
        ),
    ]


def test_an_error_that_does_not_fit_is_left_out_for_the_run_s_sake() -> None:
    payload = "x" * (MAX_BYTES - 700)
    run = Envelope(job="a", run="r", payload=payload, error="e" * 1000, post=Post(endpoints=("web",)))
    assert Envelope.decode(letter(run).body).error is None
    assert letter(run).weight <= MAX_BYTES
    made = dead(Envelope(job="a", run="r", payload="x", post=Post(endpoints=("web",))), "why", error="bad")
    assert Envelope.decode(made.body).error == "bad"


@given(st.text())
def test_attributes_have_only_what_sqs_takes(text: str) -> None:
    shown = printable(text)
    assert len(shown) == min(len(text), 1000)
    assert not any(c < " " and c not in "\t\n\r" for c in shown)
    shown.encode()
