"""What a job's runs cost at AWS: requests that were counted, at list prices. docs/cost.md says how; pure arithmetic.

tests/unit/test_run_cost.py holds these numbers to those of benchmarks/cost, which counts them.
"""

from dataclasses import dataclass
from typing import Any

from rota.manifest import Job
from rota.targets import Endpoint, EveryServer, Queue

KNOWN_AT = "2026-11-21"
REGION = "us-east-1"
MILLION = 1_000_000

# Dollars for a million, as AWS lists them, without free tiers: https://aws.amazon.com/sqs/pricing/,
# .../dynamodb/pricing/on-demand/, .../eventbridge/pricing/, .../lambda/pricing/
SQS = 0.40
DYNAMODB_WRITE = 0.625
DYNAMODB_READ = 0.125
RULE = 0.0
SCHEDULER = 1.00
LAMBDA = 0.20

GB_MONTH = 0.25 + 0.20
"""Dollars for a GB in DynamoDB for a month, with point-in-time recovery."""
ITEM_OVERHEAD = 100
"""Bytes that an item is billed beyond its own."""
MONTHS_KEPT = 45 / (365 / 12)
"""How long the ledger keeps a record."""
POLLS_AN_HOUR = 180
"""Requests of a worker process to each of its queues where nothing comes."""
HOURS_A_MONTH = 730


@dataclass(frozen=True)
class Requests:
    """What one run takes: requests of SQS, units of DynamoDB, what it leaves in the ledger."""

    sqs: float = 0.0
    writes: float = 0.0
    reads: float = 0.0
    stored_bytes: float = 0.0
    items: int = 0

    @property
    def dollars(self) -> float:
        """For a million."""
        gigabytes = (self.stored_bytes + self.items * ITEM_OVERHEAD) * MILLION / 1e9
        units = self.writes * DYNAMODB_WRITE + self.reads * DYNAMODB_READ
        return self.sqs * SQS + units + gigabytes * GB_MONTH * MONTHS_KEPT


# Counted of runs that come one at a time, as those of EventBridge do; the send is EventBridge's, and billed as well.
OCCURRENCE = Requests(sqs=3, writes=2, stored_bytes=512, items=1)
LOCKED = Requests(sqs=3, writes=8, reads=2, stored_bytes=603, items=2)
ENQUEUED = Requests(sqs=3)
UNIQUE = Requests(sqs=3, writes=5, reads=1, stored_bytes=712, items=2)
MINUTE = Requests(sqs=1, writes=3)
"""What each minute that a run lasts adds."""
LOCKED_MINUTE = Requests(sqs=1, writes=12, reads=3)

LAMBDA_TIME = "endpoint: not counted but reckoned from docs/http.md; without the Lambda's time and polls"
EVERY_SERVER = "every server: as if there were one"
OTHER_LOCK = "lock: at its provider's prices, which are not known here"
BOTH = "lock and unique key: an enqueued run of both was not counted; as with the lock alone"


@dataclass(frozen=True)
class RunCost:
    """What a run of a job costs."""

    dollars: float
    """For a million runs."""
    unknown: tuple[str, ...] = ()
    """What is not in it, or not known exactly."""


def run_cost(job: Job[Any], *, schedules_with: str = "rules") -> RunCost:
    """What an occurrence of the job costs; of a job without a schedule, an enqueued run. Deployed with
    `Rota(schedules_with=...)`.

    Not in it: retries and dead letters, renewals of runs that last more than some seconds (`MINUTE`), logs, alarms,
    data transfer, load balancers, payloads beyond 64 KB.
    """
    unknown: list[str] = []
    own_lock = job.lock is not None and job.lock.provider is None
    if job.lock is not None and job.lock.provider is not None:
        unknown.append(OTHER_LOCK)
    if job.schedule is None and job.unique and own_lock:
        unknown.append(BOTH)
    each = LOCKED if own_lock else OCCURRENCE
    if job.schedule is None and not own_lock:
        each = UNIQUE if job.unique else ENQUEUED if isinstance(job.target, Queue) else OCCURRENCE
    fired = 0.0
    if job.schedule is not None:
        fired = SCHEDULER if schedules_with == "scheduler" or job.schedule.needs_scheduler else RULE
    if isinstance(job.target, Queue):
        return RunCost(fired + each.dollars, tuple(unknown))
    unknown.append(LAMBDA_TIME)
    if any(isinstance(target, EveryServer) for target in job.targets):
        unknown.append(EVERY_SERVER)
    return RunCost(fired + _posted(job, each), tuple(unknown))


def _posted(job: Job[Any], each: Requests) -> float:
    """A run for endpoints: a message and a call of the Lambda for each, and one that is split before, of several; their
    servers claim it where they have a ledger."""
    in_ledger = Requests(writes=each.writes, reads=each.reads, stored_bytes=each.stored_bytes, items=each.items)
    message = Requests(sqs=ENQUEUED.sqs).dollars + LAMBDA
    several = len(job.targets) > 1 or isinstance(job.target, EveryServer)
    dollars = message if several else 0.0
    for target in job.targets:
        endpoint = target.endpoint if isinstance(target, EveryServer) else target
        claimed = isinstance(endpoint, Endpoint) and endpoint.ledger
        dollars += message + (in_ledger.dollars if claimed else 0.0)
    return dollars


def idle_month(queues: int, processes: int = 1) -> float:
    """Dollars a month for the polling of so many worker processes, each of so many queues where nothing comes."""
    return queues * processes * POLLS_AN_HOUR * HOURS_A_MONTH * SQS / MILLION
