import pytest

from rota.testing.local_aws.in_ministack.rota_launcher import private


def test_what_is_missing_is_named() -> None:
    assert private.missing({"json": ["dumps", "_gone"], "no_such_module": ["x"]}) == ["json._gone", "no_such_module"]


def test_the_server_does_not_start_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "missing", lambda: ["ministack.services.scheduler._gone"])
    monkeypatch.setattr("importlib.metadata.version", lambda _: "9.9.9")
    with pytest.raises(SystemExit, match=r"ministack 9\.9\.9 lacks .*scheduler\._gone"):
        private.check()
