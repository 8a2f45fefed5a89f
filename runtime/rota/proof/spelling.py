"""Times and durations as the proof tells them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rota.starts import Moment


def clock(wall: datetime) -> str:
    """A day and what clocks show on it; seconds only where there are any."""
    return f"{wall:%a %Y-%m-%d %H:%M}" + (f":{wall:%S}" if wall.second else "")


def utc(moment: datetime) -> str:
    """An instant in UTC."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def times(walls: Sequence[datetime]) -> str:
    """The times of one day: "02:30", or how many there are, from the first to the last."""
    if len(walls) == 1:
        return f"{walls[0]:%H:%M}"
    return f"{len(walls)} occurrences {walls[0]:%H:%M}-{walls[-1]:%H:%M}"


def span(duration: timedelta) -> str:
    """Days, hours and minutes, as far as there are any. Up to five days in hours: a weekend has 71, 72 or 73."""
    minutes = round(duration.total_seconds() / 60)
    if minutes < 5 * 24 * 60:
        hours, left = divmod(minutes, 60)
        parts = [(hours, "h"), (left, "min")]
    else:
        days, left = divmod(minutes, 24 * 60)
        parts = [(days, "d"), (left // 60, "h"), (left % 60, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 min"


def told(moment: Moment, zone: str) -> str:
    """A moment in its zone and in UTC, the latter left out where the zone is that."""
    return f"{clock(moment.wall)} UTC" if zone == "UTC" else f"{clock(moment.wall)} {zone} ({utc(moment.at)})"
