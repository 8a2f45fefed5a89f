"""Deploys the manifest, edits it, deploys again, and says what came of it."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from examples.scale.account import Account, look
from examples.scale.jobs import ADDED, CHANGED, REMOVED, manifest, reports

from rota.names import Names
from rota.testing.local_aws import LocalAws

ROOT = Path(__file__).resolve().parents[2]
EDITS = {"added": ADDED, "removed": REMOVED, "changed": CHANGED}
CONCURRENCY = 8
"""Shards that CloudFormation is given at once: none waits for another, all wait for the stack that they share."""


@dataclass(frozen=True)
class Growth:
    """What was seen of one edit of three jobs."""

    jobs: int
    shards: int
    diff: str
    """What `cdk diff` printed of the edit."""
    before: Account
    after: Account
    delivered: str | None
    """The job of the run that the new schedule, fired, brought into the queue of the stack that the shards share."""
    seconds: dict[str, float]
    """By what was done."""

    @property
    def diff_lines(self) -> list[str]:
        """A line for each resource that the edit adds, removes or changes."""
        return [line for line in self.diff.splitlines() if line.startswith(("[+]", "[-]", "[~]"))]

    @property
    def added(self) -> set[str]:
        """Schedules that were not there before."""
        return self.after.schedules.keys() - self.before.schedules.keys()

    @property
    def removed(self) -> set[str]:
        """Schedules that are gone."""
        return self.before.schedules.keys() - self.after.schedules.keys()

    @property
    def touched(self) -> set[str]:
        """Schedules that were there before and are not as they were: modified, made again, or in another stack."""
        stayed = self.before.schedules.keys() & self.after.schedules.keys()
        return {name for name in stayed if self.before.schedules[name] != self.after.schedules[name]}

    @property
    def updated_stacks(self) -> set[str]:
        """Stacks that the edit's deploy made, updated or removed."""
        pairs = self.before.stacks.items() ^ self.after.stacks.items()
        return {stack for stack, _ in pairs}

    @property
    def expected(self) -> dict[str, str]:
        """The schedules of the three jobs, by what the edit does with them."""
        names = Names(manifest.name, "default")
        return {what: names.rule(job, shards=self.shards) for what, job in EDITS.items()}

    @property
    def is_as_promised(self) -> bool:
        """Whether those three changed, they alone, and no stack but theirs; and `cdk diff` had a line for each."""
        theirs = {what: {name} for what, name in self.expected.items()}
        return (
            {"added": self.added, "removed": self.removed, "changed": self.touched} == theirs
            and self.updated_stacks == self.their_stacks
            and len(self.diff_lines) == len(theirs)
            and len(self.after.schedules) == self.jobs
            and self.delivered == ADDED
        )

    @property
    def their_stacks(self) -> set[str]:
        """The stacks that hold these three, of which one is gone."""
        everything = self.before.schedules | self.after.schedules
        return {everything[name].stack for name in self.expected.values() if name in everything}


def grow(aws: LocalAws, jobs: int, shards: int, tell: Callable[[str], None]) -> Growth:
    """Deploys so many jobs over so many shards; then adds one, removes one and changes one, and deploys again."""
    seconds: dict[str, float] = {}

    @contextmanager
    def step(what: str) -> Iterator[None]:
        tell(f"{what} ...")
        started = time.monotonic()
        yield
        seconds[what] = time.monotonic() - started

    # What CDK validates at each synth, the tests have validated.
    environment = {"SCALE_JOBS": str(jobs), "SCALE_SHARDS": str(shards), "CDK_VALIDATION": "false"}
    edited = environment | {"SCALE_EDITED": "1"}
    app = f"{sys.executable} -m examples.scale.app"
    with step("cdk bootstrap"):
        aws.bootstrap(ROOT)
    with step(f"cdk deploy --all: {jobs} jobs, {shards} shards"):
        aws.deploy(ROOT, app=app, env=environment, concurrency=CONCURRENCY)
    with step("list what is there"):
        before = look(aws, manifest.name)
    with step("cdk diff, after the edit"):
        diff = aws.diff(ROOT, app=app, env=edited)
    with step("cdk deploy --all, after the edit"):
        aws.deploy(ROOT, app=app, env=edited, concurrency=CONCURRENCY)
    with step("list what is there then"):
        after = look(aws, manifest.name)
    return Growth(jobs, shards, diff, before, after, _fire(aws, ADDED, shards), seconds)


def _fire(aws: LocalAws, job: str, shards: int) -> str | None:
    """Fires the job's schedule; the job of which a run is in the queue then."""
    names, sqs = Names(manifest.name, "default"), aws.client("sqs")
    aws.fire_schedule(names.rule(job, shards=shards), names.deployment)
    url = sqs.get_queue_url(QueueName=names.queue(reports.name))["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url).get("Messages", [])
    return next((json.loads(message["Body"])["job"] for message in messages), None)
