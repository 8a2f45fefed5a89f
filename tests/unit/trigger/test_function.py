"""A batch: its records beside each other, and each for itself."""

import json
import threading
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from rota.trigger import function
from rota.trigger.telemetry import Telemetry

Handle = Callable[[Mapping[str, Any], Callable[[], float]], bool]


@pytest.fixture
def handled_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[Handle], None]:
    """Puts a function in the trigger's place."""

    def put(handle: Handle) -> None:
        trigger = SimpleNamespace(handle=handle, telemetry=Telemetry("shop-default"))
        monkeypatch.setattr(function, "_made", [trigger])

    return put


def batch(*ids: str) -> dict[str, Any]:
    return {"Records": [{"messageId": one} for one in ids]}


def kept(answer: dict[str, Any]) -> list[str]:
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


@pytest.mark.parametrize("ids", [["a"], ["a", "b", "c"]])
def test_what_is_not_done_with_stays(handled_by: Any, ids: list[str]) -> None:
    handled_by(lambda record, _: record["messageId"] != "a")
    assert kept(function.handler(batch(*ids), None)) == ["a"]


def test_records_are_handled_beside_each_other(handled_by: Any) -> None:
    together = threading.Barrier(10, timeout=10)
    handled_by(lambda record, _: together.wait() >= 0)
    assert kept(function.handler(batch(*"abcdefghij"), None)) == []


@pytest.mark.parametrize("ids", [["a"], ["a", "b"]])
@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)])
def test_what_raises_stays_and_is_told(
    handled_by: Any, capsys: pytest.CaptureFixture[str], ids: list[str], error: BaseException
) -> None:
    def handle(record: Mapping[str, Any], _: Callable[[], float]) -> bool:
        if record["messageId"] == "a":
            raise error
        return True

    handled_by(handle)
    assert kept(function.handler(batch(*ids), None)) == ["a"]
    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["level"], line["event"], line["message"]) == ("ERROR", "error", "a")
    assert f"{type(error).__name__}: {error}" in line["traceback"]


def test_what_is_not_done_in_time_stays_and_the_others_are_deleted(
    handled_by: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    over = threading.Event()
    handled_by(lambda record, _: record["messageId"] == "b" or not over.wait(10))
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 2300)
    try:
        assert kept(function.handler(batch("a", "b"), context)) == ["a"]
    finally:
        over.set()
    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["level"], line["event"], line["message"]) == ("ERROR", "not done in time", "a")


def test_the_time_that_is_left_is_lambda_s(handled_by: Any) -> None:
    left: list[float] = []
    handled_by(lambda _, remaining: left.append(remaining()) is None)
    function.handler(batch("a"), SimpleNamespace(get_remaining_time_in_millis=lambda: 12_345))
    assert left == [12.345]


def test_without_a_configuration_the_batch_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "_made", [])
    monkeypatch.delenv("ROTA_TRIGGER", raising=False)
    with pytest.raises(KeyError, match="ROTA_TRIGGER"):
        function.handler(batch("a"), None)
