"""AWS for the adapters: moto in this process, or the local AWS."""

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler
from moto.sqs.models import SQSBackend

MakeQueue = Callable[..., str]

_serial = itertools.count()


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of AWS or rota in the environment, and none of the user's files."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "ROTA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def in_moto(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """boto3 talks to moto."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    for service, method in ((SQSBackend, "receive_message"), (DynamoHandler, "call_action")):
        monkeypatch.setattr(service, method, one_at_a_time(getattr(service, method)))
    with mock_aws():
        yield


def one_at_a_time(method: Callable[..., Any]) -> Callable[..., Any]:
    """For moto looks and writes without a lock: it gives two threads the same message, and undoes another's write."""
    lock = threading.Lock()

    def locked(*args: Any, **options: Any) -> Any:
        with lock:
            return method(*args, **options)

    return locked


@pytest.fixture
def on_local_aws(clean_environment: None, monkeypatch: pytest.MonkeyPatch, local_aws: Any) -> None:
    """boto3 talks to the local AWS."""
    for name, value in local_aws.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def make_queue() -> MakeQueue:
    """Makes a queue in SQS, wherever boto3 talks to; gives its URL."""

    def make(client: Any, **attributes: Any) -> str:
        texts = {name: str(value) for name, value in attributes.items()}
        url: str = client.create_queue(QueueName=f"conformance-{next(_serial)}", Attributes=texts)["QueueUrl"]
        return url

    return make
