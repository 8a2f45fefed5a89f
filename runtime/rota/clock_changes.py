"""When the clocks of a zone change, and which times they then skip or show twice. Pure arithmetic."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class ClockChange:
    """One change of a zone's offset from UTC."""

    at: datetime
    """The first instant of the new offset, in UTC."""
    before: timedelta
    """The offset until then."""
    after: timedelta
    """The offset from then on."""

    @property
    def shift(self) -> timedelta:
        """How far clocks are put forward; negative where they are put back."""
        return self.after - self.before

    @property
    def walls(self) -> tuple[datetime, datetime]:
        """From when (included) to when (excluded) clocks skip times, or show them twice: naive, as they show it."""
        old, new = (self.at.replace(tzinfo=None) + offset for offset in (self.before, self.after))
        return min(old, new), max(old, new)


def clock_changes(zone: str, start: datetime, end: datetime) -> Iterator[ClockChange]:
    """The changes from `start` (excluded) to `end` (included), in order. Looks once a day, and halves that day."""
    tz = ZoneInfo(zone)
    low = start.astimezone(UTC).replace(microsecond=0)
    before = _offset(tz, low)
    while low < end:
        high = min(low + _DAY, end.astimezone(UTC))
        after = _offset(tz, high)
        if after != before:
            yield ClockChange(_first(tz, low, high, before), before, after)
        low, before = high, after


def _offset(tz: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(tz).utcoffset() or timedelta()


def _first(tz: ZoneInfo, low: datetime, high: datetime, before: timedelta) -> datetime:
    while high - low > _SECOND:
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if _offset(tz, middle) == before:
            low = middle
        else:
            high = middle
    return high
