"""From no shards to shards, in the order that the how-to says: at no time is a job without a schedule."""

import sys
from pathlib import Path
from typing import Any

from rota.testing.local_aws import LocalAws

APP = """\
import os
import aws_cdk as cdk
from rota import Cron, Job, Manifest, Queue
from rota_cdk import Rota

work = Queue(name="work")
jobs = [Job(name=f"job-{n}", handler="shop:run", target=work, schedule=Cron("0 2 * * *")) for n in range(6)]
how = {"schedules_with": os.environ["SCHEDULES_WITH"]}
if "SHARDS" in os.environ:
    how["shards"] = int(os.environ["SHARDS"])
app = cdk.App()
Rota(cdk.Stack(app, "Grown"), "Jobs", manifest=Manifest(name="grown", jobs=jobs), **how)
app.synth()
"""
JOBS = {f"grown-default.job-{number}" for number in range(6)}
SHARDED = {f"{name}.s3" for name in JOBS}


def test_growing_into_shards_leaves_no_job_without_what_makes_it_due(local_aws: LocalAws, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    scheduler, events = local_aws.client("scheduler"), local_aws.client("events")

    def deploy(*how: str, **env: str) -> tuple[set[str], set[str]]:
        env = {"CDK_VALIDATION": "false", "SCHEDULES_WITH": "scheduler", **env}
        local_aws.deploy(tmp_path, *how, app=f"{sys.executable} app.py", env=env)
        rules: list[dict[str, Any]] = events.list_rules(NamePrefix="grown-default.")["Rules"]
        schedules: list[dict[str, Any]] = scheduler.list_schedules(NamePrefix="grown-default.")["Schedules"]
        return {rule["Name"] for rule in rules}, {schedule["Name"] for schedule in schedules}

    assert deploy("Grown", SCHEDULES_WITH="rules") == (JOBS, set())
    assert deploy("Grown") == (set(), JOBS)
    assert deploy("--exclusively", "Grown/Jobs/*", SHARDS="3") == (set(), JOBS | SHARDED)
    assert deploy("--all", SHARDS="3") == (set(), SHARDED)
