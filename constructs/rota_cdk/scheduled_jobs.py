"""The jobs of a manifest, made due: in the stack of all else, or spread over shards."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from aws_cdk import CfnResource, Stack
from constructs import Construct

from rota.manifest import Job
from rota.schedules import Schedule
from rota_cdk.due import Due, is_rule
from rota_cdk.fanout_trigger import FanoutTrigger
from rota_cdk.included import IncludedSchedules
from rota_cdk.job_queue import JobQueue
from rota_cdk.run_ledger import RunLedger
from rota_cdk.scheduled_job import ScheduledJob
from rota_cdk.shards import shard_of
from rota_cdk.validation import SchedulesWith

T = TypeVar("T")


class ScheduledJobs(Mapping[str, Construct]):
    """The construct of each job that has a schedule, by the job's name; the order is that of the manifest."""

    def __init__(
        self,
        scope: Construct,
        groups: Sequence[Sequence[Job[Any]]],
        *,
        queues: Mapping[str, JobQueue],
        trigger: FanoutTrigger | None,
        ledger: RunLedger,
        schedules_with: SchedulesWith,
        shards: Sequence[Stack],
    ) -> None:
        self._found: dict[str, Callable[[], Construct]] = {}
        self._resources: dict[str, Callable[[], tuple[CfnResource, ...]]] = {}
        schedules: dict[Stack, dict[str, list[dict[str, Any]]]] = defaultdict(dict)
        rules: dict[Stack, Construct] = {}
        for jobs in groups:
            name, schedule = jobs[0].name, cast("Schedule", jobs[0].schedule)
            given: dict[str, Any] = {
                "queue": None if jobs[0].endpoints else queues[jobs[0].queue.name],
                "trigger": trigger if jobs[0].endpoints else None,
                "ledger": ledger,
                "schedules_with": schedules_with,
                "shards": len(shards) or None,
            }
            shard = shards[shard_of(name, len(shards))] if shards else None
            if shard is None or is_rule(schedule, schedules_with):
                # Of what stands in a stack itself, CDK makes the logical id without a hash, alike for "a-b" and "ab".
                place = (
                    scope if shard is None else rules.get(shard) or rules.setdefault(shard, Construct(shard, "Rules"))
                )
                made = ScheduledJob(place, name, job=jobs, **given)
                self._found |= {job.name: partial(_itself, made) for job in jobs}
                self._resources |= {job.name: partial(_itself, made.rules + made.schedules) for job in jobs}
            else:
                due = Due(name, jobs, **given)
                schedules[shard][name] = due.schedules(due.queue.seen_from(shard))
                self._found |= {job.name: partial(self._included, shard, name) for job in jobs}
                self._resources |= {job.name: partial(self._all_included, shard, name) for job in jobs}
        self._schedules = {shard: IncludedSchedules(shard, "Schedules", jobs=each) for shard, each in schedules.items()}

    def resources(self, name: str) -> tuple[CfnResource, ...]:
        """The rules or the schedules of a job. Raises `KeyError` as `[]` does."""
        return self._resources[name]()

    def _included(self, shard: Stack, name: str) -> Construct:
        return self._schedules[shard].get_resource(name)

    def _all_included(self, shard: Stack, name: str) -> tuple[CfnResource, ...]:
        return self._schedules[shard].schedules(name)

    def __getitem__(self, name: str) -> Construct:
        """Raises `KeyError` for a job without a schedule, or that there is not."""
        return self._found[name]()

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._found)

    def __len__(self) -> int:
        """How many they are."""
        return len(self._found)


def _itself(made: T) -> T:
    return made
