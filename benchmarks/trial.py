"""One queue of one contender: jobs ready to be released into it, and the worker processes on it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks import benchjob, processes
from benchmarks.contenders import Contender
from benchmarks.endpoint import Endpoint
from benchmarks.environment import ROOT

AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Trial:
    """Enqueues `jobs`, [[id, milliseconds], ...], through the contender's own API and sets them aside for `release`."""

    def __init__(
        self,
        endpoint: Endpoint,
        contender: Contender,
        folder: Path,
        jobs: list[list[int]],
        *,
        visibility: int = 60,
        variant: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.endpoint, self.contender = endpoint, contender
        self.label = f"{contender.name} [{variant}]" if variant else contender.name
        self.queue, self.url = endpoint.make_queue(visibility)
        self.processes: list[subprocess.Popen[bytes]] = []
        self._log, self._errors = folder / f"{self.queue}.log", folder / f"{self.queue}.err"
        self._log.touch()
        self._environment = {
            **os.environ,
            **AWS,
            "AWS_ENDPOINT_URL": endpoint.url,
            "AWS_ENDPOINT_URL_SQS": endpoint.url,
            "BENCH_QUEUE": self.queue,
            "BENCH_URL": self.url,
            "BENCH_VISIBILITY": str(visibility),
            "BENCH_LOG": str(self._log),
            **contender.variants[variant],
            **(environment or {}),
        }
        self.enqueued = self._enqueue(jobs)

    def _enqueue(self, jobs: list[list[int]]) -> dict[str, float]:
        command = [sys.executable, "-m", "benchmarks.launch", "enqueue", self.contender.file]
        done = subprocess.run(
            command,
            input=json.dumps(jobs),
            env=self._environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{self.label} did not enqueue: {done.stderr[-1000:]}")
        staged = self.endpoint.ask("stage", self.queue)["staged"]
        if staged != len(jobs):
            raise RuntimeError(f"{self.label} enqueued {staged} of {len(jobs)} jobs")
        took: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return took

    def start(self, threads: int) -> subprocess.Popen[bytes]:
        """Start a worker process, in a process group of its own."""
        return self.spawn(self.contender.arguments(threads))

    def spawn(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        """Start Python with those arguments, in the same environment, in a process group of its own."""
        with self._errors.open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                env=self._environment, cwd=ROOT, stdout=errors, stderr=errors, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def wait_until_polling(self, timeout: float = 90) -> None:
        """Until a worker has asked for messages."""
        end = time.monotonic() + timeout
        while not self.counted()["firstPoll"]:
            if time.monotonic() > end or any(process.poll() is not None for process in self.processes):
                raise RuntimeError(f"{self.label} never polled: {self._errors.read_text()[-1000:]}")
            time.sleep(0.02)

    def release(self, jobs: int, skip: int = 0) -> float:
        """Make that many jobs visible at once; returns when, on the monotonic clock."""
        at: float = self.endpoint.ask("release", self.queue, n=jobs, skip=skip)["at"]
        return at

    def reset(self) -> None:
        """Count from zero."""
        self.endpoint.ask("reset", self.queue)

    def counted(self) -> dict[str, Any]:
        """What the endpoint has counted; see counters.mjs."""
        return self.endpoint.ask("stats", self.queue)

    def depth(self) -> dict[str, int]:
        """How many messages wait, how many are in flight."""
        return self.endpoint.ask("depth", self.queue)

    def body(self) -> str:
        """What the contender sends for one job."""
        self.release(1)
        (message,) = self.endpoint.sqs("ReceiveMessage", QueueUrl=self.url)["Messages"]
        self.kill()
        sent: str = message["Body"]
        return sent

    def lines(self) -> int:
        """How many events there were."""
        return self._log.stat().st_size // benchjob.LINE

    def events(self) -> list[benchjob.Event]:
        """Every event, oldest first."""
        return benchjob.read(self._log.read_text())

    def kill(self) -> None:
        """End its processes and empty its queue."""
        for process in self.processes:
            processes.kill(process)
        self.processes = []
        self.endpoint.ask("clear", self.queue)
        self.reset()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
