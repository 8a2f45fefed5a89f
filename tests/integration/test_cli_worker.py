"""`rota worker` as a process of its own, with real signals, against moto's server."""

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
from rota import Job, Manifest, Queue

work = Queue(name="work", visibility_timeout=timedelta(seconds=60))
jobs = [Job(name=name, handler=f"handlers:{name}", target=work) for name in ("quick", "slow", "stuck")]
manifest = Manifest(name="shop", jobs=jobs)
"""

HANDLERS = """
import logging, threading, time
log = logging.getLogger("shop")
def quick(): log.info("quick runs", extra={"order": 7})
def slow(): log.info("slow starts"); time.sleep(2); log.info("slow ends")
def stuck():
    threading.Thread(target=time.sleep, args=(60,)).start()  # what would keep the process from ending
    log.info("stuck starts"); time.sleep(60)
"""


class Application:
    """A deployed application, and one worker process."""

    def __init__(self, folder: Path, environment: dict[str, str], sqs: Any, url: str) -> None:
        self.folder, self.environment, self.sqs, self.url = folder, environment, sqs, url
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        command = [sys.executable, "-m", "rota", "worker", *options]
        with (self.folder / "out").open("wb") as out, (self.folder / "err").open("wb") as err:
            self.process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=out, stderr=err)
        self.wait_for("worker started")

    def enqueue(self, job: str) -> str:
        command = [sys.executable, "-m", "rota", "enqueue", job, "--json"]
        ran = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, check=True)
        run: str = json.loads(ran.stdout)["run"]
        return run

    def said(self) -> str:
        return (self.folder / "out").read_text() + (self.folder / "err").read_text()

    def wait_for(self, text: str, timeout: float = 30) -> None:
        self._until(lambda: text in self.said(), timeout, f"{text!r} was not said")

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def ends_with(self, code: int, timeout: float = 30) -> None:
        assert self.process is not None
        assert self.process.wait(timeout) == code, self.said()

    def end_the_poll(self) -> None:
        """A message ends the poll that waits for one."""
        self.sqs.send_message(QueueUrl=self.url, MessageBody='{"rota":1,"job":"quick","run":"late"}')

    def in_the_queue(self, timeout: float = 10) -> list[str]:
        """The runs that another server could have now."""
        found: list[str] = []
        end = time.monotonic() + timeout
        while not found and time.monotonic() < end:
            answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            found += [json.loads(message["Body"])["run"] for message in answer.get("Messages", ())]
        return found

    def _until(self, holds: Callable[[], bool], timeout: float, otherwise: str) -> None:
        end = time.monotonic() + timeout
        while not holds():
            assert time.monotonic() < end, f"{otherwise}: {self.said()}"
            time.sleep(0.05)


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
    (tmp_path / "handlers.py").write_text(HANDLERS)
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    sqs = boto3.client("sqs", endpoint_url=endpoint, **keys)
    name = tmp_path.name.replace("[", "-").replace("]", "")
    url, dead = (sqs.create_queue(QueueName=f"{name[:60]}{end}")["QueueUrl"] for end in ("", "_dead"))
    settings = {
        "version": 1,
        "manifest": "shop",
        "stage": "default",
        "queues": {"work": {"url": url, "dead_letter_url": dead}},
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ROTA_"))} | {
        "ROTA_SETTINGS": json.dumps(settings),
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


def test_a_run_from_the_command_line_to_the_log(application: Application) -> None:
    application.start("--queue", "work", "--json")
    run = application.enqueue("quick")
    application.wait_for("quick succeeded")
    application.signal(signal.SIGTERM)
    application.wait_for("stopping: ")
    application.end_the_poll()
    application.ends_with(0)

    lines = [json.loads(line) for line in (application.folder / "out").read_text().splitlines()]
    fields = {"rota_job": "quick", "rota_run": run, "rota_attempt": 1, "rota_queue": "work"}
    own = next(line for line in lines if line["message"] == "quick runs")
    assert own == {
        "time": own["time"],
        "level": "info",
        "logger": "shop",
        "message": "quick runs",
        "order": 7,
        **fields,
    }
    done = next(line for line in lines if line["message"].startswith("quick succeeded"))
    assert {name: done[name] for name in fields} == fields
    assert (application.folder / "err").read_text() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_waits_for_what_runs_and_gives_back_what_does_not(
    application: Application, number: int
) -> None:
    application.start()
    application.enqueue("slow")
    application.wait_for("slow starts")
    application.signal(number)
    application.wait_for("stopping: waits for the open long poll, up to 20 s, and for running jobs, up to 30 s")
    application.end_the_poll()
    application.ends_with(0)
    assert "slow succeeded" in application.said()
    assert "quick runs" not in application.said()
    assert application.in_the_queue() == ["late"]


def test_a_run_that_outlives_the_grace_time_is_given_back(application: Application) -> None:
    application.start("--grace", "1")
    run = application.enqueue("stuck")
    application.wait_for("stuck starts")
    application.signal(signal.SIGTERM)
    application.ends_with(1)
    assert application.in_the_queue() == [run]


def test_an_idle_worker_ends_within_its_grace_time(application: Application) -> None:
    application.start("--grace", "0.5")
    application.signal(signal.SIGTERM)
    application.ends_with(0, timeout=5)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_leaves_at_once(application: Application, second: int) -> None:
    application.start()
    application.enqueue("stuck")
    application.wait_for("stuck starts")
    application.signal(signal.SIGINT)
    application.wait_for("Ctrl-C again leaves at once")
    started = time.monotonic()
    application.signal(second)
    application.ends_with(130)
    assert time.monotonic() - started < 3
    assert application.said().endswith("rota: left at once; what ran is delivered again\n")
    assert "Traceback" not in application.said()
