"""What will run when, as a text file beside the tests: in a pull request, a change of a schedule shows what it does."""

import difflib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rota.argv import argv_text
from rota.cli.times import FROM_DEPLOY, counts_from_deploy, spell_schedule
from rota.manifest import Job, Manifest
from rota.occurrences import payload_of
from rota.schedules import Schedule
from rota.testing import options
from rota.testing.spelling import spell_exactly, spell_execution

SINCE = datetime(2027, 1, 1, tzinfo=UTC)
"""From when on occurrences are listed unless told otherwise: a fixed instant, or the file would change by itself."""

HOW = "pytest --rota-update"


def assert_schedule_snapshot(
    manifest: Manifest, path: str | Path, *, since: datetime = SINCE, count: int = 3, update: bool | None = None
) -> None:
    """Fails if what will run when is not what the file at `path` says: each job with its target, input, schedule,
    window, next occurrences, and what else of its declaration decides how it runs, where that is not the default.

    `since`, aware, is from when on `count` occurrences are listed; a fixed instant, 2027 begins unless given.
    `pytest --rota-update` writes the file, and `update=True` does; a file that is not there fails without it.

    Raises `AssertionError` with the difference and the way out.
    """
    __tracebackhide__ = True
    path = Path(path)
    shown = str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    text = schedule_snapshot(manifest, since=since, count=count)
    if options.update_snapshots if update is None else update:
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return
    if not path.exists():
        raise AssertionError(f"there is no snapshot {shown}; make it with `{HOW}`, read it, and commit it")
    before = path.read_text(encoding="utf-8")
    if before != text:
        named = (shown, f"manifest {manifest.name!r} now")
        found = difflib.unified_diff(before.splitlines(), text.splitlines(), *named, lineterm="")
        raise AssertionError(
            f"what will run when has changed:\n\n{_lines(found)}\n\nif it is meant so: `{HOW}`, and commit {shown}"
        )


def schedule_snapshot(manifest: Manifest, *, since: datetime = SINCE, count: int = 3) -> str:
    """The text of that file: jobs by name, a line for each thing that is said of one."""
    head = (
        f"# What will run when: manifest {manifest.name!r}, {count} occurrences a job from {since.isoformat()} on.\n"
        f"# Written by `{HOW}`; review its changes as you review code.\n"
    )
    blocks = [_block(job, since, count) for job in sorted(manifest.jobs, key=lambda job: job.name)]
    return "\n".join([head, *blocks])


def _block(job: Job[Any], since: datetime, count: int) -> str:
    return f"{job.name}\n{_lines(f'  {name:<9} {said}' for name, said in _said(job, since, count))}\n"


def _said(job: Job[Any], since: datetime, count: int) -> Iterator[tuple[str, str]]:
    if job.command:
        yield "command", argv_text(job.command)
    elif job.handler:
        yield "handler", job.handler
    kind = "endpoint" if job.endpoints else "queue"
    yield "target", f"{kind} {', '.join(target.name for target in job.targets)}"
    if job.input is not None:
        yield "input", json.dumps(payload_of(job), ensure_ascii=False)
    yield from spell_execution(job)
    schedule = job.schedule
    if schedule is None:
        yield "schedule", "none: it runs when it is enqueued"
        return
    yield "schedule", spell_schedule(schedule)
    yield "zone", schedule.time_zone
    for expression in schedule.aws_expressions():
        yield "aws", expression
    yield from _window(schedule)
    if job.catch_up != "all":
        yield "catch up", job.catch_up
    if job.start_deadline is not None:
        yield "deadline", spell_exactly(job.start_deadline)
    if not job.enabled:
        yield "enabled", "no"
    if counts_from_deploy(schedule):
        yield "next", f"{FROM_DEPLOY}: only AWS knows"
        return
    zone = ZoneInfo(schedule.time_zone)
    due = [f"{moment.astimezone(zone):%a %Y-%m-%d %H:%M:%S %z}" for moment in islice(_due(schedule, since), count)]
    for number, said in enumerate(due or ["never"]):
        yield "" if number else "next", said


def _window(schedule: Schedule) -> Iterator[tuple[str, str]]:
    for name, moment in (("start", schedule.start), ("end", schedule.end)):
        if moment is not None:
            yield name, moment.isoformat()
    excluding: Any = schedule.excluding
    if isinstance(excluding, frozenset):
        for day in sorted(excluding):
            yield "excluding", f"{day:%a %Y-%m-%d}"
    else:
        # By its name: an address in memory would be another each time.
        named = excluding if hasattr(excluding, "__qualname__") else type(excluding)
        yield "excluding", f"{named.__module__}:{named.__qualname__}"
    for name, duration in (("jitter", schedule.jitter), ("flexible", schedule.flexible_window)):
        if duration is not None:
            yield name, f"up to {spell_exactly(duration)}"


def _due(schedule: Schedule, since: datetime) -> Iterator[datetime]:
    moment = schedule.next(since - timedelta(microseconds=1))
    while moment is not None:
        yield moment
        moment = schedule.next(moment)


def _lines(lines: Iterator[str]) -> str:
    return "\n".join(line.rstrip() for line in lines)
