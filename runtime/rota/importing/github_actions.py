"""Reads workflows of GitHub Actions that run on a schedule: a job for each of their jobs and crons.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

from rota.errors import ScheduleError
from rota.exclusion import Overlap
from rota.importing.cron_fields import with_ends
from rota.importing.documents import duration, items, mapping, names, others, texts
from rota.importing.found import CronText, Found, FoundJob, Remark, within_limits
from rota.importing.github_steps import is_conditional, read_steps
from rota.schedules import Cron

_SOME_YEARS = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
_SHORTEST = timedelta(minutes=5)
"""https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#schedule"""
_MINUTES_OF_A_DAY = 1440


def read_github(text: str, *, source: str) -> Found:
    """The scheduled jobs of a workflow. Raises `UnreadableError` for what is not YAML."""
    found: list[FoundJob | Remark] = []
    for document in texts(text, source=source):
        workflow = mapping(document)
        triggers = mapping(workflow.get("on"))
        schedules = [mapping(each) for each in items(triggers.get("schedule"))]
        if not schedules:
            found.append(Remark(source, "is no workflow with on.schedule, and not read"))
            continue
        if also := [name for name in names(triggers) if name != "schedule"]:
            found.append(Remark(source, f"it is also run on {', '.join(also)}; enqueue its jobs where that is wanted"))
        if rest := others(workflow, "on", "name", "jobs", "concurrency", "defaults", "permissions", "run-name"):
            found.append(Remark(source, f"not carried: of the workflow {', '.join(rest)}"))
        name = str(workflow.get("name") or source.rsplit("/", 1)[-1].removesuffix(".yml").removesuffix(".yaml"))
        jobs = mapping(workflow.get("jobs"))
        for key, job in jobs.items():
            title = name if len(jobs) == 1 else f"{name} {key}"
            found += [_job(workflow, mapping(job), f"{source}: job {key!r}", title, each) for each in schedules]
    return tuple(found)


def _job(workflow: dict[Any, Any], job: dict[Any, Any], place: str, title: str, schedule: dict[Any, Any]) -> FoundJob:
    expression, zone = str(schedule.get("cron", "")), str(schedule.get("timezone") or "UTC")
    when = CronText(expression=with_ends(expression), time_zone=zone)
    steps = read_steps(workflow, job)
    problem = _schedule_problem(expression, when) or _needs_problem(job) or steps.problem
    if is_conditional(job):
        problem = f"it runs only if {job['if']}, which GitHub decides: if that is so on a schedule, write it without if"
    remarks = list(steps.remarks)
    if not problem and any(instant is None for _, instant in _times(when)):
        remarks.append(
            "at a time that a change of clocks skips GitHub ran it at the next that there is; here it does not run then"
        )
    concurrency = job.get("concurrency", workflow.get("concurrency"))
    if concurrency:
        remarks.append("its concurrency group became a lock of this job alone; for one that jobs share: Lock(key=...)")
    timeout = _minutes(job.get("timeout-minutes"))
    if "timeout-minutes" in job and timeout is None:
        remarks.append(f"not carried: timeout-minutes, which is {job['timeout-minutes']!r}; write the timeout")
    return within_limits(
        FoundJob(
            place=place,
            source=expression if zone == "UTC" else f"{expression} {zone}",
            name=title,
            when=when,
            command=steps.command,
            attempts=1,
            timeout=timeout,
            overlap=_overlap(concurrency) if concurrency else None,
            only_latest=True,
            description=str(job.get("name") or ""),
            remarks=(*remarks, *_not_carried(job)),
            problem=problem,
        )
    )


def _schedule_problem(expression: str, when: CronText) -> str | None:
    """Why GitHub did not run it at the times of its cron."""
    if expression.startswith("@"):
        return f"its cron is {expression!r}, at which GitHub never ran it: write the time as five fields"
    of_a_day = islice(_times(when), _MINUTES_OF_A_DAY)
    if any(later - earlier < _SHORTEST for (earlier, _), (later, _) in pairwise(of_a_day)):
        return (
            f"its cron is {expression!r}, and GitHub runs nothing more often than every 5 minutes: write what is meant"
        )
    return None


def _needs_problem(job: dict[Any, Any]) -> str | None:
    """Why it cannot be due by itself: GitHub ran it after others, and not where one of them failed."""
    needs = job.get("needs")
    if not needs:
        return None
    said = needs if isinstance(needs, str) else ", ".join(map(str, items(needs)))
    return f"it needs {said}, after which GitHub ran it: make one job of them, or enqueue it at the end of that"


def _times(when: CronText) -> Iterator[tuple[datetime, datetime | None]]:
    """Its times over some years, as `Cron.wall_times` gives them; none of what is no Cron, and left out for that."""
    try:
        return Cron(when.expression, time_zone=when.time_zone).wall_times(*_SOME_YEARS)
    except ScheduleError:
        return iter(())


def _minutes(value: Any) -> timedelta | None:
    try:
        return duration(float(value), timedelta(minutes=1))
    except (TypeError, ValueError):
        return None


def _overlap(concurrency: Any) -> Overlap:
    in_progress = str(mapping(concurrency).get("cancel-in-progress")).lower()
    return "cancel_running" if in_progress == "true" else "wait"


def _not_carried(job: dict[Any, Any]) -> Iterator[str]:
    known = ("name", "steps", "timeout-minutes", "concurrency", "defaults", "permissions", "runs-on", "needs", "if")
    runner = [f"runs-on: {job['runs-on']}"] if "runs-on" in job else []
    if rest := runner + others(job, *known):
        yield f"not carried: {', '.join(rest)}"
