"""Which jobs one rule or schedule can make due, as tables like those of `rota_cdk.validation`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rota.manifest import Job, Manifest
from rota.targets import Queue
from rota_cdk import validation
from rota_cdk.fanout_trigger import FanoutTrigger
from rota_cdk.job_queue import JobQueue
from rota_cdk.validation import Limit

Jobs = tuple[Job[Any], ...]


def groups(manifest: Manifest, together: Sequence[Sequence[str]]) -> tuple[Jobs, ...]:
    """The jobs of `manifest` that have a schedule, in its order: those of each of `together` in the order given there,
    for what makes them due is called by the first of them; any other by itself.

    Raises `SynthError` for a name that is none of these, or stands in two groups, and for one that CDK cannot take.
    """
    validation.check(f"manifest {manifest.name!r}: together", [together], _GROUPS)
    scheduled = {job.name: job for job in manifest.jobs if job.schedule is not None}
    names = [name for group in together for name in group]
    validation.check(f"manifest {manifest.name!r}: together", (names, scheduled), _NAMES)
    first = {name: group[0] for group in together for name in group}
    place = {name: number for number, name in enumerate(names)}
    found: dict[str, list[Job[Any]]] = {}
    for job in scheduled.values():
        found.setdefault(first.get(job.name, job.name), []).append(job)
    validation.check(f"manifest {manifest.name!r}", [group[0].name for group in found.values()], _IDS)
    return tuple(tuple(sorted(group, key=lambda job: place.get(job.name, 0))) for group in found.values())


_TAKEN = "constructor"

_IDS: Sequence[Limit[list[str]]] = (
    Limit(
        lambda names: _TAKEN in names,
        lambda _: (
            f"job {_TAKEN!r} would be a construct of that name, and JavaScript, in which CDK is written, finds "
            "something of its own under it in any object; give the job another name"
        ),
    ),
)
"""Of the jobs that give constructs their ids. Of all that an object of JavaScript has from the start, this is the one
that a job may be called; the rest have upper case or underscores."""

SEVERAL: Sequence[Limit[Jobs]] = (
    Limit(
        lambda jobs: not jobs or not all(isinstance(job, Job) for job in jobs),
        lambda jobs: f"job must be a Job, or several of them; got {list(jobs)!r}",
    ),
)

ALIKE: Sequence[Limit[Jobs]] = (
    Limit(
        lambda jobs: len({job.name for job in jobs}) < len(jobs),
        lambda _: "one of them is given twice; once is enough",
    ),
    Limit(
        lambda jobs: any(job.schedule != jobs[0].schedule for job in jobs),
        lambda jobs: (
            "they cannot be due together, for their schedules differ: "
            + ", ".join(f"{job.name!r} has {job.schedule!r}" for job in jobs)
            + "; give them one, or a ScheduledJob each"
        ),
    ),
    Limit(
        lambda jobs: len({job.enabled for job in jobs}) > 1,
        lambda jobs: (
            "they cannot be due together, for "
            + " and ".join(repr(job.name) for job in jobs if not job.enabled)
            + " is not enabled and the rest is; enable all of them or none, or give each a ScheduledJob"
        ),
    ),
    Limit(
        lambda jobs: len(jobs) > 1 and any(isinstance(job.target, Queue) for job in jobs),
        lambda jobs: (
            "they cannot be due together, for "
            + " and ".join(repr(job.name) for job in jobs if isinstance(job.target, Queue))
            + " has a queue as its target, and workers take one job a message; that is for jobs of endpoints"
        ),
    ),
)

ONE_OF_TWO: Sequence[Limit[tuple[JobQueue | None, FanoutTrigger | None, Job[Any]]]] = (
    Limit(
        lambda given: (given[0] is None) == (given[1] is None),
        lambda given: (
            "give either queue= or trigger=, here "
            + ("queue=, the JobQueue of" if isinstance(given[2].target, Queue) else "trigger=, the FanoutTrigger of")
            + f" its target; got {'neither' if given[0] is None else 'both'}"
        ),
    ),
)

_GROUPS: Sequence[Limit[list[Sequence[Sequence[str]]]]] = (
    Limit(
        lambda given: _stray(given[0]) is not None,
        lambda given: (
            f"it must hold groups of names, and {_stray(given[0])!r} is a name; give "
            f"together=[{[given[0]] if isinstance(given[0], str) else list(given[0])!r}]"
        ),
    ),
)
"""Of all groups, in a list: a text is a sequence of texts as well."""


def _stray(groups: Sequence[Sequence[str]]) -> str | None:
    return next((each for each in (groups, *groups) if isinstance(each, str)), None)


_NAMES: Sequence[Limit[tuple[list[str], Mapping[str, Job[Any]]]]] = (
    Limit(
        lambda given: any(name not in given[1] for name in given[0]),
        lambda given: (
            "no job with a schedule is called "
            + " or ".join(repr(name) for name in given[0] if name not in given[1])
            + f"; there are {', '.join(map(repr, given[1])) or 'none'}"
        ),
    ),
    Limit(
        lambda given: len(set(given[0])) < len(given[0]),
        lambda given: f"job {Counter(given[0]).most_common(1)[0][0]!r} is named more than once; once is enough",
    ),
)
