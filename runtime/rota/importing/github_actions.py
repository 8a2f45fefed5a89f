"""Reads workflows of GitHub Actions that run on a schedule: a job for each of their jobs and crons.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
"""

import shlex
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from rota.exclusion import Overlap
from rota.importing.documents import documents, duration, items, mapping, names, others
from rota.importing.found import CronText, Found, FoundJob, Remark, within_limits

_SHELLS = {
    None: ("bash", "-e", "-c"),
    "bash": ("bash", "-eo", "pipefail", "-c"),
    "sh": ("sh", "-e", "-c"),
}
"""How steps are run, by the `shell` they name."""


def read_github(text: str, *, source: str) -> Found:
    """The scheduled jobs of a workflow. Raises `UnreadableError` for what is not YAML."""
    found: list[FoundJob | Remark] = []
    for document in documents(text, source=source):
        workflow = mapping(document)
        triggers = mapping(workflow.get("on", workflow.get(True)))  # YAML 1.1 reads `on` as True
        schedules = [mapping(each) for each in items(triggers.get("schedule"))]
        if not schedules:
            found.append(Remark(source, "is no workflow with on.schedule, and not read"))
            continue
        if also := [name for name in names(triggers) if name != "schedule"]:
            found.append(Remark(source, f"it is also run on {', '.join(also)}; enqueue its jobs where that is wanted"))
        if rest := others(workflow, "on", True, "name", "jobs", "concurrency", "defaults", "permissions", "run-name"):
            found.append(Remark(source, f"not carried: of the workflow {', '.join(rest)}"))
        name = str(workflow.get("name") or source.rsplit("/", 1)[-1].removesuffix(".yml").removesuffix(".yaml"))
        jobs = mapping(workflow.get("jobs"))
        for key, job in jobs.items():
            title = name if len(jobs) == 1 else f"{name} {key}"
            found += [_job(workflow, mapping(job), f"{source}: job {key!r}", title, each) for each in schedules]
    return tuple(found)


def _job(workflow: dict[Any, Any], job: dict[Any, Any], place: str, title: str, schedule: dict[Any, Any]) -> FoundJob:
    expression, zone = str(schedule.get("cron", "")), str(schedule.get("timezone") or "UTC")
    command, problem, remarks = _command(workflow, job)
    concurrency = job.get("concurrency", workflow.get("concurrency"))
    if concurrency:
        remarks.append("its concurrency group became a lock of this job alone; for one that jobs share: Lock(key=...)")
    return within_limits(
        FoundJob(
            place=place,
            source=expression if zone == "UTC" else f"{expression} {zone}",
            name=title,
            when=CronText(expression=expression, time_zone=zone),
            command=command,
            attempts=1,
            timeout=duration(job.get("timeout-minutes"), timedelta(minutes=1)),
            overlap=_overlap(concurrency) if concurrency else None,
            only_latest=True,
            description=str(job.get("name") or ""),
            remarks=(*remarks, *_not_carried(job)),
            problem=problem,
        )
    )


def _overlap(concurrency: Any) -> Overlap:
    return "cancel_running" if mapping(concurrency).get("cancel-in-progress") is True else "wait"


def _command(workflow: dict[Any, Any], job: dict[Any, Any]) -> tuple[tuple[str, ...], str | None, list[str]]:
    """The argv of its `run:` steps, what is wrong with it, and what is left of the steps."""
    steps = [(_title(number, mapping(step)), mapping(step)) for number, step in enumerate(items(job.get("steps")), 1)]
    uses = [str(step["uses"]) for _, step in steps if "uses" in step]
    conditional = [title for title, step in steps if "run" in step and "if" in step]
    runs = [(title, step) for title, step in steps if "run" in step and "if" not in step]
    remarks = [f"not carried: {', '.join(uses)}"] if uses else []
    remarks += [f"{title} is not carried, for it has an if" for title in conditional]
    remarks += [
        f"{title}: not carried: {', '.join(rest)}"
        for title, step in runs
        if (rest := others(step, "name", "id", "run", "shell", "working-directory"))
    ]
    defaults = {**_defaults(workflow), **_defaults(job)}
    usual = "pwsh" if "windows" in str(job.get("runs-on")) else None
    named = [step.get("shell", defaults.get("shell", usual)) for _, step in runs]
    shells = {None if shell is None else str(shell) for shell in named}
    script = _script([{**defaults, **step} for _, step in runs])
    if not runs:
        return (), "it has no run: steps that could be a command; write one, or a handler", remarks
    if len(shells) > 1 or not shells <= set(_SHELLS):
        return (), f"its steps are for {', '.join(sorted(map(str, shells)))}: write its command", remarks
    if title := next((title for title, step in runs if "${{" in _script([{**defaults, **step}])), None):
        return ("sh", "-c", script), f"GitHub fills in ${{{{ }}}} in {title}: write what it stands for", remarks
    return (*_SHELLS[shells.pop()], script), None, remarks


def _title(number: int, step: dict[Any, Any]) -> str:
    return f"step {number} ({step['name']})" if "name" in step else f"step {number}"


def _defaults(of: dict[Any, Any]) -> dict[Any, Any]:
    return mapping(mapping(of.get("defaults")).get("run"))


def _script(steps: list[dict[Any, Any]]) -> str:
    """The steps as one script: in a shell of its own each, for a `cd` is forgotten at its end."""
    scripts = []
    for step in steps:
        folder = step.get("working-directory")
        lines = [f"cd {shlex.quote(str(folder))}"] if folder else []
        scripts.append("\n".join([*lines, str(step["run"]).strip("\n")]))
    return scripts[0] if len(scripts) == 1 else "\n".join(f"(\n{script}\n)" for script in scripts)


def _not_carried(job: dict[Any, Any]) -> Iterator[str]:
    known = ("name", "steps", "timeout-minutes", "concurrency", "defaults", "permissions", "runs-on", "needs")
    runner = [f"runs-on: {job['runs-on']}"] if "runs-on" in job else []
    if rest := runner + others(job, *known):
        yield f"not carried: {', '.join(rest)}"
    if needs := job.get("needs"):
        said = needs if isinstance(needs, str) else ", ".join(map(str, items(needs)))
        yield f"it needs {said}, and is due at the same time: make one job of them, or enqueue it at the end of that"
