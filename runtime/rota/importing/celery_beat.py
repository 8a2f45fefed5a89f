"""Reads the beat schedule of a Celery application, from its objects: without Celery in sight, by the names they have.

https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html
"""

import inspect
import re
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from rota.importing.found import CronText, Found, FoundJob, Remark, UnreadableError, When, within_limits

_PLAIN = re.compile(r"\*(/[0-9]+)?|([0-9]+(-[0-9]+)?|[a-z]{3}(-[a-z]{3})?)(,([0-9]+(-[0-9]+)?|[a-z]{3}(-[a-z]{3})?))*")
"""What cron reads as Celery does."""

_FIELDS = {
    "minute": range(60),
    "hour": range(24),
    "day_of_month": range(1, 32),
    "month_of_year": range(1, 13),
    "day_of_week": range(7),
}


def read_celery(app: Any, *, where: str, time_zone: str | None = None) -> Found:
    """The jobs of `app.conf.beat_schedule`, that is those in the code: a scheduler that keeps them in a database is not
    asked. `where` names the app; `time_zone` is the zone where the app names none.

    Raises `UnreadableError` for what is no Celery application.
    """
    entries = getattr(getattr(app, "conf", None), "beat_schedule", None)
    if not isinstance(entries, Mapping):
        raise UnreadableError(
            f"{where!r} is of type {type(app).__name__}, and no Celery application with a beat_schedule"
        )
    app.loader.import_default_modules()  # what `include` and autodiscovery name
    zone = str(app.conf.timezone or time_zone or app.timezone)
    found: list[FoundJob | Remark] = [_job(app, str(key), entry, zone) for key, entry in entries.items()]
    if app.conf.task_routes:
        found.insert(0, Remark(where, "task_routes are not read; put jobs on other queues by target="))
    return tuple(found)


def _job(app: Any, key: str, entry: Mapping[str, Any], zone: str) -> FoundJob:
    task_name, schedule, options = entry["task"], entry["schedule"], dict(entry.get("options") or {})
    task = app.tasks.get(task_name)
    when = _when(schedule, zone)
    remarks = []
    if isinstance(when, CronText) and when.only_days:
        remarks.append("Celery means days that fit both day fields, so the others are excluded")
    problem: str | None
    if when is None:
        problem = f"its schedule is {schedule!r}, which has no equal here; take a Cron that is near enough"
    else:
        problem = _task_problem(task, task_name, entry)
    queue, expires = options.pop("queue", None), options.pop("expires", None)
    if expires is not None and not isinstance(expires, int | float | timedelta):
        options["expires"] = expires
    if options:
        remarks.append(f"options not carried: {', '.join(f'{name}={value!r}' for name, value in options.items())}")
    attempts = 1
    if getattr(task, "autoretry_for", ()):
        attempts = 100 if task.max_retries is None else task.max_retries + 1
        remarks.append("it retries by itself in Celery alone; rota does it for any exception, with waits of its own")
    return within_limits(
        FoundJob(
            place=f"beat_schedule[{key!r}]",
            source=f"{task_name}, {schedule!r}",
            name=key,
            when=when,
            handler=_handler(task) or ":".join(task_name.rpartition(".")[::2]),
            queue=str(getattr(queue, "name", queue)) if queue else None,
            attempts=attempts,
            timeout=_interval(_time_limit(app, task)),
            start_deadline=None if "expires" in options else _interval(expires),
            remarks=tuple(remarks),
            problem=problem,
        )
    )


def _time_limit(app: Any, task: Any) -> Any:
    of_task = getattr(task, "time_limit", None) or getattr(task, "soft_time_limit", None)
    return of_task or app.conf.task_time_limit or app.conf.task_soft_time_limit


def _when(schedule: Any, zone: str) -> When | None:
    if hasattr(schedule, "_orig_minute"):
        return _cron(schedule, zone)
    # A number of seconds, a timedelta, or Celery's `schedule`, which holds one.
    return _interval(getattr(schedule, "run_every", schedule))


def _cron(schedule: Any, zone: str) -> CronText:
    fields = {name: _field(schedule, name, whole) for name, whole in _FIELDS.items()}
    days: tuple[int, ...] = ()
    if fields["day_of_month"] != "*" and fields["day_of_week"] != "*":
        # Celery means days that fit both; cron(8) those that fit either.
        days, fields["day_of_month"] = tuple(sorted(schedule.day_of_month)), "*"
    return CronText(expression=" ".join(fields.values()), time_zone=zone, only_days=days)


def _field(schedule: Any, name: str, whole: range) -> str:
    """A field as it was written, where cron reads it alike; else the numbers it means."""
    written, values = str(getattr(schedule, f"_orig_{name}")), set(getattr(schedule, name))
    if values == set(whole):
        return "*"
    return written if _PLAIN.fullmatch(written) else ",".join(map(str, sorted(values)))


def _interval(value: Any) -> timedelta | None:
    if isinstance(value, timedelta):
        return value
    return timedelta(seconds=value) if isinstance(value, int | float) else None


def _handler(task: Any) -> str | None:
    """The function of a task by its module and name, if it is found there."""
    function = getattr(task, "run", None)
    name = getattr(function, "__name__", "")
    module = sys.modules.get(getattr(task, "__module__", ""))
    return f"{task.__module__}:{name}" if callable(getattr(module, name, None)) else None


def _task_problem(task: Any, name: str, entry: Mapping[str, Any]) -> str | None:
    if task is None:
        return f"the application has no task {name!r}; name the function as handler"
    if not _handler(task):
        return f"task {name!r} is no function of a module: write one that does what it does, and name it as handler"
    called = [repr(value) for value in entry.get("args") or ()]
    called += [f"{key}={value!r}" for key, value in (entry.get("kwargs") or {}).items()]
    needed = [
        parameter
        for parameter in inspect.signature(task.run).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if called or needed:
        return (
            f"it is called as {task.run.__name__}({', '.join(called)}), and a handler takes a payload or nothing: "
            "write a function without parameters that calls it so, and name that as handler"
        )
    return None
