"""Every physical name of a deployment, from manifest, stage and the name of the job or queue.

`<manifest>-<stage>` is the deployment; '.' stands before a job and '_' before a queue or the ledger, and neither is in
any of the parts. So the pattern `shop-staging.*` matches the rules of one deployment alone. A name too long for AWS
keeps its prefix and ends in a hash behind '--', which no declared name contains.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_RULE = 64
"""Of a rule and of a schedule. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html"""
MAX_QUEUE = 80
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html"""

_DEAD = "_dead"
_UNDELIVERED = "_undelivered"
_ORDINAL = ".99"
MAX_SHARDS = 999
_SHARDS = f".s{MAX_SHARDS}"
_DIGEST = 8
MAX_SHARDED = MAX_RULE - len("." + "x" + "--" + _ORDINAL + _SHARDS) - _DIGEST
"""Characters of a deployment, `<manifest>-<stage>`, that leave room for a job and a number of shards."""
MAX_ROLE = 64
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
_MAX_REGION = 20


@dataclass(frozen=True)
class Names:
    """The names of one deployment: of one stage of one manifest."""

    manifest: str
    stage: str

    @property
    def deployment(self) -> str:
        """`<manifest>-<stage>`; also the name of the schedule group."""
        return f"{self.manifest}-{self.stage}"

    def rule(self, job: str, ordinal: int = 1, shards: int | None = None) -> str:
        """Of a job's rule or schedule; a job that takes several numbers them from the second on: `.2`, `.3`.

        Spread over `shards` stacks, it has their number in it, `.s32`: with another number it is another, and the new
        one can be made while the old one stands.
        """
        room = MAX_RULE - len(self.deployment) - 1 - len(_ORDINAL) - (len(_SHARDS) if shards else 0)
        spread = f".s{shards}" if shards else ""
        return f"{self.deployment}.{_fit(job, room)}{spread}" + (f".{ordinal}" if ordinal > 1 else "")

    @property
    def every_rule(self) -> str:
        """The pattern, for policies, that matches the rules of this deployment and no other's."""
        return f"{self.deployment}.*"

    def job_of(self, rule: str, jobs: Iterable[str]) -> str | None:
        """Which of `jobs` a rule or schedule belongs to, by its physical name or its ARN; None where to none of them:
        that of another deployment, or of a job that is gone."""
        name = rule.rpartition("/")[-1]
        found = re.fullmatch(r"([^.]+\.[^.]+(?:\.s([0-9]+))?)(?:\.[0-9]+)?", name)
        if found is None:
            return None
        shards = int(found[2]) if found[2] else None
        return next((job for job in jobs if self.rule(job, shards=shards) == found[1]), None)

    @property
    def ledger(self) -> str:
        """Of the DynamoDB table that holds the runs on record."""
        return f"{self.deployment}_ledger"

    def queue(self, queue: str) -> str:
        """Of the SQS queue that workers consume."""
        # Room for the longest ending, so that a queue and its dead letters are cut alike.
        return f"{self.deployment}_{_fit(queue, MAX_QUEUE - len(self.deployment) - 1 - len(_UNDELIVERED))}"

    def dead_letters(self, queue: str) -> str:
        """Of the queue's dead-letter queue: runs whose handlers kept failing."""
        return self.queue(queue) + _DEAD

    def undelivered(self, queue: str) -> str:
        """Of the target's dead-letter queue: occurrences that EventBridge could not deliver."""
        return self.queue(queue) + _UNDELIVERED

    def schedule_role(self, queue: str, region: str) -> str:
        """Of the role with which schedules send to the queue. Roles are known in all regions of an account."""
        return f"{_fit(f'{self.deployment}_{queue}', MAX_ROLE - 1 - _MAX_REGION)}-{region}"


def _fit(name: str, room: int) -> str:
    if len(name) <= room:
        return name
    digest = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode().lower()[:_DIGEST]
    return f"{name[: room - len(digest) - 2].rstrip('-')}--{digest}"
