"""The health of `rota worker` as load balancers and supervisors see it: real processes, the local AWS, real signals.

Limits that are minutes are shortened in the worker's process; nothing else in it is changed.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rota.testing.local_aws import LocalAws, local_aws

JOBS = """
from datetime import timedelta
from rota import Job, Manifest, Queue, Retry

work = Queue(name="work", visibility_timeout=timedelta(seconds=60))
jobs = [
    Job(name="quick", handler="handlers:quick", target=work),
    Job(name="slow", handler="handlers:slow", target=work),
    Job(name="deaf", handler="handlers:deaf", target=work, timeout=timedelta(seconds=1), retry=Retry(attempts=1)),
]
manifest = Manifest(name="shop", jobs=jobs)
"""

HANDLERS = """
import logging, threading, time
from pathlib import Path
log = logging.getLogger("shop")
def quick(): log.info("quick runs")
def slow():
    log.info("slow starts")
    while not Path("go").exists(): time.sleep(0.05)
def deaf():
    threading.Thread(target=time.sleep, args=(60,)).start()  # what would keep the process from ending
    log.info("deaf starts")
    time.sleep(60)
"""

LAUNCH = """
import functools
from datetime import timedelta
import rota.worker
from rota.upkeep import roles
from rota.worker import health

health.SILENCE, health.HEED, roles.PAUSE = 2.0, 1.0, 0.01
rota.worker.Worker = functools.partial(rota.worker.Worker, long_poll=timedelta(seconds=1))
"""

ALWAYS_DYING = """
from rota.queues.sqs import SqsQueue

def receive(*_):
    raise SystemExit("killed")

SqsQueue.receive = receive
"""


class Process:
    """An application whose queue is on the local AWS, and one `rota worker` of it."""

    def __init__(self, folder: Path, aws: LocalAws) -> None:
        self.folder, self.aws = folder, aws
        self.sqs = aws.client("sqs")
        name = folder.name.replace("[", "-").replace("]", "")[:60]
        self.url, dead = (self.sqs.create_queue(QueueName=f"{name}{end}")["QueueUrl"] for end in ("", "_dead"))
        queues = {"work": {"url": self.url, "dead_letter_url": dead}}
        settings = {"version": 1, "manifest": "shop", "stage": "default", "queues": queues}
        (folder / "jobs.py").write_text(JOBS)
        (folder / "handlers.py").write_text(HANDLERS)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ROTA_"))}
        self.environment = {**inherited, **aws.environment, "ROTA_SETTINGS": json.dumps(settings)}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """`rota worker` with a health route, once it polls."""
        self.launch(*options)
        self.wait_for("worker started")

    def launch(self, *options: str, port: int = 0, then: str = "") -> None:
        """The same, whatever becomes of it. Its limits are shortened."""
        program = f"{LAUNCH}{then}\nfrom rota.cli import main\nmain()"
        command = [sys.executable, "-c", program, "worker", "--health-port", str(port), *options]
        with (self.folder / "out").open("wb") as out:
            self.process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=out, stderr=out)

    def enqueue(self, job: str) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=json.dumps({"rota": 1, "job": job, "run": f"{job}@1~1"}))

    def ask(self, path: str = "/health", method: str = "GET") -> tuple[int, Any]:
        """Status of an answer, and its body where that is JSON."""
        _, _, port = self.url_of_health.removesuffix("/health").rpartition(":")
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if body.startswith(b"{") else None
        finally:
            connection.close()

    @property
    def url_of_health(self) -> str:
        self.wait_for("health at ")
        return self.said.partition("health at ")[2].split()[0]

    def becomes(self, status: int) -> Any:
        """What the route says once it answers so."""
        answers: list[tuple[int, Any]] = []
        self._until(lambda: answers.append(self.ask()) or answers[-1][0] == status, f"not {status}")
        return answers[-1][1]

    @property
    def said(self) -> str:
        return (self.folder / "out").read_text()

    def wait_for(self, text: str) -> None:
        self._until(lambda: text in self.said, f"{text!r} was not said")

    def ends_with(self, code: int) -> None:
        assert self.process is not None
        assert self.process.wait(30) == code, self.said

    def _until(self, holds: Callable[[], bool], otherwise: str, seconds: float = 40) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"{otherwise}: {self.said}"
            time.sleep(0.05)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """One of this module's own: a test stops it for a while."""
    with local_aws() as started:
        yield started


