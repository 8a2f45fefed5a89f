"""Starts of one lock that collide: more at one minute than it has places."""

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from rota import payloads
from rota.exclusion import Lock, fill
from rota.manifest import Job
from rota.proof.finding import MOST, Finding
from rota.proof.places import Starts, full
from rota.proof.spelling import clock, span, utc
from rota.schedules import Schedule
from rota.starts import Moment, Runs, datetime_of, starts_of
from rota.targets import Endpoint, EveryServer, Queue

_MINUTE = timedelta(minutes=1)
_NEVER = 1 << 31
MAX_LIMIT = 100
"""Of a lock's places."""
_OVERLAPS = {
    "skip": "is skipped if it comes later",
    "wait": "waits if it comes later, as the only one",
    "cancel_running": "if it comes later, tells the one that runs to stop",
}


def collisions(jobs: Iterable[Job[Any]], runs: Mapping[Schedule, Runs]) -> Iterator[Finding]:
    """The minutes at which more runs of one lock want a place than it has, a finding for each set of jobs that do; of
    jobs with a `jitter`, by which any may meet any, one for all. `runs` are those of each of the jobs' schedules.

    Keys are those of occurrences: the fields in braces are filled in from the job's input. A job starts once a target;
    of `EveryServer` that is as if there were one server. `jitter` is counted in, for it follows from the run's id;
    a `flexible_window` is not, for only AWS knows it. How long runs last nobody knows here: at least `hold_at_least`.
    Where all members wait, one that waits is no finding, but a second one is, for it is skipped.
    """
    groups: defaultdict[tuple[str | None, str], list[Job[Any]]] = defaultdict(list)
    for job in jobs:
        for place in _keys(job):
            groups[place].append(job)
    shortest: dict[Schedule, int] = {}
    for (_, key), members in groups.items():
        limit = members[0].lock.limit if members[0].lock else 1
        if len(members) > limit or any(_meets_itself(job, runs, shortest) for job in members):
            yield from _of_one_lock(key, limit, members, runs)


def _meets_itself(job: Job[Any], runs: Mapping[Schedule, Runs], shortest: dict[Schedule, int]) -> bool:
    """Whether one of its runs may find the lock taken by another one, for jitter or `hold_at_least`."""
    schedule, hold = job.schedule, _hold(job)
    if schedule is None or (schedule.jitter is None and not hold):
        return False
    if schedule not in shortest:
        shortest[schedule] = min(
            (after - before for before, after in pairwise(runs[schedule].instants)), default=_NEVER
        )
    return (schedule.jitter or timedelta()) / _MINUTE + max(hold, 1) > shortest[schedule]


def _hold(job: Job[Any]) -> int:
    """The minutes of its `hold_at_least`, rounded up."""
    return math.ceil(job.lock.hold_at_least / _MINUTE) if job.lock else 0


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
    starts = [Starts(starts_of(job, runs[job.schedule]), _hold(job)) for job in members if job.schedule]
    waits = all(job.lock and job.lock.overlap == "wait" for job in members)
    by_chance = any(job.schedule and job.schedule.jitter for job in members)
    meetings: defaultdict[tuple[int, ...], _Meeting] = defaultdict(_Meeting)
    for minute, who in full(starts, limit, waits=waits):
        meeting = meetings[() if by_chance else who]
        meeting.minutes.append(minute)
        meeting.members.update(who)
        meeting.counts.add(len(who))
    for meeting in meetings.values():
        yield _finding(key, limit, meeting, [members[place] for place in sorted(meeting.members)])


@dataclass
class _Meeting:
    """Members of a lock that find it full."""

    minutes: "array[int]" = field(default_factory=lambda: array("i"))
    members: set[int] = field(default_factory=set)
    counts: set[int] = field(default_factory=set)
    """How many want a place at once."""


def _finding(key: str, limit: int, meeting: _Meeting, jobs: Sequence[Job[Any]]) -> Finding:
    zones = {job.schedule.time_zone for job in jobs if job.schedule}
    zone = zones.pop() if len(zones) == 1 else "UTC"
    tz = ZoneInfo(zone)
    moments = tuple(
        Moment(moment.astimezone(tz).replace(tzinfo=None), moment)
        for moment in map(datetime_of, meeting.minutes[:MOST])
    )
    most = max(meeting.counts)
    upto = "up to " if len(meeting.counts) > 1 else ""
    locks = {job.name: job.lock for job in jobs if job.lock}
    told = "; ".join(f"{name} {_overlap(lock)}" for name, lock in locks.items())
    hold = max(lock.hold_at_least for lock in locks.values())
    held = f" (each taken for at least {span(hold)})" if hold else ""
    flexible = [job.name for job in jobs if job.schedule and job.schedule.flexible_window]
    unknown = f" (not counted: what flexible_window does to {', '.join(flexible)})" if flexible else ""
    return Finding(
        kind="collision",
        jobs=tuple(locks),
        zone=zone,
        moments=moments,
        count=len(meeting.minutes),
        what=f"{upto}{most} starts of lock {key!r}, which has {limit} {'place' if limit == 1 else 'places'}{held}, "
        f"{_when(moments, meeting.minutes, zone)}: {told}{unknown}",
        instead=_instead(jobs, locks, most, limit),
    )


def _instead(jobs: Sequence[Job[Any]], locks: Mapping[str, Lock], most: int, limit: int) -> str:
    """What keeps them apart. Not what they have already, and no more places than a lock may have."""
    ways = []
    if len(locks) > 1:
        ways.append(
            "another minute for one of them" if most == limit + 1 else f"other minutes for {most - limit} of them"
        )
    elif len(jobs) > 1:
        ways.append("a lock without a key, of which each target has its own")
    if any(job.schedule and job.schedule.jitter for job in jobs):
        ways.append("less jitter")
    if any(lock.hold_at_least for lock in locks.values()):
        ways.append("less hold_at_least")
    if most <= MAX_LIMIT:
        ways.append(f"Lock(limit={most})")
    impatient = [name for name, lock in locks.items() if lock.overlap != "wait"]
    if impatient and most == limit + 1:
        ways.append(f'overlap="wait" for {" and ".join(impatient)} if each is to run')
    return ways[0] if len(ways) == 1 else f"{', '.join(ways[:-1])}, or {ways[-1]}"


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
