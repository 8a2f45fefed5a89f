"""What EventBridge sends of a manifest, and when: every instant of every schedule, those outside a window too."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter
from random import Random
from typing import Any, NamedTuple

from rota.digests import payload_digest
from rota.envelope import Envelope, instant_text
from rota.manifest import Job, Manifest
from rota.occurrences import payload_of
from rota.schedules import Cron, Every, Once, Schedule


class Fired(NamedTuple):
    """One message, as it arrives."""

    at: datetime
    queue: str
    body: str


def fired(manifest: Manifest, start: datetime, end: datetime, *, servers: int, chance: Random) -> Sequence[Fired]:
    """All that is due from `start` (included) to `end` (excluded), in the order of arrival."""
    found: list[Fired] = []
    for job in manifest.jobs:
        if job.schedule is None or not job.enabled:
            continue
        bodies = _bodies(job, servers)
        window = job.schedule.flexible_window or timedelta()
        for moment in instants(job.schedule, start, end):
            at = moment + window * chance.random() if window else moment
            instant = instant_text(moment)
            found += [Fired(at, job.queue.name, f'{body[:-1]},"scheduled_at":"{instant}"}}') for body in bodies]
    found.sort(key=attrgetter("at"))
    return found


def instants(schedule: Schedule, start: datetime, end: datetime) -> Iterator[datetime]:
    """When AWS fires it: `start`, `end` and `excluding` of a schedule are applied when its runs are claimed. What
    counts from the deploy counts from `start`."""
    match schedule:
        case Cron():
            yield from (moment for _, moment in schedule.wall_times(start, end) if moment is not None)
        case Every():
            moment = start
            if schedule.aligned and (moment := schedule.fired_by(start)) < start:
                moment += schedule.interval
            while moment < end:
                yield moment
                moment += schedule.interval
        case Once() if start <= schedule.at < end:
            yield schedule.at


def addressed(endpoints: Iterable[str], servers: int) -> list[str]:
    """Each endpoint, and each of `servers` behind one that means every server: as the trigger finds them."""
    found: list[str] = []
    for name in endpoints:
        endpoint, slash, _ = name.partition("/")
        found += [f"{endpoint}/server-{number}" for number in range(1, servers + 1)] if slash else [name]
    return found


def _bodies(job: Job[Any], servers: int) -> list[str]:
    """The message of each of its targets, without the instant. The trigger makes one for each endpoint."""
    sent = Envelope(job=job.name, payload=payload_of(job), digest=payload_digest(job.payload))
    if job.post is None:
        return [sent.encode()]
    return [replace(sent, endpoint=name).encode() for name in addressed(job.post.endpoints, servers)]
