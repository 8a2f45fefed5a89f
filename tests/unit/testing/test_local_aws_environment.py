import os
import sys
from pathlib import Path

import pytest

from rota.testing.local_aws.environment import client_environment, new_client
from rota.testing.local_aws.host import cache_folder, inherited_environment
from rota.testing.local_aws.installation import environment_folder

URL = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "/home/ada/.cache/rota"),
        ({"XDG_CACHE_HOME": "/caches"}, "/caches/rota"),
        ({"XDG_CACHE_HOME": "/caches", "ROTA_CACHE": "/mine"}, "/mine"),
        ({"ROTA_CACHE": ""}, "/home/ada/.cache/rota"),
    ],
)
def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str) -> None:
    monkeypatch.delenv("ROTA_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name, value in {"HOME": "/home/ada", **variables}.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)


def test_ministack_has_a_folder_for_its_version_and_this_python() -> None:
    assert environment_folder().name == f"ministack-1.5.33-py{sys.version_info.major}.{sys.version_info.minor}"


def test_a_child_inherits_no_aws_setting_and_finds_this_python_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    inherited = inherited_environment()
    assert not [name for name in inherited if name.startswith("AWS_")]
    assert inherited["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_what_clients_need_is_all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet")
    environment = client_environment(URL)
    assert environment["AWS_ENDPOINT_URL"] == URL
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == "us-east-1"
    assert environment["NO_PROXY"] == environment["no_proxy"] == "intranet,127.0.0.1,localhost"


def test_a_client_depends_on_nothing_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "the-users")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://elsewhere.example")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example")
    before = dict(os.environ)
    client = new_client("sqs", URL)
    assert client.meta.endpoint_url == URL
    assert client.meta.region_name == "us-east-1"
    assert client._request_signer._credentials.access_key == "test"
    assert client._request_signer._credentials.token is None
    assert not client._endpoint.http_session._proxy_config.proxy_url_for(URL)
    assert dict(os.environ) == before
