"""Reading the keys of signatures, from an account on moto."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from rota import SettingsError, backends
from rota.aws.secrets import secret_reader
from rota.settings import Settings


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("secretsmanager")


def test_a_secret_is_read_anew_each_time(manager: Any) -> None:
    arn = manager.create_secret(Name="shop", SecretString="one")["ARN"]
    read = backends.keys(Settings(manifest="shop", stage="default", queues={}, keys=arn))
    assert read() == "one"
    manager.put_secret_value(SecretId=arn, SecretString="two")
    assert read() == "two"


def test_a_secret_that_is_not_there_is_named(manager: Any) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:gone"
    with pytest.raises(SettingsError, match=f"secret {arn} cannot be read: .*ResourceNotFoundException"):
        secret_reader(arn)()


def test_a_secret_without_text_is_no_secret_of_rotas(manager: Any) -> None:
    arn = manager.create_secret(Name="shop", SecretBinary=b"x")["ARN"]
    with pytest.raises(SettingsError, match="holds no text; deploy again: `cdk deploy`"):
        secret_reader(arn)()


def test_a_role_that_may_not_read_it_is_told_of_the_grant(manager: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError

    class Denies:
        def get_secret_value(self, **_: str) -> None:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetSecretValue")

    monkeypatch.setattr("rota.aws.secrets.client", lambda _: Denies())
    with pytest.raises(SettingsError, match="this role needs grant_verify"):
        secret_reader("arn")()


def test_no_credentials_are_said_to_be_missing(manager: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import NoCredentialsError

    class Lacks:
        def get_secret_value(self, **_: str) -> None:
            raise NoCredentialsError

    monkeypatch.setattr("rota.aws.secrets.client", lambda _: Lacks())
    with pytest.raises(SettingsError, match="no AWS credentials are found"):
        secret_reader("arn")()
