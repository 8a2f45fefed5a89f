"""Which Python processes are started with, whatever `sys.executable` is."""

import subprocess
import sys
from pathlib import Path

import pytest

from rota.interpreter import interpreter

THIS = sys.executable


@pytest.fixture
def lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is this process's environment and installation, without an interpreter."""
    for name in ("executable", "prefix", "base_prefix", "_base_executable"):
        monkeypatch.setattr(sys, name, str(tmp_path))
    (tmp_path / "bin").mkdir()
    return tmp_path


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_it_is_the_one_that_runs() -> None:
    assert interpreter() == sys.executable


@pytest.mark.parametrize("executable", ["", None, "/no/such/python3", "/usr/bin/env"])
def test_where_a_server_names_something_else_it_is_that_of_the_environment(
    executable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    found = interpreter()
    assert Path(found).parent == Path(sys.prefix, "bin")
    said = subprocess.run([found, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == sys.prefix


def test_without_one_in_the_environment_it_is_the_one_beside_its_library(
    lost: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path(THIS).resolve()
    monkeypatch.setattr(sys, "_base_executable", str(real))
    assert interpreter() == str(real)


def test_what_is_not_called_one_is_not_started(lost: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", script(lost / "uwsgi", f"touch {lost / 'started'}"))
    with pytest.raises(OSError, match="no Python interpreter was found"):
        interpreter()
    assert not (lost / "started").exists()


@pytest.mark.parametrize("text", ["exit 1", "echo '(2, 7)'", "echo"])
def test_what_is_called_one_and_is_another_is_passed_over(
    lost: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(sys, "executable", script(lost / "bin" / "python3", text))
    with pytest.raises(OSError, match="no Python interpreter was found") as raised:
        interpreter()
    assert f"sys.executable is '{lost / 'bin' / 'python3'}'" in str(raised.value)
    assert str(raised.value).endswith("set sys.executable to its path")


def test_it_is_found_once_it_is_named(lost: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="no Python interpreter was found"):
        interpreter()
    monkeypatch.setattr(sys, "executable", THIS)
    assert interpreter() == THIS