@pytest.fixture
def worker(tmp_path: Path, aws: LocalAws) -> Iterator[Process]:
    made = Process(tmp_path, aws)
    yield made
    made.end()


def test_it_is_green_while_it_polls_and_says_nothing_of_each_request(worker: Process) -> None:
    worker.start()
    health = worker.becomes(200)
    assert (health["ok"], health["state"], health["causes"], health["slots"]) == (True, "running", [], 8)
    worker.enqueue("quick")
    worker.wait_for("quick succeeded")
    assert worker.ask()[1]["queues"]["work"]["answered_ago"] < 10
    assert worker.ask("/health?from=elb")[0] == 200
    assert worker.ask(method="HEAD") == (200, None)
    assert worker.ask("/healthy") == (404, {"error": "there is /health alone"})
    assert worker.ask("/health", "POST")[0] == 501
    assert "GET" not in worker.said
    assert worker.process is not None
    worker.process.send_signal(signal.SIGTERM)
    worker.ends_with(0)


def test_it_turns_red_while_the_queue_service_does_not_answer_and_green_again(worker: Process, aws: LocalAws) -> None:
    worker.start()
    worker.becomes(200)
    service = aws._server._process
    service.send_signal(signal.SIGSTOP)
    try:
        health = worker.becomes(503)
        worker.wait_for("health: queue work has answered no poll for ")
    finally:
        service.send_signal(signal.SIGCONT)
    (cause,) = health["causes"]
    assert cause.startswith("queue work has answered no poll for ")
    assert not health["must_restart"]  # another process would not be answered either
    worker.becomes(200)
    worker.wait_for("health: ok again")


def test_a_handler_that_ignores_its_deadline_turns_it_red_then_ends_the_process(worker: Process) -> None:
    worker.start("--grace", "3")
    worker.enqueue("deaf")
    health = worker.becomes(503)
    (cause,) = health["causes"]
    assert cause.startswith("a slot is stuck: job deaf, run deaf@1~1 of queue work was told to stop ")
    assert cause.endswith(" and still runs: its deadline has passed")
    assert health["stuck"] == 1
    worker.ends_with(1)
    last = worker.said.splitlines()[-1]
    assert "ended, for a new process to take over: a slot is stuck: job deaf, run deaf@1~1 of queue work" in last
    answer = worker.sqs.receive_message(QueueUrl=worker.url, WaitTimeSeconds=10)
    assert json.loads(answer["Messages"][0]["Body"])["job"] == "deaf"  # given back: visibility would be a minute


def test_a_poller_that_keeps_dying_ends_the_process(worker: Process) -> None:
    worker.launch(then=ALWAYS_DYING)
    worker.ends_with(1)
    cause = "poll-work has died 5 times within 5 minutes: SystemExit: killed"
    assert worker.said.splitlines()[-1].endswith(f"ended, for a new process to take over: {cause}")
    assert f"stopping, this worker cannot go on: {cause}" in worker.said


def test_a_worker_that_stops_is_red_so_that_it_is_taken_out(worker: Process) -> None:
    worker.start()
    worker.enqueue("slow")
    worker.wait_for("slow starts")
    assert worker.process is not None
    worker.process.send_signal(signal.SIGTERM)
    assert worker.becomes(503)["causes"] == ["the worker is stopping"]
    (worker.folder / "go").touch()
    worker.ends_with(0)


def test_it_says_why_it_is_red_while_it_starts(worker: Process) -> None:
    worker.launch(then="import time\nfrom rota import backends\nbackends.settings_of = lambda _: time.sleep(60)")
    assert worker.becomes(503)["causes"] == ["the worker has not started yet"]


def test_a_port_in_use_is_told_before_anything_starts(worker: Process) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        worker.launch(port=port)
        worker.ends_with(2)
    assert worker.said == (
        f"error: --health-port {port}: cannot listen on 127.0.0.1: Address already in use; end what listens there, or "
        "choose another port or --health-host\n"
    )
