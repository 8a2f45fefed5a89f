"""Jobs with a command, end to end: a real `rota worker`, and `rota run --wait`, against moto's server."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

JOBS = """
from datetime import timedelta
from rota import Job, Lock, Manifest, Queue, Retry

work = Queue(name="work")

def job(name, command, **more):
    return Job(name=name, command=command, target=work, lock=Lock(), retry=Retry(attempts=1), **more)

BUSY = "while :; do sleep 0.05; done"
manifest = Manifest(name="shop", jobs=[
    job("report", ["./bin/report", "--daily", "$HOME; *"]),
    job("broken", ["sh", "-c", "echo working; echo 'no disk' >&2; exit 3"]),
    job("missing", ["./bin/missing"]),
    job("heeds", ["sh", "-c", f"trap 'echo tidied; exit 9' TERM; {BUSY}"], timeout=timedelta(seconds=1)),
    job("deaf", ["sh", "-c", f"trap '' TERM; sleep 600 & echo $! > helper; {BUSY}"], timeout=timedelta(seconds=1)),
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

    def start(self, *options: str) -> None:
        with (self.folder / "out").open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "rota", "worker", "--json", *options],
                cwd=self.folder,
                env=self.environment,
                stdout=out,
                stderr=out,
            )
        self.wait_for("worker started")

    def asked(self, *jobs: str) -> list[dict[str, Any]]:
        """What `rota run --wait` says of each, all asked for at once."""
        asking = [
            subprocess.Popen(
                [sys.executable, "-m", "rota", "run", job, "--wait", "--timeout", "60", "--json"],
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.PIPE,
            )
            for job in jobs
        ]
        return [json.loads(one.communicate(timeout=90)[0]) for one in asking]

    def enqueue(self, job: str) -> str:
        command = [sys.executable, "-m", "rota", "enqueue", job, "--json"]
        ran = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, check=True)
        run: str = json.loads(ran.stdout)["run"]
        return run

    def shown(self, run: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "rota", "show", run, "--json"]
        ran = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, check=True)
        shown: dict[str, Any] = json.loads(ran.stdout)["runs"][0]
        return shown

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "out").read_text().splitlines() if line.startswith("{")]

    def wait_for(self, text: str, timeout: float = 30) -> None:
        wait_until(lambda: text in (self.folder / "out").read_text(), timeout)

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


@pytest.fixture
def application(tmp_path: Path, endpoint: str) -> Iterator[Application]:
    (tmp_path / "jobs.py").write_text(JOBS)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "report").write_text(REPORT)
    (tmp_path / "bin" / "report").chmod(0o755)
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    sqs = boto3.client("sqs", endpoint_url=endpoint, **keys)
    name = tmp_path.name[:60]
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
    made = Application(tmp_path, environment, sqs, url)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def test_output_exit_code_and_signals_are_in_the_outcome(application: Application) -> None:
    application.start()
    report, broken, missing, heeds, deaf = application.asked("report", "broken", "missing", "heeds", "deaf")

    assert report["outcome"] == "succeeded"
    head, *printed = report["reason"].split("\n")
    assert head == "exit code 0; its output ends:"
    assert printed[:2] == ["argument: --daily", "argument: $HOME; *"]
    token = application.shown(report["run"])["token"]
    about = f"run {report['run']} of report, attempt 1, token {token}, keys none, in {application.folder}"
    assert printed[2:] == [about]
    logged = next(line for line in application.lines() if line["message"] == about)
    assert (logged["logger"], logged["rota_run"], logged["rota_job"]) == ("rota.command", report["run"], "report")

    once = "attempts exhausted (1): "
    said = {one["job"]: (one["outcome"], one["reason"].removeprefix(once)) for one in (broken, missing, heeds, deaf)}
    overdue = "it was told to stop: its deadline has passed"
    outcome, reason = said.pop("heeds")
    assert (outcome, reason.partition(";")[0]) == ("failed", f"exit code 9 when {overdue}")
    assert reason.endswith("tidied")
    assert said == {
        "broken": ("failed", "exit code 3; its output ends:\nworking\nno disk"),
        "missing": (
            "failed",
            f"./bin/missing cannot be started: there is no './bin/missing' in {application.folder}",
        ),
        "deaf": ("failed", f"killed 4 s after {overdue}, without output"),
    }
    wait_until(lambda: not is_alive(int((application.folder / "helper").read_text())))
    dead = application.sqs.receive_message(
        QueueUrl=f"{application.url}_dead", MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )["Messages"]
    reasons = {one["MessageAttributes"]["rota.reason"]["StringValue"] for one in dead}
    assert f"{once}{said['broken'][1]}" in reasons


def test_a_worker_that_stops_lets_a_command_finish_then_tells_it_and_has_its_end_on_record(
    application: Application,
) -> None:
    application.start("--grace", "1")
    run = application.enqueue("slow")
    application.wait_for("slow starts")
    assert application.stop() == 0
    shown = application.shown(run)
    assert (shown["outcome"], shown["history"][-1]["outcome"]) == ("failed", "failed")
    assert "exit code 9 when it was told to stop: the grace time of the stopping worker has ended" in shown["reason"]
    assert shown["reason"].endswith("tidied")


def test_a_command_that_is_deaf_to_the_stop_is_killed_with_its_worker(application: Application) -> None:
    application.start("--grace", "1")
    application.enqueue("stuck")
    application.wait_for("stuck starts")
    pid = int((application.folder / "stuck").read_text())
    assert application.stop() == 0
    assert not is_alive(pid)
    application.wait_for("killed 4 s after it was told to stop")


def test_a_worker_that_is_killed_takes_its_command_along(application: Application) -> None:
    application.start()
    application.enqueue("stuck")
    application.wait_for("stuck starts")
    pid = int((application.folder / "stuck").read_text())
    assert application.process is not None
    application.process.kill()
    wait_until(lambda: not is_alive(pid))
