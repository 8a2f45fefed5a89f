"""The depot as it is deployed, and servers behind its balancer."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from depot import manifest

from rota import Client, Job
from rota.ledger import Ledger
from rota.ledger.records import Record
from rota.queues.sqs import SqsBackend
from rota.settings import QueueSettings, Settings
from rota.stores.dynamodb import DynamoDBStore
from rota.testing.local_aws import LocalAws

APP = Path(__file__).parent
FIRST = datetime(2199, 1, 1, 5, 0, 30, tzinfo=UTC)
"""Far from the instant of the jobs' own schedule: a rule that fires late is the occurrence before."""


@dataclass
class Server:
    """One process behind one endpoint."""

    name: str
    endpoint: str
    port: int
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """SIGKILL: it stays registered, as a machine does that is gone."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Site:
    """What is deployed, the servers of one test, and what they wrote."""

    _minutes = itertools.count()
    """Of all tests: no occurrence is fired twice."""

    def __init__(self, aws: LocalAws, outputs: Mapping[str, str], folder: Path) -> None:
        self.aws, self.folder = aws, folder
        self.log, self.gate = folder / "handlers.log", folder / "gate"
        self.log.touch()
        self.servers: list[Server] = []
        self._outputs = outputs
        self._elb, self._sqs = aws.client("elbv2"), aws.client("sqs")
        name = "/rota/depot/default"
        text = aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
        self.settings = Settings.decode(text, source=name)

    @property
    def queue(self) -> QueueSettings:
        """That of the trigger."""
        return self.settings.queues["trigger"]

    @property
    def ledger(self) -> Ledger:
        """Read as root."""
        assert self.settings.ledger is not None
        return Ledger(DynamoDBStore(self.aws.client("dynamodb"), self.settings.ledger.table))

    def environment(self) -> dict[str, str]:
        """Of whoever is in the depot."""
        return {**os.environ, **self.aws.environment, "DEPOT_LOG": str(self.log), "DEPOT_GATE": str(self.gate)}

    def credentials(self, role: str) -> dict[str, str]:
        """Variables that make a process this role."""
        arn = f"arn:aws:iam::000000000000:role/{self.role_name(role)}"
        answer = self.aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
            "AWS_SESSION_TOKEN": answer["SessionToken"],
        }

    def role_name(self, role: str) -> str:
        """Of the trigger's function, or of who has the grant of that name."""
        return self._outputs["TriggerRole"] if role == "trigger" else f"depot-{role}"

    def client(self, role: str, service: str) -> Any:
        """A boto3 client under the credentials of a role, or of root."""
        if role == "root":
            return self.aws.client(service)
        key, secret, token = self.credentials(role).values()
        return boto3.session.Session(key, secret, token, "us-east-1").client(
            service, endpoint_url=self.aws.endpoint_url, config=Config(proxies={}, retries={"total_max_attempts": 1})
        )

    def start(self, *names: str, endpoint: str = "web", **environment: str) -> list[Server]:
        """Servers side by side, registered with the endpoint's target group; returns when the balancer knows that they
        are well."""
        started = [self._spawn(name, endpoint, environment) for name in names]
        self.servers += started
        for server in started:
            self.eventually(lambda server=server: self._is_up(server))  # type: ignore[misc]
        targets = [{"Id": "127.0.0.1", "Port": server.port} for server in started]
        self._elb.register_targets(TargetGroupArn=self._group(endpoint), Targets=targets)
        self.eventually(lambda: {server.port for server in started} <= self.healthy(endpoint))
        return started

    def healthy(self, endpoint: str) -> set[int]:
        """The ports of the targets that are well."""
        told = self._elb.describe_target_health(TargetGroupArn=self._group(endpoint))["TargetHealthDescriptions"]
        return {each["Target"]["Port"] for each in told if each["TargetHealth"]["State"] == "healthy"}

    def fire(self, job: Job[Any], times: int = 1) -> list[str]:
        """Fire its rule for as many minutes of a night; the ids of the occurrences."""
        runs = []
        for _ in range(times):
            at = FIRST + timedelta(minutes=next(self._minutes))
            self.aws.fire_rule(f"depot-default.{job.name}", at=at)
            runs.append(f"{job.name}@{at.replace(second=0):%Y-%m-%dT%H:%M:%SZ}")
        return runs

    def enqueue(self, job: Job[Any]) -> str:
        """The run's id."""
        return Client(manifest, backend=SqsBackend(self._sqs, self.settings)).enqueue(job)

    def renew_trigger(self) -> None:
        """Its function starts anew, as after a deploy: it knows nothing from before."""
        function = self.aws.client("lambda")
        (found,) = function.list_functions()["Functions"]
        function.update_function_configuration(FunctionName=found["FunctionName"], MemorySize=found["MemorySize"] + 1)

    def rota(self, *arguments: str, **environment: str) -> Any:
        """What a command answers with `--json`."""
        command = [sys.executable, "-m", "rota", *arguments, "--manifest", "depot", "--json"]
        ran = subprocess.run(
            command,
            cwd=APP,
            env={**self.environment(), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ran.returncode == 0, f"{' '.join(arguments)}: {ran.stdout}{ran.stderr}"
        return json.loads(ran.stdout)

    def events(self, event: str, *runs: str) -> list[dict[str, Any]]:
        """What handlers wrote, of these runs or of all."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["event"] == event and (not runs or line["run"] in runs)]

    def records(self, job: Job[Any]) -> list[Record]:
        """What the ledger has of a job, the newest first."""
        return list(self.ledger.list(job.name)[0])

    def messages(self, url: str) -> int:
        """Visible, hidden and delayed."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        counts = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(counts[name]) for name in names)

    def settled(self) -> bool:
        """Whether nothing waits for the trigger any more."""
        return self.messages(self.queue.url) == 0

    def eventually(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Wait for it; the logs tell why it did not come about."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s\n{self.output()}"
            time.sleep(0.05)

    def output(self) -> str:
        """What the servers said, and the end of what the trigger did."""
        said = [f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.folder.glob("*.log"))]
        told = self.aws.log_file.read_text().splitlines()
        posted = [line.partition(',"_aws"')[0] for line in told if line.startswith("{")]
        return "\n".join([*said, "--- trigger", *posted[-40:]])

    def end(self) -> None:
        """Nothing of one test is left for the next."""
        for server in self.servers:
            target = {"Id": "127.0.0.1", "Port": server.port}
            self._elb.deregister_targets(TargetGroupArn=self._group(server.endpoint), Targets=[target])
            if server.process.poll() is None:
                server.kill()
        self.servers.clear()
        for url in (self.queue.url, self.queue.dead_letter_url):
            self._sqs.purge_queue(QueueUrl=url)

    def _group(self, endpoint: str) -> str:
        return self._outputs[f"{endpoint}Targets"]

    def _spawn(self, name: str, endpoint: str, environment: Mapping[str, str]) -> Server:
        port = _free_port()
        own = {"DEPOT_SERVER": name, "ROTA_ENDPOINT": endpoint, "ROTA_SERVER": f"127.0.0.1:{port}"}
        with (self.folder / f"{name}.log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", "depot_server:app", "--port", str(port)],
                cwd=APP,
                env={**self.environment(), **own, **environment},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return Server(name, endpoint, port, process)

    def _is_up(self, server: Server) -> bool:
        assert server.process.poll() is None, self.output()
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/", timeout=2).close()
        except (urllib.error.URLError, OSError):
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
