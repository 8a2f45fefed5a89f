"""When a job is due: `Cron`, `Every` and `Once`. Pure data and arithmetic; a time zone always belongs to it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import ClassVar, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rota.cron_aws import AwsCron
from rota.cron_unix import spell_times, to_aws
from rota.errors import ScheduleError
from rota.validators import aware_problem, duration_problem

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


class Schedule(ABC):
    """What `Cron`, `Every` and `Once` have in common. Instants given must be aware; those returned are in UTC."""

    @property
    @abstractmethod
    def time_zone(self) -> str:
        """The IANA name of the zone the schedule is told in."""

    @abstractmethod
    def aws_expressions(self) -> tuple[str, ...]:
        """The EventBridge expressions that together mean this schedule: `cron(...)`, `rate(...)` or `at(...)`."""

    @abstractmethod
    def next(self, after: datetime) -> datetime | None:
        """The first occurrence later than `after`, or None if there is none any more."""

    @abstractmethod
    def latest(self, until: datetime) -> datetime | None:
        """The last occurrence not later than `until`, or None if there is none yet."""

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """The occurrences from `start` (included) to `end` (excluded), in order."""
        moment = self.next(start - timedelta(microseconds=1))
        while moment is not None and moment < end:
            yield moment
            moment = self.next(moment)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ScheduleError(f"time_zone {name!r} is not an IANA name such as 'Europe/Berlin' or 'UTC'") from None


def _aware(moment: datetime) -> datetime:
    if problem := aware_problem("instant", moment):
        raise ScheduleError(problem)
    return moment


@dataclass(frozen=True)
class Cron(Schedule):
    """A cron expression: five fields with their Unix meaning, or `Cron.aws(...)` with the six of EventBridge.

    `time_zone` is an IANA name, "UTC" by default. As EventBridge Scheduler does, a time that a change of clocks skips
    does not occur, and an hour that it repeats occurs once
    (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time).

    Raises `ScheduleError` for an expression that is wrong, never fires, or has no exact translation to one AWS
    expression; it is never approximated.
    """

    expression: str
    _: KW_ONLY
    time_zone: str = "UTC"
    _aws: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._set(to_aws(self.expression))

    def _set(self, aws: str) -> None:
        _zone(self.time_zone)
        AwsCron(aws)
        object.__setattr__(self, "_aws", aws)

    @classmethod
    def aws(cls, expression: str, *, time_zone: str = "UTC") -> Self:
        """A six-field expression of EventBridge, such as `Cron.aws("0 18 ? * MON-FRI *")`, with or without
        `cron(...)`."""
        bare = expression.strip()
        if bare.startswith("cron(") and bare.endswith(")"):
            bare = bare[len("cron(") : -1]
        bare = " ".join(bare.split())
        cron = object.__new__(cls)
        object.__setattr__(cron, "expression", bare)
        object.__setattr__(cron, "time_zone", time_zone)
        cron._set(bare)
        return cron

    @cached_property
    def _cron(self) -> AwsCron:
        return AwsCron(self._aws)

    def aws_expressions(self) -> tuple[str, ...]:
        """The expression as EventBridge takes it; the zone stands beside it in a schedule."""
        return (f"cron({self._aws})",)

    def next(self, after: datetime) -> datetime | None:
        """The first occurrence later than `after`, or None if there is none any more."""
        walls = self._cron.after(self._wall(after))
        return next((moment for wall in walls if (moment := self._instant(wall)) and moment > after), None)

    def latest(self, until: datetime) -> datetime | None:
        """The last occurrence not later than `until`, or None if there is none yet."""
        wall = self._wall(until)
        # Where clocks show `wall` for the second time, later walls have been shown already.
        walls = self._cron.until(wall + _DAY if wall.fold else wall)
        return next((moment for wall in walls if (moment := self._instant(wall)) and moment <= until), None)

    def _wall(self, moment: datetime) -> datetime:
        return _aware(moment).astimezone(_zone(self.time_zone)).replace(tzinfo=None)

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

    Raises `ScheduleError` for an interval under a minute, over 366 days, or not in whole minutes.
    """

    time_zone: ClassVar[str] = "UTC"
    interval: timedelta

    def __post_init__(self) -> None:
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

    def next(self, after: datetime) -> datetime | None:
        """The first occurrence later than `after`. Raises `ScheduleError` if it counts from the deploy."""
        latest = self.latest(after)
        return None if latest is None else latest + self.interval

    def latest(self, until: datetime) -> datetime | None:
        """The last occurrence not later than `until`. Raises `ScheduleError` if it counts from the deploy."""
        moment = _aware(until).astimezone(UTC)
        if not self.aligned:
            raise ScheduleError(f"every {self.interval} counts from the deploy: only AWS knows its occurrences")
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + (moment - midnight) // self.interval * self.interval

    def __str__(self) -> str:
        return f"every {self.interval}"


@dataclass(frozen=True)
class Once(Schedule):
    """A single instant, aware and in whole seconds. Raises `ScheduleError` for any other."""

    time_zone: ClassVar[str] = "UTC"
    at: datetime

    def __post_init__(self) -> None:
        problem = aware_problem("at", self.at)
        if problem is None and self.at.microsecond:
            problem = f"at must be in whole seconds; got {self.at.isoformat()}"
        if problem:
            raise ScheduleError(f"Once: {problem}")

    def aws_expressions(self) -> tuple[str, ...]:
        """One `at(...)` expression, in UTC."""
        return (f"at({self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",)

    def next(self, after: datetime) -> datetime | None:
        """The instant itself if it is later than `after`."""
        return self.at.astimezone(UTC) if self.at > _aware(after) else None

    def latest(self, until: datetime) -> datetime | None:
        """The instant itself if it is not later than `until`."""
        return self.at.astimezone(UTC) if self.at <= _aware(until) else None

    def __str__(self) -> str:
        return f"once at {self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
