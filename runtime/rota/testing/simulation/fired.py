"""What EventBridge sends of a manifest, and when: every instant of every schedule, those outside a window too."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from random import Random
from typing import Any, NamedTuple

from rota.digests import payload_digest
from rota.envelope import Envelope, instant_text
from rota.manifest import Job, Manifest
from rota.occurrences import payload_of
from rota.schedules import Cron, Every, Once, Schedule

_SECOND = timedelta(seconds=1)


class Fired(NamedTuple):
    """One message, as it arrives."""

    at: datetime
    queue: str
    body: str


def fired(manifest: Manifest, start: datetime, end: datetime, *, seed: int) -> Sequence[Fired]:
    """All that is due from `start` (included) to `end` (excluded), in the order of arrival."""
    found: list[Fired] = []
    for job in manifest.jobs:
        if job.schedule is None or not job.enabled:
            continue
        body = _body(job)
        window = job.schedule.flexible_window or timedelta()
        chance = Random(f"{seed}:{job.name}")  # its own: no other job changes anything of it
        for moment in instants(job.schedule, start, end):
            at = moment + chance.randrange(int(window.total_seconds())) * _SECOND if window else moment
            found.append(Fired(at, job.queue.name, f'{body[:-1]},"scheduled_at":"{instant_text(moment)}"}}'))
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


def _body(job: Job[Any]) -> str:
    """Its message without the instant."""
    return Envelope(job=job.name, payload=payload_of(job), digest=payload_digest(job.payload), post=job.post).encode()
