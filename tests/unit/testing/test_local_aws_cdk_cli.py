import sys
from pathlib import Path

import pytest

from rota.testing.local_aws import LocalAwsError
from rota.testing.local_aws.cdk_cli import find_cli, project_cli
from rota.testing.local_aws.commands import run, tail


def _program(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.touch(mode=0o755)
    return path


def test_the_nearest_cli_upwards_is_the_projects(tmp_path: Path) -> None:
    app = tmp_path / "project" / "infra" / "app"
    app.mkdir(parents=True)
    assert project_cli(app) is None
    outer = _program(tmp_path / "node_modules" / ".bin" / "cdk")
    assert project_cli(app) == outer
    inner = _program(tmp_path / "project" / "node_modules" / ".bin" / "cdk")
    assert project_cli(app) == inner


@pytest.fixture
def nothing_beside_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The interpreter's folder is searched first, and where that is /usr/bin, Node may stand in it.
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python"))


@pytest.mark.usefixtures("nothing_beside_python")
def test_without_node_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalAwsError, match=r"needs Node.js.*no 'node' on PATH: install Node.js"):
        find_cli(tmp_path, print)


@pytest.mark.usefixtures("nothing_beside_python")
def test_without_npm_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path / "bin" / "node")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("ROTA_CACHE", str(tmp_path / "cache"))
    with pytest.raises(LocalAwsError, match=r"installing one needs npm.*install Node.js"):
        find_cli(tmp_path, print)


def test_a_command_that_fails_shows_its_last_lines() -> None:
    with pytest.raises(LocalAwsError, match=r"(?s)deploying failed \(exit 3\); its last lines:\nwhy"):
        run("deploying", [sys.executable, "-c", "print('why'); exit(3)"], env={}, timeout=30)


def test_a_command_that_takes_too_long_is_ended() -> None:
    command = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]
    with pytest.raises(LocalAwsError, match=r"(?s)longer than 1 s; its last lines:\nhere"):
        run("deploying", command, env={}, timeout=1)


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(LocalAwsError, match="cannot run no-such-program"):
        run("deploying", ["no-such-program"], env={}, timeout=1)


def test_the_tail_leaves_out_blank_lines() -> None:
    assert tail("a\n\nb\n  \nc\n", 2) == "b\nc"
