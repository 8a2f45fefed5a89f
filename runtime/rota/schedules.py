"""When a job is due: `Cron`, `Every` and `Once`. Pure data and arithmetic; a time zone always belongs to it."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cache, cached_property, lru_cache
from itertools import islice
from typing import ClassVar, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from rota.cron_aws import AwsCron, AwsCrons
from rota.cron_unix import spell_times, to_aws
from rota.errors import ScheduleError
from rota.schedule import INSTANT, Schedule, aware
from rota.validators import aware_problem, duration_problem
from rota.windows import Excluding

__all__ = ["Cron", "Every", "Once", "Schedule"]

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_NONE = timedelta()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise _zone_error(name) from None


def _zone_error(name: str) -> ScheduleError:
    return ScheduleError(f"time_zone {name!r} is not an IANA name such as 'Europe/Berlin' or 'UTC'")


@cache
def _zones() -> frozenset[str]:
    """Those that AWS knows, too: not what this machine calls its own."""
    return frozenset(available_timezones() - {"localtime", "Factory", "posixrules"})


@lru_cache(maxsize=4096)
def _read(texts: tuple[str, ...]) -> AwsCrons:
    """Kept, for of many jobs some are due at the same times."""
    return AwsCrons([AwsCron(text) for text in texts])


@dataclass(frozen=True)
class Cron(Schedule):
    """A cron expression: five fields with their Unix meaning, or `Cron.aws(...)` with the six of EventBridge.

    Names, lists, ranges, steps, ranges that run past the end (`FRI-MON`), `@daily` and its kin, 0 and 7 as Sunday, and
    two restricted day fields that mean either: as cron(8) reads them. `time_zone` is an IANA name, "UTC" by default. As
    EventBridge Scheduler does, a time that a change of clocks skips does not occur, and an hour that it repeats occurs
    once (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time). The other
    arguments are those of `Schedule`.

    Raises `ScheduleError` for an expression that is wrong, never fires, or has no exact translation to AWS expressions;
    it is never approximated.
    """

    expression: str
    _: KW_ONLY
    time_zone: str = "UTC"
    _aws: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._set(to_aws(self.expression))

    def _set(self, aws: tuple[str, ...]) -> None:
        if self.time_zone not in _zones():
            raise _zone_error(self.time_zone)
        object.__setattr__(self, "_aws", aws)
        _ = self._crons  # which refuses what is wrong
        super().__post_init__()

    @classmethod
    def aws(
        cls,
        expression: str,
        *,
        time_zone: str = "UTC",
        start: datetime | None = None,
        end: datetime | None = None,
        excluding: Excluding = (),
        jitter: timedelta | None = None,
        flexible_window: timedelta | None = None,
    ) -> Self:
        """A six-field expression of EventBridge, such as `Cron.aws("0 18 ? * MON-FRI *")`, with or without
        `cron(...)`. The other arguments are those of `Cron`."""
        bare = expression.strip()
        if bare.startswith("cron(") and bare.endswith(")"):
            bare = bare[len("cron(") : -1]
        bare = " ".join(bare.split())
        cron = object.__new__(cls)
        given = {"expression": bare, "time_zone": time_zone, "start": start, "end": end, "excluding": excluding}
        for name, value in (given | {"jitter": jitter, "flexible_window": flexible_window}).items():
            object.__setattr__(cron, name, value)
        cron._set((bare,))
        return cron

    @cached_property
    def _crons(self) -> AwsCrons:
        return _read(self._aws)

    def aws_expressions(self) -> tuple[str, ...]:
        """The expressions as EventBridge takes them; the zone stands beside them in a schedule. Two of them may fire at
        one minute: that is one occurrence, and one run."""
        return tuple(f"cron({text})" for text in self._aws)

    @property
    def may_fire_twice(self) -> bool:
        """Whether two of its expressions can fire at one minute: those of the two day fields, where either counts."""
        return len({expression.split()[2] == "?" for expression in self._aws}) > 1

    def fired_by(self, until: datetime) -> datetime | None:
        """The last instant not later than `until` at which AWS fires it, whether or not it runs then; None for none."""
        wall = self._wall(until)
        # Where clocks show `wall` for the second time, later walls have been shown already.
        walls = self._crons.until(wall + _DAY if wall.fold else wall)
        return next((moment for wall in walls if (moment := self._instant(wall)) and moment <= until), None)

    def _fired_between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        return (moment for _, moment in self.wall_times(start, end) if moment is not None)

    def wall_times(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime | None]]:
        """What clocks in the schedule's zone show at each of its times from `start` (included) to `end` (excluded),
        without their zone, and the instant of that, or None for a time that a change of clocks skips. `start`, `end`
        and `excluding` of the schedule do not count."""
        zone, first, last = _zone(self.time_zone), self._wall(start), self._wall(end)
        # Where clocks show `last` for the second time, later walls have been shown already, the next day's among them.
        last_day = last.date() + _DAY if last.fold else last.date()
        for day in self._crons.days(first.date(), 1):
            if day > last_day:
                return
            midnight = datetime.combine(day, time())
            offset = midnight.replace(tzinfo=zone).utcoffset()
            if offset != (midnight + _DAY).replace(tzinfo=zone).utcoffset():
                for at in self._crons.times:
                    moment = self._instant(wall := datetime.combine(day, at))
                    if (start <= moment < end) if moment is not None else (first <= wall < last):
                        yield wall, moment
                continue
            # To ask the zone for each time would take most of the time that a year of minutes takes.
            skipped = bisect_left(self._crons.times, first.time()) if day == first.date() else 0
            for at in islice(self._crons.times, skipped, None):
                wall = datetime.combine(day, at)
                moment = (wall - (offset or _NONE)).replace(tzinfo=UTC)
                if moment >= end:
                    return
                if moment >= start:  # it may lie before, where clocks show the evening a second time
                    yield wall, moment

    def _wall(self, moment: datetime) -> datetime:
        return aware(moment).astimezone(_zone(self.time_zone)).replace(tzinfo=None)

    def _instant(self, wall: datetime) -> datetime | None:
        """The instant at which clocks show `wall`, the first of two; None where a change of clocks skips it."""
        zone = _zone(self.time_zone)
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
        return moment if moment.astimezone(zone).replace(tzinfo=None) == wall else None

    def __str__(self) -> str:
        return self.expression if self.time_zone == "UTC" else f"{self.expression} {self.time_zone}"


@dataclass(frozen=True)
class Every(Schedule):
    """A fixed interval, in whole minutes.

    One that divides the day (5 minutes, 90 minutes, 8 hours) counts from midnight UTC. Any other (7 minutes, 2 days)
    counts from the deploy that creates its schedule, which only AWS knows: its occurrences cannot be listed here.

    The other arguments are those of `Schedule`; dates to exclude are those of UTC.

    Raises `ScheduleError` for an interval under a minute, over 366 days, or not in whole minutes.
    """

    time_zone: ClassVar[str] = "UTC"
    interval: timedelta

    def __post_init__(self) -> None:
        super().__post_init__()
        problem = duration_problem("interval", self.interval, least=_MINUTE, most=timedelta(days=366))
        if problem is None and self.interval % _MINUTE:
            problem = f"interval must be whole minutes, the precision of EventBridge; got {self.interval}"
        if problem:
            raise ScheduleError(f"Every: {problem}")

    @property
    def aligned(self) -> bool:
        """Whether it divides the day, and so counts from midnight UTC."""
        return not _DAY % self.interval

    def aws_expressions(self) -> tuple[str, ...]:
        """`cron(...)` expressions if it divides the day, else one `rate(...)`."""
        minutes = self.interval // _MINUTE
        if self.aligned:
            return tuple(f"cron({text})" for text in spell_times(range(0, 24 * 60, minutes)))
        units = ((24 * 60, "day"), (60, "hour"), (1, "minute"))
        count, unit = next((minutes // size, unit) for size, unit in units if minutes % size == 0)
        return (f"rate({count} {unit}{'' if count == 1 else 's'})",)

    def _fired_between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        moment = self.fired_by(start - INSTANT) + self.interval
        while moment < end:
            yield moment
            moment += self.interval

    def fired_by(self, until: datetime) -> datetime:
        """The last instant not later than `until` at which AWS fires it. Raises `ScheduleError` if it counts from the
        deploy, as `next`, `latest` and `between` do."""
        moment = aware(until).astimezone(UTC)
        if not self.aligned:
            raise ScheduleError(f"every {self.interval} counts from the deploy: only AWS knows its occurrences")
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + (moment - midnight) // self.interval * self.interval

    def __str__(self) -> str:
        return f"every {self.interval}"


@dataclass(frozen=True)
class Once(Schedule):
    """A single instant, aware and in whole seconds. Raises `ScheduleError` for any other. The other arguments are those
    of `Schedule`."""

    time_zone: ClassVar[str] = "UTC"
    at: datetime

    def __post_init__(self) -> None:
        super().__post_init__()
        problem = aware_problem("at", self.at)
        if problem is None and self.at.microsecond:
            problem = f"at must be in whole seconds; got {self.at.isoformat()}"
        if problem:
            raise ScheduleError(f"Once: {problem}")

    def aws_expressions(self) -> tuple[str, ...]:
        """One `at(...)` expression, in UTC."""
        return (f"at({self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",)

    def _fired_between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        return iter([self.at.astimezone(UTC)] if start <= self.at < end else [])

    def fired_by(self, until: datetime) -> datetime | None:
        """The instant itself if it is not later than `until`."""
        return self.at.astimezone(UTC) if self.at <= aware(until) else None

    def __str__(self) -> str:
        return f"once at {self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
