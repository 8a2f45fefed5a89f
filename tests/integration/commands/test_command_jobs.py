"""Jobs with a command, end to end: a real `rota worker`, and `rota run --wait`, against moto's server."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from rota.envelope import Envelope

JOBS = """
from datetime import timedelta
from rota import Job, Lock, Manifest, Queue, Retry

work = Queue(name="work")

def job(name, command, **more):
    return Job(name=name, command=command, target=work, lock=Lock(), retry=Retry(attempts=1), **more)

BUSY = "while :; do sleep 0.05; done"
HELPER = "exec 2> errors; (trap '' TERM; exec sleep 600) & echo $! > helper"
manifest = Manifest(name="shop", jobs=[
    job("report", ["./bin/report", "--daily", "$HOME; *"]),
    job("broken", ["sh", "-c", "echo working; echo 'no disk' >&2; exit 3"]),
    job("missing", ["./bin/missing"]),
    job("heeds", ["sh", "-c", f"trap 'echo tidied; exit 9' TERM; {BUSY}"], timeout=timedelta(seconds=1)),
    job("deaf", ["sh", "-c", f"{HELPER}; trap 'echo > told' TERM; {BUSY}"], timeout=timedelta(seconds=1)),
    job("slow", ["sh", "-c", f"trap 'echo tidied; exit 9' TERM; echo slow starts; {BUSY}"]),
    job("stuck", ["sh", "-c", f"trap '' TERM; echo $$ > stuck; echo stuck starts; {BUSY}"]),
])
"""

REPORT = """#!/bin/sh
for argument; do echo "argument: $argument"; done
echo "run $ROTA_RUN of $ROTA_JOB, attempt $ROTA_ATTEMPT, token ${ROTA_TOKEN:-none}, keys ${ROTA_KEYS:-none}, in $PWD"
"""


class Application:
    """A deployed application, and one worker process."""

    def __init__(self, folder: Path, environment: dict[str, str], sqs: Any, url: str) -> None:
        self.folder, self.environment, self.sqs, self.url = folder, environment, sqs, url
        self.process: subprocess.Popen[bytes] | None = None

    def rota(self, *arguments: str, out: Any = subprocess.PIPE) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "rota", *arguments, "--json"]
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=out, stderr=out)

    def start(self, *options: str) -> None:
        with (self.folder / "out").open("wb") as out:
            self.process = self.rota("worker", *options, out=out)
        self.wait_for("worker started")

    def send(self, *jobs: str) -> None:
        """Ask for a run of each, as any program may; its id is that of the job."""
        for job in jobs:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=Envelope(job=job, run=job).encode())

    def recorded(self) -> dict[str, dict[str, Any]]:
        """What `rota runs` says of each job's run."""
        said = json.loads(self.rota("runs").communicate(timeout=60)[0])
        return {run["job"]: run for run in said["runs"]}

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "out").read_text().splitlines() if line.startswith("{")]

    def wait_for(self, text: str, timeout: float = 30) -> None:
        wait_until(lambda: text in (self.folder / "out").read_text(), timeout)

    def pid(self, name: str) -> int:
        """The process that has written its own there."""
        return int((self.folder / name).read_text())

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.wait_for("stopping: ")
        self.sqs.send_message(QueueUrl=self.url, MessageBody="a message ends the poll that waits for one")
        return self.process.wait(60)


def wait_until(holds: Callable[[], object], timeout: float = 30) -> None:
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@contextmanager
def deployed(folder: Path, endpoint: str) -> Iterator[Application]:
    (folder / "jobs.py").write_text(JOBS)
    (folder / "bin").mkdir()
    (folder / "bin" / "report").write_text(REPORT)
    (folder / "bin" / "report").chmod(0o755)
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    sqs = boto3.client("sqs", endpoint_url=endpoint, **keys)
    name = folder.name[:60]
    url, dead = (sqs.create_queue(QueueName=f"{name}{end}")["QueueUrl"] for end in ("", "_dead"))
    boto3.client("dynamodb", endpoint_url=endpoint, **keys).create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    settings = {
        "version": 1,
        "manifest": "shop",
        "stage": "default",
        "queues": {"work": {"url": url, "dead_letter_url": dead}},
        "ledger": {"table": name},
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ROTA_"))} | {
        "ROTA_SETTINGS": json.dumps(settings),
        "ROTA_KEYS": "whsec_secret",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }
    made = Application(folder, environment, sqs, url)
    try:
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.process.kill()
            made.process.wait()


