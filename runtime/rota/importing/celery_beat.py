"""Reads the beat schedule of a Celery application, from its objects: without Celery in sight, by the names they have.

https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from rota.importing.celery_tasks import handler_of, task_problem
from rota.importing.found import CronText, Found, FoundJob, Remark, UnreadableError, When, counted_anew, within_limits

_PLAIN = re.compile(r"\*(/[0-9]+)?|([0-9]+(-[0-9]+)?|[a-z]{3}(-[a-z]{3})?)(,([0-9]+(-[0-9]+)?|[a-z]{3}(-[a-z]{3})?))*")
"""What cron reads as Celery does."""

_FIELDS = {
    "minute": range(60),
    "hour": range(24),
    "day_of_month": range(1, 32),
    "month_of_year": range(1, 13),
    "day_of_week": range(7),
}

_DUE = ("is_due", "remaining_estimate", "remaining_delta")
"""What of a schedule says when it is due."""


def read_celery(app: Any, *, where: str, time_zone: str | None = None) -> Found:
    """The jobs of `app.conf.beat_schedule`, that is those in the code: a scheduler that keeps them in a database is not
    asked. `where` names the app; `time_zone` is the zone where the app names none.

    Raises `UnreadableError` for what is no Celery application.
    """
    if not isinstance(getattr(getattr(app, "conf", None), "beat_schedule", None), Mapping):
        raise UnreadableError(
            f"{where!r} is of type {type(app).__name__}, and no Celery application with a beat_schedule"
        )
    # As beat does: what `include` and autodiscovery name, then what is added once all tasks are known.
    app.loader.import_default_modules()
    app.finalize()
    zone = str(app.conf.timezone or time_zone or app.timezone)
    found: list[FoundJob | Remark] = []
    if app.conf.task_routes:
        found.append(Remark(where, "task_routes are not read; put jobs on other queues by target="))
    if not str(scheduler := app.conf.beat_scheduler).startswith("celery.beat:"):
        said = f"beat_scheduler is {scheduler!r}: what it keeps by itself, in a database say, is not read"
        found.append(Remark(where, said, left_out=True))
    jobs = [_job(app, str(key), entry, zone) for key, entry in list(app.conf.beat_schedule.items())]
    if not jobs:
        found.append(Remark(where, "its beat_schedule is empty; name the application that beat is started with"))
    return (*found, *jobs)


def _job(app: Any, key: str, entry: Mapping[str, Any], zone: str) -> FoundJob:
    task_name, schedule, options = entry["task"], entry["schedule"], dict(entry.get("options") or {})
    task = app.tasks.get(task_name)
    when = _when(schedule, _own_zone(app, schedule) or zone)
    remarks = []
    if isinstance(when, CronText) and when.only_days:
        remarks.append("Celery means days that fit both day fields, so the others are excluded")
    problem: str | None
    if when is None:
        problem = f"its schedule is {schedule!r}, which has no equal here; take a Cron that is near enough"
    else:
        problem = _clock_problem(app, schedule) or task_problem(task, task_name, entry)
    queue, expires = options.pop("queue", None), options.pop("expires", None)
    if expires is not None and not isinstance(expires, int | float | timedelta):
        options["expires"] = expires
    if options:
        remarks.append(f"options not carried: {', '.join(f'{name}={value!r}' for name, value in options.items())}")
    remarks += counted_anew(when, "Celery from the start of beat")
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
            handler=handler_of(task) or ":".join(task_name.rpartition(".")[::2]),
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


def _own_zone(app: Any, schedule: Any) -> str | None:
    """The zone of an entry that has one of its own, as django-celery-beat's do."""
    reads = getattr(getattr(type(schedule), "tz", None), "func", None)
    # Celery's own property gives the zone of an application, and not always of this one, unless it was set.
    own = vars(schedule).get("tz") if _is_of_celery(reads) else getattr(schedule, "tz", None)
    return None if own is None or str(own) == str(app.timezone) else str(own)


def _clock_problem(app: Any, schedule: Any) -> str | None:
    """Why it is due at other times than its fields say."""
    if _own_zone(app, schedule):
        return None
    if hasattr(schedule, "_orig_minute") and schedule.nowfun and schedule.nowfun != app.now:
        return "its schedule has a clock of its own (nowfun): write a Cron with the time_zone that it goes by"
    methods = [(name, getattr(type(schedule), name, None)) for name in _DUE]
    if own := next((name for name, method in methods if method and not _is_of_celery(method)), None):
        return f"its schedule decides by itself when it is due ({type(schedule).__name__}.{own}): write what does it"
    return None


def _is_of_celery(function: Any) -> bool:
    return getattr(function, "__module__", None) == "celery.schedules"


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
