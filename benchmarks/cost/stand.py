"""A deployment of the manifest in the local AWS, behind a proxy of its own, and one `rota worker` on it."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.cost import jobs
from benchmarks.cost.proxy import Bill, Proxy

from rota import Client
from rota.envelope import Envelope
from rota.manifest import Job
from rota.queues.sqs import SqsBackend
from rota.settings import LedgerSettings, QueueSettings, Settings
from rota.testing.local_aws import LocalAws
from rota.testing.local_aws.environment import client_environment, new_client

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 60.0
"""Seconds to wait for anything but a run that takes its time."""


class Stand:
    """Nothing of the set-up is counted: it goes past the proxy."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self._direct = aws.client("sqs")
        self._proxy = Proxy(aws.endpoint_url)
        name = f"cost-{secrets.token_hex(4)}"
        dynamodb = aws.client("dynamodb")
        self._url = self._direct.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
        dead = self._direct.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        dynamodb.create_table(
            TableName=f"{name}_ledger",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self._settings = Settings(
            manifest=jobs.manifest.name,
            stage="default",
            queues={"work": QueueSettings(url=self._url, dead_letter_url=dead)},
            ledger=LedgerSettings(table=f"{name}_ledger"),
        )
        self._now = datetime.now(UTC).replace(second=0, microsecond=0)  # once: no two occurrences are of one minute
        self._log = folder / f"{name}.log"
        self._worker: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._proxy.__enter__()
        self._sqs = new_client("sqs", self._proxy.url)
        self._client = Client(jobs.manifest, backend=SqsBackend(self._sqs, self._settings))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker.wait()
        self._proxy.__exit__(kind, error, trace)

    def start(self) -> None:
        """Start the worker as users do, and wait until it says so."""
        environment = {
            **os.environ,
            **client_environment(self._proxy.url),
            "ROTA_SETTINGS": self._settings.encode(),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        }
        with self._log.open("ab") as log:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "rota", "worker", "benchmarks.cost.jobs:manifest"],
                env=environment, cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip
        self.wait_until(lambda: "worker started" in self._log.read_text())

    def bill(self) -> Bill:
        """What was counted so far."""
        return self._proxy.bill()

    def stored(self) -> list[int]:
        """Bytes of each item that is in the ledger now."""
        return self._proxy.table.sizes()

    def fire(self, job: Job[jobs.Order], number: int) -> None:
        """Do what EventBridge does for occurrence `number` of a job: one message, sent by itself."""
        envelope = Envelope(
            job=job.name, scheduled_at=self._now - timedelta(minutes=number), payload={"order_id": number}
        )
        self._sqs.send_message(QueueUrl=self._url, MessageBody=envelope.encode())

    def enqueue(self, job: Job[jobs.Order], number: int) -> None:
        """One run, as a web process enqueues it."""
        self._client.enqueue(job, jobs.Order(order_id=number))

    def enqueue_many(self, job: Job[jobs.Order], numbers: range) -> None:
        """Runs, as a batch program enqueues them."""
        self._client.enqueue_many(job, [jobs.Order(order_id=number) for number in numbers])

    def wait_until_done(self, seconds: float = LONGEST) -> None:
        """Until no message is in the queue, hidden ones included, and no request but a long poll is under way."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]

        def done() -> bool:
            found = self._direct.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
            return not any(int(found[name]) for name in names) and self._proxy.quiet

        self.wait_until(done, seconds)

    def wait_until(self, condition: Callable[[], bool], seconds: float = LONGEST) -> None:
        """Raises `RuntimeError` with what the worker has said where it does not come about."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end or (self._worker is not None and self._worker.poll() is not None):
                raise RuntimeError(f"not within {seconds} s; the worker said:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.02)

    def succeeded(self) -> int:
        """How many runs have."""
        return self._log.read_text().count(" succeeded in ")