@dataclass(frozen=True)
class Life:
    """What became of all jobs in the one life of a worker, from its start to its stop."""

    application: Application
    asked: dict[str, dict[str, Any]]
    """What `rota run --wait` said of a job's run."""
    recorded: dict[str, dict[str, Any]]
    exit_code: int
    stuck_outlived_it: bool


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, endpoint: str) -> Iterator[Life]:
    with deployed(tmp_path_factory.mktemp("life"), endpoint) as application:
        application.start("--grace", "0.5")
        application.send("missing", "heeds", "deaf", "slow", "stuck")
        asking = {job: application.rota("run", job, "--wait", "--timeout", "60") for job in ("report", "broken")}
        asked = {job: json.loads(process.communicate(timeout=90)[0]) for job, process in asking.items()}
        for text in ("slow starts", "stuck starts", "cannot be started", "tidied"):
            application.wait_for(text)
        wait_until((application.folder / "told").exists)
        exit_code = application.stop()  # while the deaf one waits to be killed: both are at once
        outlived = is_alive(application.pid("stuck"))
        yield Life(application, asked, application.recorded(), exit_code, outlived)


def test_output_exit_code_and_signals_are_in_the_outcome(life: Life) -> None:
    application, report = life.application, life.asked["report"]
    assert report["outcome"] == "succeeded"
    head, *printed = report["reason"].split("\n")
    assert head == "exit code 0; its output ends:"
    assert printed[:2] == ["argument: --daily", "argument: $HOME; *"]
    token = life.recorded["report"]["token"]
    about = f"run {report['run']} of report, attempt 1, token {token}, keys none, in {application.folder}"
    assert printed[2:] == [about]
    logged = next(line for line in application.lines() if line["message"] == about)
    assert (logged["logger"], logged["rota_run"], logged["rota_job"]) == ("rota.command", report["run"], "report")

    once = "attempts exhausted (1): "
    broken = life.asked["broken"]
    no_disk = "exit code 3; its output ends:\nworking\nno disk"
    assert (broken["outcome"], broken["reason"]) == ("failed", once + no_disk)
    said = {
        job: (life.recorded[job]["outcome"], life.recorded[job]["reason"].removeprefix(once))
        for job in ("missing", "heeds", "deaf")
    }
    overdue = "it was told to stop: its deadline has passed"
    outcome, reason = said.pop("heeds")
    assert (outcome, reason.partition(";")[0]) == ("failed", f"exit code 9 when {overdue}")
    assert reason.endswith("tidied")
    assert said == {
        "missing": (
            "failed",
            f"./bin/missing cannot be started: there is no './bin/missing' in {application.folder}",
        ),
        "deaf": ("failed", f"killed 4 s after {overdue}, without output"),
    }
    wait_until(lambda: not is_alive(application.pid("helper")))
    dead = application.sqs.receive_message(
        QueueUrl=f"{application.url}_dead", MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )["Messages"]
    reasons = {one["MessageAttributes"]["rota.reason"]["StringValue"] for one in dead}
    assert once + no_disk in reasons


def test_a_worker_that_stops_lets_a_command_finish_then_tells_it_and_has_its_end_on_record(life: Life) -> None:
    assert life.exit_code == 0
    slow = life.recorded["slow"]
    assert (slow["outcome"], slow["history"][-1]["outcome"]) == ("failed", "failed")
    assert "exit code 9 when it was told to stop: the grace time of the stopping worker has ended" in slow["reason"]
    assert slow["reason"].endswith("tidied")


def test_a_command_that_is_deaf_to_the_stop_is_killed_with_its_worker(life: Life) -> None:
    assert life.exit_code == 0
    assert not life.stuck_outlived_it
    assert "killed 4 s after it was told to stop: the grace time" in life.recorded["stuck"]["reason"]


def test_a_worker_that_is_killed_takes_its_command_along(tmp_path: Path, endpoint: str) -> None:
    with deployed(tmp_path, endpoint) as application:
        application.start()
        application.send("stuck")
        application.wait_for("stuck starts")
        pid = application.pid("stuck")
        assert application.process is not None
        application.process.kill()
        wait_until(lambda: not is_alive(pid))
