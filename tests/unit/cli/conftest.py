"""A small application in the current folder, and the CLI as a function."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

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
