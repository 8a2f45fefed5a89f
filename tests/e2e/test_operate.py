"""The commands for operation, as a person types them, on the local AWS with a real worker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rota.testing.local_aws import LocalAws

APP = Path(__file__).parent / "operate"
RULE = "arn:aws:events:us-east-1:000000000000:rule/operate-default.close-books"
SCHEDULE = "arn:aws:scheduler:us-east-1:000000000000:schedule/operate-default/operate-default.close-books"


class Operator:
    """A person at a terminal, a worker, and a bank that does not answer."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.aws, self.folder = aws, folder
        self.sqs = aws.client("sqs")
        value = aws.client("ssm").get_parameter(Name="/rota/operate/default")["Parameter"]["Value"]
        self.urls = json.loads(value)["queues"]["books"]
        self.worker: subprocess.Popen[bytes] | None = None
        (folder / "broken").touch()

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.aws.environment, "OPERATE_FOLDER": str(self.folder), "COLUMNS": "200"}

    def rota(self, *arguments: str, code: int = 0) -> str:
        ran = subprocess.run(
            [sys.executable, "-m", "rota", *arguments],
            cwd=APP,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        assert ran.returncode == code, f"rota {' '.join(arguments)}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.rota(*arguments, "--json", code=code))

    def start_worker(self) -> None:
        with (self.folder / "worker.log").open("wb") as log:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "rota", "worker", "--concurrency", "2"],
                cwd=APP,
                env=self._environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def bank_answers(self) -> None:
        (self.folder / "broken").unlink()

    def done(self) -> list[dict[str, Any]]:
        path = self.folder / "done"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def dead(self) -> dict[str, dict[str, Any]]:
        """What `rota dead` shows, by run id."""
        return {run["run"]: run for place in self.json("dead")["places"] for run in place["runs"]}

    def undelivered(self, body: str, **attributes: str) -> None:
        texts = {name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()}
        self.sqs.send_message(QueueUrl=self.urls["undelivered_url"], MessageBody=body, MessageAttributes=texts)

    def eventually(self, condition: Callable[[], object], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s; {(self.folder / 'worker.log').read_text()}"
            time.sleep(0.1)

    def messages(self, place: str) -> int:
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        found = self.sqs.get_queue_attributes(QueueUrl=self.urls[place], AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def end(self) -> None:
        if self.worker is not None:
            if self.worker.poll() is None:
                os.killpg(self.worker.pid, signal.SIGKILL)
            self.worker.wait()


@pytest.fixture(scope="module")
def deployed(local_aws: LocalAws) -> LocalAws:
    local_aws.deploy(APP, app=f"{sys.executable} app.py", env={"CDK_VALIDATION": "false"})
    return local_aws


@pytest.fixture
def operator(deployed: LocalAws, tmp_path: Path) -> Iterator[Operator]:
    made = Operator(deployed, tmp_path)
    made.start_worker()
    try:
        yield made
    finally:
        made.end()


def test_a_run_that_failed_is_found_redriven_and_done_under_the_same_id(operator: Operator) -> None:
    run = "close-books@2199-01-01T03:00:00Z"
    operator.aws.fire_rule("operate-default.close-books", at=datetime(2199, 1, 1, 3, 0, 30, tzinfo=UTC))
    plain = operator.json("run", "send-invoice", "--input", '{"kind": "i-7"}')["run"]
    operator.eventually(lambda: operator.messages("dead_letter_url") == 2)

    dead = operator.dead()
    assert set(dead) == {run, plain}
    assert (dead[run]["attempts"], dead[plain]["attempts"]) == (2, 1)
    assert dead[run]["reason"] == "attempts exhausted (2): ConnectionError: the bank does not answer"
    assert dead[run]["traceback"]
    assert operator.messages("dead_letter_url") == 2, "to look takes nothing away"
    assert "failed" in operator.rota("runs", "close-books")

    operator.bank_answers()
    operator.rota("redrive", "--all", "--yes", "--by", "ada")
    operator.eventually(lambda: len(operator.done()) == 2)
    done = {line["run"]: line for line in operator.done()}
    assert (done[run]["attempt"], done[run]["kind"], done[run]["at"]) == (1, "daily", "2199-01-01 03:00:00+00:00")
    assert (done[plain]["attempt"], done[plain]["kind"]) == (1, "i-7")
    assert operator.dead() == {}

    operator.eventually(lambda: operator.json("show", run)["runs"][0]["outcome"] == "succeeded")
    [record] = operator.json("show", run)["runs"]
    history = [(attempt["attempt"], attempt["outcome"]) for attempt in record["history"]]
    assert history == [(1, "failed"), (2, "failed"), (1, "succeeded")]
    tokens = [attempt["token"] for attempt in record["history"]]
    assert tokens == sorted(set(tokens))
    assert (record["redrives"], record["redriven_by"]) == (1, "ada")


def test_what_eventbridge_could_not_deliver_becomes_the_run_that_it_should_have_been(operator: Operator) -> None:
    operator.bank_answers()
    event = {
        "version": "0", "id": "89d1a02d-5ec7-412e-82f5-13505f849b41", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "000000000000", "time": "2199-01-02T03:00:41Z", "region": "us-east-1",
        "resources": [RULE], "detail": {},
    }  # fmt: skip
    operator.undelivered(
        json.dumps(event),
        RULE_ARN=RULE,
        TARGET_ARN="arn:aws:sqs:us-east-1:000000000000:operate-default_books",
        ERROR_CODE="NO_PERMISSIONS",
        ERROR_MESSAGE="User: events.amazonaws.com is not authorized to perform: sqs:SendMessage",
    )
    operator.undelivered(
        json.dumps({"MessageBody": '{"rota":1,"job":"close-books"}', "QueueUrl": operator.urls["url"]}),
        SCHEDULE_ARN=SCHEDULE,
        SCHEDULED_TIME="2199-01-03T03:00:00Z",
        ERROR_CODE="AWS.SimpleQueueService.NonExistentQueue",
        ERROR_MESSAGE="The specified queue does not exist",
    )
    operator.undelivered("neither of the two")
    # The schedule has no instant on 2 January: the rule's own minute is the occurrence.
    expected = {"close-books@2199-01-02T03:00:00Z", "close-books@2199-01-03T03:00:00Z"}
    assert {run for run, found in operator.dead().items() if not found["problem"]} == expected
    # Exit code 1: one thing that was asked for could not be sent.
    told = operator.json("redrive", "--all", "--yes", code=1)
    assert {run for place in told["places"] for run in place["sent"]} == expected
    assert [len(place["not_sent"]) for place in told["places"]] == [0, 1]
    operator.eventually(lambda: {line["run"] for line in operator.done()} == expected)
    [line] = [line for line in operator.done() if line["run"].endswith("2199-01-03T03:00:00Z")]
    assert (line["attempt"], line["kind"], line["at"]) == (1, "daily", "2199-01-03 03:00:00+00:00")
    operator.eventually(lambda: operator.messages("url") == 0)
    assert operator.messages("undelivered_url") == 1, "what cannot be read stays"


def test_run_now_and_wait(operator: Operator) -> None:
    operator.bank_answers()
    told = operator.json("run", "greet", "--input", '{"kind": "now"}', "--wait")
    assert told["outcome"] == "succeeded"
    assert [line["run"] for line in operator.done()] == [told["run"]]
    again = operator.json("run", "greet", "--input", '{"kind": "now"}', "--wait", code=1)
    assert again["outcome"] == "skipped"
    assert again["reason"] == f"unique: run {told['run']} has key 'now'"
    runs = operator.json("runs", "greet", "--since", "1h")["runs"]
    assert [run["run"] for run in runs] == [again["run"], told["run"]]
