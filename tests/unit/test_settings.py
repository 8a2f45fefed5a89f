"""What a deployment tells its servers, and what the environment says."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from rota import SettingsError, backends, settings
from rota.settings import LedgerSettings, QueueSettings, Settings

SHOP = Settings(
    "shop",
    "staging",
    {
        "billing": QueueSettings("https://sqs/billing", "https://sqs/dead", "https://sqs/undelivered"),
        "b": QueueSettings("https://b", "https://c"),
    },
    ledger=LedgerSettings("shop-staging_ledger"),
    keys="arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf",
    together=(("a", "b"), ("c", "d", "e")),
)


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ROTA_")]:
        monkeypatch.delenv(name, raising=False)


def test_what_is_written_is_read() -> None:
    assert Settings.decode(SHOP.encode(), source="test") == SHOP
    assert Settings.decode(Settings("shop", "default", {}).encode(), source="test").queues == {}


def test_the_names_are_part_of_the_format() -> None:
    assert settings.parameter_name("shop", "staging") == "/rota/shop/staging"
    assert (settings.STAGE_VARIABLE, settings.SETTINGS_VARIABLE) == ("ROTA_STAGE", "ROTA_SETTINGS")
    assert json.loads(SHOP.encode())["queues"]["billing"] == {
        "url": "https://sqs/billing",
        "dead_letter_url": "https://sqs/dead",
        "undelivered_url": "https://sqs/undelivered",
    }
    assert json.loads(SHOP.encode())["ledger"] == {"table": "shop-staging_ledger"}
    assert json.loads(SHOP.encode())["keys"] == "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf"
    assert (settings.KEYS_VARIABLE, settings.ENDPOINT_VARIABLE) == ("ROTA_KEYS", "ROTA_ENDPOINT")


def test_settings_of_a_deployment_before_the_ledger_are_read() -> None:
    text = '{"version":1,"manifest":"shop","stage":"staging","queues":{"b":{"url":"u","dead_letter_url":"d"}}}'
    old = Settings.decode(text, source="test")

    assert (old.ledger, old.keys, old.together) == (None, None, ())
    assert old.queues["b"].undelivered_url is None
    assert old.encode() == text


def test_fields_that_a_newer_deployment_has_added_are_passed_over() -> None:
    newer = json.loads(SHOP.encode())
    for part in (newer, newer["ledger"], newer["queues"]["b"]):
        part["added"] = {"later": 1}

    assert Settings.decode(json.dumps(newer), source="test") == SHOP


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "hello",
            "[]",
            "5",
            "null",
            "{}",
            '{"version":1}',
            '{"version":1,"manifest":"a","stage":"b","queues":[]}',
        ),
        '{"version":1,"manifest":"a","stage":"b","queues":{},"ledger":{}}',
        '{"version":1,"manifest":"a","stage":"b","queues":{},"together":5}',
        '{"version":1,"manifest":"a","stage":"b","queues":{},"ledger":"table"}',
    ],
)
def test_what_is_no_settings(text: str) -> None:
    with pytest.raises(
        SettingsError, match=r"^ROTA_SETTINGS does not hold rota settings \(.*\); deploy again: `cdk deploy`$"
    ):
        Settings.decode(text, source="ROTA_SETTINGS")


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version(version: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.decode(json.dumps({"version": version}), source="parameter /rota/shop/staging")
    assert f"has settings version {version!r}, and this rota reads version 1" in str(caught.value)
    assert "pip install --upgrade rota" in str(caught.value)


def test_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.stage() == "default"
    monkeypatch.setenv("ROTA_STAGE", "")
    assert settings.stage() == "default"
    monkeypatch.setenv("ROTA_STAGE", "staging2")
    assert settings.stage() == "staging2"


@pytest.mark.parametrize("name", ["Staging", "my-stage", "1st", "a" * 17, "a.b", " staging"])
def test_refused_stages(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("ROTA_STAGE", name)
    with pytest.raises(
        SettingsError, match=r"^ROTA_STAGE: stage must be 1 to 16 lower-case letters and digits"
    ) as caught:
        settings.stage()
    assert repr(name) in str(caught.value)


def test_the_environment_overrides_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.from_environment() is None
    monkeypatch.setenv("ROTA_SETTINGS", SHOP.encode())
    assert backends.settings_of("shop") == SHOP


def test_the_settings_of_another_manifest_are_not_taken_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTA_SETTINGS", SHOP.encode())
    with pytest.raises(SettingsError, match="ROTA_SETTINGS has the settings of manifest 'shop', not of 'office'"):
        backends.settings_of("office")


def test_settings_of_another_stage_than_the_variables_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTA_SETTINGS", SHOP.encode())
    monkeypatch.setenv("ROTA_STAGE", "production")
    with pytest.raises(SettingsError) as caught:
        backends.settings_of("shop")
    assert str(caught.value) == (
        "ROTA_STAGE is 'production', but ROTA_SETTINGS has the settings of stage 'staging'; unset ROTA_STAGE to use "
        "these, or ROTA_SETTINGS to read those of 'production' from SSM"
    )
    for same in ("staging", ""):
        monkeypatch.setenv("ROTA_STAGE", same)
        assert backends.settings_of("shop") == SHOP


@pytest.mark.parametrize(("value", "off"), [("off", True), ("OFF", True), ("on", False), ("", False), ("0", False)])
def test_workers_can_be_off(monkeypatch: pytest.MonkeyPatch, value: str, off: bool) -> None:
    assert not settings.worker_is_off()
    monkeypatch.setenv("ROTA_WORKER", value)
    assert settings.worker_is_off() is off


@pytest.mark.parametrize(
    ("variable", "read"),
    [("ROTA_KEYS", settings.keys_from_environment), ("ROTA_ENDPOINT", settings.endpoint)],
)
def test_a_variable_that_is_empty_is_not_set(
    monkeypatch: pytest.MonkeyPatch, variable: str, read: Callable[[], str | None]
) -> None:
    assert read() is None
    monkeypatch.setenv(variable, "")
    assert read() is None
    monkeypatch.setenv(variable, "web")
    assert read() == "web"
