"""A small application in the current folder, and the CLI as a function."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rota.cli.app import app

JOBS = """
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rota import Cron, Every, Job, Manifest, Once, Queue

work = Queue(name="work")
slow = Queue(name="slow")


@dataclass(frozen=True)
class Greeting:
    name: str


greet = Job(name="greet", handler="handlers:greet", target=work, payload=Greeting)
tick = Job(name="tick", handler="handlers:tick", target=work, schedule=Every(timedelta(minutes=1)), description="Often")
report = Job(
    name="report", handler="handlers:tick", target=slow, schedule=Cron("0 9 * * *", time_zone="Europe/Berlin"),
    payload=Greeting, input=Greeting("daily"),
)
drift = Job(name="drift", handler="handlers:tick", target=slow, schedule=Every(timedelta(minutes=7)))
off = Job(name="off", handler="handlers:tick", target=slow, schedule=Cron("0 9 * * *"), enabled=False)
manifest = Manifest(name="shop", jobs=[greet, tick, report, drift, off])
"""

HANDLERS = """
from jobs import Greeting

print("noise from the application")


def greet(greeting: Greeting) -> None: ...


def tick() -> None: ...
"""


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """jobs.py and handlers.py in the current folder; nothing of AWS or rota in the environment."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "ROTA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a file changed within a second is read anew
    before = dict(sys.modules)
    for name in ("jobs", "handlers"):
        sys.modules.pop(name, None)
    Path("jobs.py").write_text(JOBS)
    Path("handlers.py").write_text(HANDLERS)
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in (getattr(module, "__file__", None) or ""):
            del sys.modules[name]
    sys.modules.update({name: before[name] for name in ("jobs", "handlers") if name in before})


@pytest.fixture
def run() -> Callable[..., tuple[int, str, str]]:
    """Runs `rota ...`; gives exit code, stdout, stderr."""

    def call(*arguments: str, stdin: str | None = None) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, list(arguments), input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return call


@pytest.fixture
def declare(application: Path) -> Callable[[str], None]:
    """Puts another text in the place of the declarations."""

    def write(text: str) -> None:
        head = "from datetime import UTC, datetime, timedelta\nfrom rota import *\n"
        Path("jobs.py").write_text(head + text)

    return write


OPERATED = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    kind: str


work = Queue(name="work")
slow = Queue(name="slow")
close_books = Job(
    name="close-books", handler="handlers:tick", target=slow, schedule=Cron("0 2 * * *"), payload=Report,
    input=Report("daily"),
)
sync = Job(name="sync", handler="handlers:tick", target=work, schedule=Every(timedelta(hours=1)))
once = Unique(key="{kind}", window=timedelta(days=1))
mail = Job(name="mail", handler="handlers:tick", target=work, payload=Report, unique=once)
plain = Job(name="plain", handler="handlers:tick", target=work)
manifest = Manifest(name="shop", jobs=[close_books, sync, mail, plain])
"""


POSTED = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    kind: str


web = Endpoint(name="web")
us = Endpoint(name="web-us")
node = Endpoint(name="node", ledger=False)
work = Queue(name="work")
refresh = Job(
    name="refresh", handler="handlers:tick", target=web, schedule=Every(timedelta(minutes=5)),
    timeout=timedelta(seconds=30),
)
rebuild = Job(name="rebuild", handler="handlers:tick", target=[web, us], payload=Report)
caches = Job(name="drop-caches", handler="handlers:tick", target=EveryServer(web))
ping = Job(name="ping", target=node, idempotent=True, timeout=timedelta(seconds=20))
plain = Job(name="plain", handler="handlers:tick", target=work)
manifest = Manifest(name="shop", jobs=[refresh, rebuild, caches, ping, plain])
"""


class Operated:
    """A deployment on moto: its queues, keys, and a ledger in which the tests put runs on record."""

    def __init__(self, names: Sequence[str] = ("work", "slow"), *, with_keys: bool = False) -> None:
        import boto3

        from rota.ledger import Ledger
        from rota.settings import LedgerSettings, QueueSettings, Settings
        from rota.stores.dynamodb import DynamoDBStore

        self.sqs = boto3.client("sqs")
        self.urls = {
            place: self.sqs.create_queue(QueueName=f"shop-default_{place}")["QueueUrl"]
            for name in names
            for place in (name, f"{name}_dead", f"{name}_undelivered")
        }
        queues = {
            name: QueueSettings(self.urls[name], self.urls[f"{name}_dead"], self.urls[f"{name}_undelivered"])
            for name in names
        }
        self.secrets = boto3.client("secretsmanager")
        first = json.dumps({"keys": [], "first": "a1" * 22})
        keys = self.secrets.create_secret(Name="shop-keys", SecretString=first)["ARN"] if with_keys else None
        self.settings = Settings("shop", "default", queues, LedgerSettings("shop-default_ledger"), keys)
        self.ssm = boto3.client("ssm")
        self.deploy(self.settings)
        dynamodb = boto3.client("dynamodb")
        dynamodb.create_table(
            TableName="shop-default_ledger",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        self.ledger = Ledger(DynamoDBStore(dynamodb, "shop-default_ledger"))

    def deploy(self, settings: Any) -> None:
        self.ssm.put_parameter(Name="/rota/shop/default", Value=settings.encode(), Type="String", Overwrite=True)

    def claim(self, job: str, at: datetime | None = None, *, run: str | None = None, target: str = "work") -> Any:
        """A worker's claim of a run that is due at `at`, or was enqueued then."""
        from rota.envelope import Envelope
        from rota.ledger.rules import Request

        if run is None:
            envelope = Envelope(job=job).for_occurrence(at or datetime.now(UTC))
        else:
            envelope = Envelope(job=job, run=run, enqueued_at=at)
        request = Request(envelope=envelope, target=target, server="web-1:7", lease=timedelta(seconds=50))
        return self.ledger.claim(request)

    def send(self, place: str, body: str, **attributes: str) -> None:
        texts = {
            name.replace("__", "."): {"DataType": "String", "StringValue": text} for name, text in attributes.items()
        }
        self.sqs.send_message(QueueUrl=self.urls[place], MessageBody=body, MessageAttributes=texts)

    def received(self, place: str) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=self.urls[place], MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def waiting(self, place: str) -> int:
        name = "ApproximateNumberOfMessages"
        return int(self.sqs.get_queue_attributes(QueueUrl=self.urls[place], AttributeNames=[name])["Attributes"][name])


@pytest.fixture
def operated(declare: Callable[[str], None], aws: None) -> Operated:
    """The application of those who operate, deployed."""
    declare(OPERATED)
    return Operated()


@pytest.fixture
def posted(declare: Callable[[str], None], aws: None) -> Operated:
    """An application whose jobs go to endpoints, deployed."""
    declare(POSTED)
    return Operated(("work", "trigger"), with_keys=True)


@pytest.fixture
def aws(application: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account on moto."""
    from moto import mock_aws

    from rota import redrive

    monkeypatch.setattr(redrive, "WAIT", 0)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield
