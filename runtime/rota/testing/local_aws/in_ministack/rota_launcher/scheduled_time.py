"""The context attributes of a schedule's input: ``<aws.scheduler.scheduled-time>`` and the three others."""

# ruff: noqa: SLF001 - private names of ministack's, all listed in private.py

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from . import private

_eventbridge = private.module("ministack.services.eventbridge")
_scheduler = private.module("ministack.services.scheduler")


def fill_in(target: dict[str, Any], schedule: dict[str, Any], *, now: float, scheduled: float | None) -> dict[str, Any]:
    """`target` with the attributes in its input replaced. `now` and `scheduled` are seconds since the epoch.

    Without `scheduled` it is the schedule's own instant, not the moment at which the ticker came round.
    """
    text = target.get("Input")
    if not text or "<aws.scheduler." not in text:
        return target
    instant = scheduled if scheduled is not None else due_instant(schedule, now)
    values = {
        "scheduled-time": datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "schedule-arn": schedule["Arn"],
        "execution-id": secrets.token_hex(8),
        "attempt-number": "1",
    }
    for name, value in values.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return {**target, "Input": text}


def due_instant(schedule: dict[str, Any], now: float) -> float:
    """The latest instant of `schedule` not after `now`; `now` itself where it has none (seconds since the epoch).

    Read as UTC, as ministack's ticker reads it.
    """
    expression = schedule["ScheduleExpression"]
    at: float | None = _scheduler._at_time_epoch(expression)
    if at is not None:
        return at
    every: int | None = _eventbridge._parse_rate_seconds(expression)
    if every is not None:
        created = float(schedule["CreationDate"])
        return created + (now - created) // every * every
    return _latest_of_cron(_eventbridge._parse_cron_fields(expression), datetime.fromtimestamp(now, UTC)).timestamp()


def _latest_of_cron(fields: Any, now: datetime) -> datetime:
    # ministack can only look forwards: step back by ever more until that finds an instant, then come nearer.
    for minutes in (2**power for power in range(22)):  # 2**21 minutes are four years, as far as ministack looks
        latest = None
        found: datetime | None = _eventbridge._cron_next_fire(fields, now - timedelta(minutes=minutes))
        while found is not None and found <= now:
            latest, found = found, _eventbridge._cron_next_fire(fields, found)
        if latest is not None:
            return latest
    return now
