"""What a command is given, whether there is such a program, and the page that tells of it."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rota import Run
from rota.commands import missing
from rota.commands.environment import environment


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing of rota's in the environment."""
    for name in [name for name in os.environ if name.startswith("ROTA_")]:
        monkeypatch.delenv(name)
    return monkeypatch


def test_a_command_has_the_servers_environment_and_its_run(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("SHOP", "open")
    bare.setenv("ROTA_STAGE", "staging")
    bare.setenv("ROTA_KEYS", "whsec_secret")
    bare.setenv("ROTA_TOKEN", "another run's")
    due = datetime(2026, 1, 31, 2, tzinfo=UTC)
    found = environment(Run(job="a", id="a@1\0", attempt=2, queue="work", token=None, scheduled_at=due, deadline=due))
    assert {name: value for name, value in found.items() if name.startswith(("ROTA_", "SHOP"))} == {
        "SHOP": "open",
        "ROTA_STAGE": "staging",
        "ROTA_WORKER": "off",
        "ROTA_JOB": "a",
        "ROTA_RUN": "a@1?",
        "ROTA_ATTEMPT": "2",
        "ROTA_SCHEDULED_AT": "2026-01-31T02:00:00Z",
        "ROTA_DEADLINE": "2026-01-31T02:00:00Z",
    }
    assert environment(Run(job="a", id="1", attempt=1, queue="work", token=7))["ROTA_TOKEN"] == "7"
    assert os.environ["ROTA_KEYS"] == "whsec_secret"


def test_whether_there_is_such_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = tmp_path / "bin" / "report"
    report.parent.mkdir()
    assert missing(["./bin/report"]) == f"there is no './bin/report' in {tmp_path}"
    report.write_text("#!/bin/sh\n")
    assert missing(["./bin/report"]) == "'./bin/report' is not executable; chmod +x ./bin/report"
    report.chmod(0o755)
    assert missing(["./bin/report"]) is None
    assert missing(["./bin"]) == "'./bin' is a directory"
    assert missing(["report"]) == "there is no program 'report' in PATH"
    monkeypatch.setenv("PATH", str(report.parent))
    assert missing(["report"]) is None


@pytest.mark.usefixtures("bare")
def test_the_page_about_commands_declares_what_it_says() -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/run-commands.md").read_text(encoding="utf-8")
    found: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], found)
    assert [declared.command for declared in found["manifest"].jobs] == [
        ("./bin/report", "--daily"),
        ("sh", "-c", "pg_dump shop | gzip > /backup/shop.gz"),
    ]
    due = datetime(2026, 1, 31, tzinfo=UTC)
    run = Run(job="a", id="1", attempt=1, queue="q", token=1, scheduled_at=due, enqueued_at=due, deadline=due)
    told = re.findall(r"^\| `(ROTA_\w+)` \|", page, re.MULTILINE)
    assert set(told) == {name for name in environment(run) if name.startswith("ROTA_")}
