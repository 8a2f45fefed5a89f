"""Schedules, instants and durations as people read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rota.schedules import Cron, Every, Once, Schedule

FROM_DEPLOY = "counts from the deploy"
"""An interval that does not divide the day."""


def now() -> datetime:
    """This instant."""
    return datetime.now(UTC)


def counts_from_deploy(schedule: Schedule) -> bool:
    """Whether only AWS knows its occurrences."""
    return isinstance(schedule, Every) and not schedule.aligned


def spell_schedule(schedule: Schedule) -> str:
    """The schedule without its zone."""
    if isinstance(schedule, Cron):
        return schedule.expression
    if isinstance(schedule, Every):
        return f"every {spell_duration(schedule.interval)}"
    if isinstance(schedule, Once):
        return f"once, {spell_instant(schedule.at, 'UTC')}"
    return str(schedule)


def spell_instant(moment: datetime, zone: str) -> str:
    """What clocks show in `zone`, seconds only where there are any."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%a %Y-%m-%d %H:%M}" + (f":{local:%S}" if local.second else "")


def spell_duration(duration: timedelta) -> str:
    """Its largest unit and the next: "2 d 4 h", "5 min", "12 s"."""
    left, counts = int(duration.total_seconds()), []
    for size in (86400, 3600, 60, 1):
        count, left = divmod(left, size)
        counts.append(count)
    largest = next((index for index, count in enumerate(counts) if count), 3)
    named = list(zip(counts, ("d", "h", "min", "s"), strict=True))[largest : largest + 2]
    return " ".join(f"{count} {unit}" for count, unit in named if count) or "0 s"


def spell_next(schedule: Schedule, after: datetime) -> str:
    """The next occurrence in the schedule's own zone, or why there is none to name."""
    if counts_from_deploy(schedule):
        return FROM_DEPLOY
    moment = schedule.next(after)
    return spell_instant(moment, schedule.time_zone) if moment else "never again"


def iso(moment: datetime) -> str:
    """The machine's form of an instant."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
