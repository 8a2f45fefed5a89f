"""A crontab, moved over unchanged: imported, deployed, and its commands run by two workers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rota.testing.local_aws import LocalAws

CRONTAB = """\
MAILTO=ops@example.com
30 2 * * * ./bin/report --daily "two words" >> done
0 9 13 * FRI ./bin/report --either >> done
@hourly ./bin/broken
"""
APP = """\
import aws_cdk as cdk
from jobs import manifest
from rota_cdk import Rota

app = cdk.App()
Rota(cdk.Stack(app, "Crontab"), "Jobs", manifest=manifest)
app.synth()
"""
REPORT = """\
#!/bin/sh
echo "$ROTA_JOB $ROTA_SCHEDULED_AT $1 $2"
"""
BROKEN = """\
#!/bin/sh
echo "the disk is full"
exit 3
"""


class Server:
    """The machine that had the crontab: a folder with programs, and rota."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.environment = folder, dict(os.environ)
        self.workers: list[subprocess.Popen[bytes]] = []
        for name, script in {"report": REPORT, "broken": BROKEN}.items():
            path = folder / "bin" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(script)
            path.chmod(0o755)
        (folder / "crontab").write_text(CRONTAB)
        (folder / "app.py").write_text(APP)

    def rota(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What a person types."""
        return subprocess.run(
            [sys.executable, "-m", "rota", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )

    def start_worker(self) -> None:
        with (self.folder / f"worker-{len(self.workers)}.log").open("wb") as log:
            self.workers.append(
                subprocess.Popen(
                    [sys.executable, "-m", "rota", "worker"],
                    cwd=self.folder,
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def runs(self, job: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.rota("runs", job, "--json").stdout)["runs"]
        return found

    def eventually(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + 30
        while not condition():
            said = "\n".join(path.read_text() for path in self.folder.glob("*.log"))
            assert time.monotonic() < end, f"not within 30 s; the workers said:\n{said}"
            time.sleep(0.2)

    def end(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    try:
        yield server
    finally:
        server.end()


def test_a_crontab_is_imported_deployed_and_each_of_its_occurrences_runs_on_one_server(
    server: Server, local_aws: LocalAws
) -> None:
    told = server.rota("import", "crontab", "crontab", "--name", "crontab", "-o", "jobs.py")
    assert "line 1: MAILTO is not carried" in told.stderr
    local_aws.deploy(server.folder, app=f"{sys.executable} app.py", env={"CDK_VALIDATION": "false"})
    server.environment |= local_aws.environment
    names = {job["job"] for job in json.loads(server.rota("list", "--json").stdout)["jobs"]}
    broken, daily, either = sorted(names)
    server.start_worker()
    server.start_worker()

    night, friday = datetime(2199, 12, 1, 2, 30, 20, tzinfo=UTC), datetime(2199, 12, 13, 9, 0, 40, tzinfo=UTC)
    local_aws.fire_rule(f"crontab-default.{daily}", at=night)
    local_aws.fire_rule(f"crontab-default.{daily}", at=night)  # EventBridge may
    # The 13th and each Friday are two rules, and this is a Friday the 13th: both fire.
    assert friday.weekday() == 4
    local_aws.fire_rule(f"crontab-default.{either}", at=friday)
    local_aws.fire_rule(f"crontab-default.{either}.2", at=friday)
    local_aws.fire_rule(f"crontab-default.{broken}", at=night.replace(minute=0))

    def has_ended(job: str) -> bool:
        return bool(runs := server.runs(job)) and all(run["outcome"] for run in runs)

    server.eventually(lambda: all(has_ended(job) for job in (daily, either, broken)))
    time.sleep(1)  # for a second run that should not be
    assert sorted((server.folder / "done").read_text().splitlines()) == [
        f"{daily} 2199-12-01T02:30:00Z --daily two words",
        f"{either} 2199-12-13T09:00:00Z --either ",
    ]
    (failed,) = server.runs(broken)
    assert failed["outcome"] == "failed"
    assert "exit code 3" in failed["reason"]
    assert "the disk is full" in failed["reason"]
