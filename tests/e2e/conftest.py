"""One deployment for all end-to-end tests but those of least privilege, and processes that consume it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rota import Client, Manifest
from rota.queues.sqs import SqsBackend
from rota.settings import Settings
from rota.testing.local_aws import LocalAws
from rota.testing.local_aws import local_aws as new_local_aws

FLEET = Path(__file__).parent / "fleet"
GUARDED = Path(__file__).parent / "guarded"


class Fleet:
    """The deployed manifest, its log of what handlers did, and worker processes."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.aws = aws
        self.log = folder / "log"
        self.log.touch()
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        if str(FLEET) not in sys.path:
            sys.path.insert(0, str(FLEET))
        import jobs

        self.jobs = jobs

    def settings(self, stage: str = "default") -> Settings:
        name = f"/rota/fleet/{stage}"
        return Settings.decode(self.aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"], source=name)

    def backend(self, stage: str = "default") -> SqsBackend:
        return SqsBackend(self.aws.client("sqs"), self.settings(stage))

    def client(self, stage: str = "default", manifest: Manifest | None = None) -> Client:
        return Client(manifest or self.jobs.manifest, backend=self.backend(stage))

    def spawn(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """A process that knows nothing but the environment, in a group of its own."""
        number = len(self._processes)
        with (self._folder / f"process-{number}.log").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=FLEET,
                env={**os.environ, **self.aws.environment, "FLEET_LOG": str(self.log), **environment},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def worker(self, queue: str, concurrency: int = 4, **environment: str) -> subprocess.Popen[bytes]:
        """`rota worker` as a user starts it."""
        return self.spawn("rota", "worker", "--queue", queue, "--concurrency", str(concurrency), **environment)

    def eventually(self, condition: Callable[[], object], seconds: float) -> None:
        """Wait for it; what the processes have said tells why it did not come about."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s; the processes said:\n{self.output()}"
            time.sleep(0.05)

    def output(self) -> str:
        """What all processes have said."""
        return "\n".join(path.read_text() for path in sorted(self._folder.glob("process-*.log")))

    def events(self, job: str, event: str = "done") -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["job"].startswith(job) and line["event"] == event]

    def depth(self, queue: str, *, dead: bool = False, stage: str = "default") -> int:
        """Messages in a queue, hidden and delayed ones included."""
        found = self.settings(stage).queues[queue]
        return self._messages(found.dead_letter_url if dead else found.url, "", "NotVisible", "Delayed")

    def hidden(self, queue: str, *, stage: str = "default") -> int:
        """Messages of a queue that some worker has received."""
        return self._messages(self.settings(stage).queues[queue].url, "NotVisible")

    def _messages(self, url: str, *kinds: str) -> int:
        names = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
        counts = self.aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(counts[name]) for name in names)

    def end(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def deployment(local_aws: LocalAws) -> LocalAws:
    """The fleet's app, deployed by the real CDK CLI."""
    local_aws.deploy(FLEET, app=f"{sys.executable} app.py", env={"CDK_VALIDATION": "false"})
    return local_aws


@pytest.fixture
def fleet(deployment: LocalAws, tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(deployment, tmp_path)
    try:
        yield fleet
    finally:
        fleet.end()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The office's app, deployed; then its policies are enforced."""
    if str(GUARDED) not in sys.path:
        sys.path.insert(0, str(GUARDED))
    from deployed import Office

    # A local AWS of its own: policies stay enforced, and other tests have no role.
    with new_local_aws() as aws:
        aws.deploy(GUARDED, app=f"{sys.executable} app.py", env={"CDK_VALIDATION": "false"})
        office = Office(aws, tmp_path_factory.mktemp("office"))
        aws.enforce_policies()
        try:
            yield office
        finally:
            office.end()
