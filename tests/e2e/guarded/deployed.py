"""The office as it is deployed, and processes under the credentials of its roles."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from rota.ledger import Ledger
from rota.settings import QueueSettings, Settings
from rota.stores.dynamodb import DynamoDBStore
from rota.testing.local_aws import LocalAws

APP = Path(__file__).parent


def role_arn(role: str) -> str:
    return f"arn:aws:iam::000000000000:role/{role}"


class Office:
    """The deployed manifest, the credentials of its roles, and processes under them."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.aws, self.log, self.gate = aws, folder / "handlers.log", folder / "gate"
        self.log.touch()
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.settings = {stage: self._settings(stage) for stage in ("default", "staging")}

    def _settings(self, stage: str) -> Settings:
        name = f"/rota/office/{stage}"
        return Settings.decode(self.aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"], source=name)

    def queue(self, stage: str = "default") -> QueueSettings:
        return self.settings[stage].queues["work"]

    def undelivered(self, stage: str = "default") -> str:
        return self.queue(stage).undelivered_url or ""

    def table(self, stage: str = "default") -> str:
        found = self.settings[stage].ledger
        assert found is not None
        return found.table

    @cache  # noqa: B019 - it lives as long as the module's tests
    def credentials(self, role: str) -> dict[str, str]:
        """Variables that make a process the role `<stage>-<grant>`."""
        answer = self.aws.client("sts").assume_role(RoleArn=role_arn(role), RoleSessionName="test")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
            "AWS_SESSION_TOKEN": answer["SessionToken"],
        }

    @cache  # noqa: B019
    def client(self, role: str, service: str) -> Any:
        """A boto3 client under the credentials of a role, or of root."""
        if role == "root":
            return self.aws.client(service)
        key, secret, token = self.credentials(role).values()
        return boto3.session.Session(key, secret, token, "us-east-1").client(
            service, endpoint_url=self.aws.endpoint_url, config=Config(proxies={}, retries={"total_max_attempts": 1})
        )

    def spawn(self, role: str, *arguments: str) -> subprocess.Popen[bytes]:
        """`rota` as a user starts it, on a server that has this role alone."""
        own = {"ROTA_STAGE": role.partition("-")[0], "OFFICE_LOG": str(self.log), "OFFICE_GATE": str(self.gate)}
        with (self._folder / f"process-{len(self._processes)}.log").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "rota", *arguments],
                cwd=APP,
                env={**os.environ, **self.aws.environment, **self.credentials(role), **own},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def run(self, role: str, *arguments: str) -> Any:
        """What a command answers with `--json`."""
        process = self.spawn(role, *arguments, "--json")
        number = len(self._processes) - 1
        assert process.wait(60) == 0, self.output()
        return json.loads((self._folder / f"process-{number}.log").read_text())

    def enqueue(self, job: str, payload: str | None = None) -> str:
        """`rota enqueue` on a web server; the run's id."""
        return str(self.run("default-web", "enqueue", job, *([payload] if payload else []), "-m", "office")["run"])

    def output(self) -> str:
        """What all processes have said."""
        return "\n".join(path.read_text() for path in sorted(self._folder.glob("process-*.log")))

    def events(self, event: str, run: str = "") -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["event"] == event and line["run"].startswith(run)]

    def records(self, job: str) -> list[Any]:
        """What the ledger has of a job, the newest first, read as root."""
        return list(Ledger(DynamoDBStore(self.aws.client("dynamodb"), self.table())).list(job)[0])

    def messages(self, url: str, *kinds: str, role: str = "root") -> int:
        names = [f"ApproximateNumberOfMessages{kind}" for kind in kinds or ("", "NotVisible", "Delayed")]
        counts = self.client(role, "sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(counts[name]) for name in names)

    def eventually(self, condition: Callable[[], object], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s; the processes said:\n{self.output()}"
            time.sleep(0.05)

    def end(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
