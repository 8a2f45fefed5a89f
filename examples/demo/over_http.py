"""Runs over HTTP, as the demo shows them: servers behind the load balancer, and what the trigger says of requests."""

import json
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from examples.demo.count import Count
from examples.demo.fleet import Server
from jobs import manifest
from rich.table import Table

from rota.testing.local_aws import LocalAws

POSTED = {job.name for job in manifest.jobs if job.endpoints}
"""The jobs whose runs are posted."""
HEALTHY_SECONDS = 20
DONE = 200
"""What a server answers when a run is done."""


def put_behind_the_balancer(aws: LocalAws, servers: list[Server]) -> None:
    """Register each, as whatever starts servers does, and wait until the balancer has found them well.

    Raises `RuntimeError` if it does not.
    """
    elb = aws.client("elbv2")
    (group,) = (each["TargetGroupArn"] for each in elb.describe_target_groups()["TargetGroups"])
    targets = [{"Id": "127.0.0.1", "Port": server.port} for server in servers]
    elb.register_targets(TargetGroupArn=group, Targets=targets)
    end = time.monotonic() + HEALTHY_SECONDS
    while True:
        told = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        states = [each["TargetHealth"]["State"] for each in told]
        if states == ["healthy"] * len(servers):
            return
        if time.monotonic() > end:
            raise RuntimeError(f"the balancer finds its targets {', '.join(states)}")
        time.sleep(0.1)


class Trigger:
    """What the trigger wrote into its log: a line for each request."""

    def __init__(self, aws: LocalAws) -> None:
        self._logs = aws.client("logs")
        (self._group,) = (
            group["logGroupName"]
            for group in self._logs.describe_log_groups()["logGroups"]
            if "trigger" in group["logGroupName"].lower()
        )
        self._seen: set[str] = set()
        self.posted: list[dict[str, Any]] = []

    def news(self) -> list[dict[str, Any]]:
        """The requests of which it has written since."""
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=self._group)
        # Not by their number: an earlier line may come later, from another call of the function.
        lines = {event["message"] for page in pages for event in page["events"]} - self._seen
        self._seen |= lines
        told = [json.loads(line) for line in lines if line.startswith("{")]
        found = sorted((line for line in told if line["event"] == "posted"), key=lambda line: line["time"])
        self.posted += found
        return found


def spelled(line: dict[str, Any]) -> str:
    """A request that is not the end of its run, in words."""
    answer = line.get("status") or line["reason"]
    again = f", again in {line['seconds']} s" if "seconds" in line else ""
    return f"{answer!s:<9} {line['job']:<15} occurrence {_minute(line['run'].partition('@')[2])}{again}"


def _minute(instant: str) -> str:
    return f"{datetime.fromisoformat(instant):%H:%M}"


def table(seen: Count, posted: Iterable[dict[str, Any]]) -> Table:
    """Each occurrence that was posted, what was answered, and which server did it."""
    answers: dict[str, list[str]] = {}
    for line in posted:
        answers.setdefault(line["run"], []).append(str(line.get("status", "none")))
    made = Table()
    for column in ("job", "occurrence", "done by", "answers"):
        made.add_column(column)
    for run_id, run in sorted(seen.runs.items(), key=lambda item: (item[0].partition("@")[2], item[0])):
        if run.job in POSTED:
            servers = ", ".join(call.server for call in run.finished) or "nobody"
            made.add_row(run.job, _minute(run_id.partition("@")[2]), servers, ", ".join(answers.get(run_id, [])))
    return made
