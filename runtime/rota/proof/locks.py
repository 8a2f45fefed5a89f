"""Starts of one lock that collide: more at one minute than it has places."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from rota import payloads
from rota.exclusion import Lock, fill
from rota.manifest import Job
from rota.proof.finding import MOST, Finding
from rota.proof.spelling import clock, utc
from rota.schedules import Schedule
from rota.starts import Moment, Runs, datetime_of, starts_of
from rota.targets import Endpoint, EveryServer, Queue

_OVERLAPS = {
    "skip": "is skipped if it comes later",
    "wait": "waits if it comes later, as the only one",
    "cancel_running": "if it comes later, tells the one that runs to stop",
}


def collisions(jobs: Iterable[Job[Any]], runs: Mapping[Schedule, Runs]) -> Iterator[Finding]:
    """The minutes at which more runs of one lock start than its limit, a finding for each set of jobs that do. `runs`
    are those of each of the jobs' schedules.

    Keys are those of occurrences: the fields in braces are filled in from the job's input. A job starts once a target;
    of `EveryServer` that is as if there were one server. `jitter` is counted in, for it follows from the run's id;
    a `flexible_window` is not, for only AWS knows it. How long runs last nobody knows here.
    """
    groups: defaultdict[tuple[str | None, str], list[Job[Any]]] = defaultdict(list)
    for job in jobs:
        for place in _keys(job):
            groups[place].append(job)
    for (_, key), members in groups.items():
        limit = members[0].lock.limit if members[0].lock else 1
        if len(members) > limit:
            yield from _of_one_lock(key, limit, members, runs)


def _keys(job: Job[Any]) -> Iterator[tuple[str | None, str]]:
    """The locks that an occurrence of it takes, each as often as it does."""
    lock = job.lock
    targets = [target for target in job.targets if lock and _has_ledger(target)]
    if lock is None or not targets:
        return
    payload = None
    if job.payload is not None:
        payload = payloads.decode(job.payload, {}) if job.input is None else job.input
    several = len(job.targets) > 1 or isinstance(job.target, EveryServer)
    for target in targets:
        # A key that the user has named is shared by all who name it; a job's own keeps no target from another.
        key = f"{job.lock_key}@{target.name}" if several and lock.key is None else job.lock_key
        yield lock.provider, fill(key, payload)


def _has_ledger(target: Queue | Endpoint | EveryServer) -> bool:
    endpoint = target.endpoint if isinstance(target, EveryServer) else target
    return isinstance(endpoint, Queue) or endpoint.ledger


def _of_one_lock(key: str, limit: int, members: Sequence[Job[Any]], runs: Mapping[Schedule, Runs]) -> Iterator[Finding]:
    starts = [set(starts_of(job, runs[job.schedule])) for job in members if job.schedule]
    counts = Counter(chain.from_iterable(starts))
    full = sorted(minute for minute, count in counts.items() if count > limit)
    together: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for minute in full:
        together[tuple(place for place, minutes in enumerate(starts) if minute in minutes)].append(minute)
    for places, minutes in together.items():
        yield _finding(key, limit, [members[place] for place in places], minutes)


def _finding(key: str, limit: int, jobs: Sequence[Job[Any]], minutes: Sequence[int]) -> Finding:
    names = tuple(dict.fromkeys(job.name for job in jobs))
    zones = {job.schedule.time_zone for job in jobs if job.schedule}
    zone = zones.pop() if len(zones) == 1 else "UTC"
    tz = ZoneInfo(zone)
    moments = tuple(
        Moment(moment.astimezone(tz).replace(tzinfo=None), moment) for moment in map(datetime_of, minutes[:MOST])
    )
    locks = {job.name: job.lock for job in jobs if job.lock}
    told = "; ".join(f"{name} {_overlap(lock)}" for name, lock in locks.items())
    flexible = [job.name for job in jobs if job.schedule and job.schedule.flexible_window]
    unknown = f" (not counted: what flexible_window does to {', '.join(flexible)})" if flexible else ""
    return Finding(
        kind="collision",
        jobs=names,
        zone=zone,
        moments=moments,
        count=len(minutes),
        what=f"{len(jobs)} starts of lock {key!r}, which has {limit} {'place' if limit == 1 else 'places'}, "
        f"{_when(moments, minutes, zone)}: {told}{unknown}",
        instead=f'another minute for one of them, Lock(limit={len(jobs)}), or overlap="wait" if each is to run'
        if len(jobs) == limit + 1
        else f"other minutes for {len(jobs) - limit} of them, or Lock(limit={len(jobs)})",
    )


def _overlap(lock: Lock) -> str:
    return _OVERLAPS[lock.overlap]


def _when(moments: Sequence[Moment], minutes: Sequence[int], zone: str) -> str:
    first = f"{clock(moments[0].wall)} {zone}" + ("" if zone == "UTC" else f" ({utc(moments[0].at)})")
    if len(minutes) == 1:
        return f"at {first}"
    last = datetime_of(minutes[-1]).astimezone(ZoneInfo(zone))
    at = sorted({f"{moment.wall:%H:%M}" for moment in moments})
    daily = f" at {', '.join(at)}" if len(at) <= 4 else ""
    return f"{len(minutes)} times{daily}, from {first} to {clock(last)}"
