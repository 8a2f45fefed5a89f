"""What all schedules have in common: their windows, and what runs of the instants at which AWS fires them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

from rota import windows
from rota.errors import ScheduleError
from rota.validators import aware_problem
from rota.windows import Excluding

INSTANT = timedelta(microseconds=1)
"""The least time between two instants."""
_FOREVER = datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Schedule(ABC):
    """What `Cron`, `Every` and `Once` have in common. Instants given must be aware; those returned are in UTC.

    - `start`, `end`: what is due before `start`, or at `end` or later, does not run; aware, None for no limit.
    - `excluding`: dates, in the schedule's zone, on which nothing runs: any container of them, such as a calendar of
      the `holidays` package. Or a callable that is given each occurrence as an aware datetime in that zone, and returns
      True for one to leave out.
    - `jitter`: a run starts up to so much after its instant, how much following from its id: so that many jobs due at
      one minute do not start together. Whole seconds, up to 4 hours; None for none.
    - `flexible_window`: EventBridge Scheduler delivers at any moment from the instant on, for so long: whole minutes,
      up to 24 hours; None for none. It takes a schedule where a rule would do
      (https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-flexible-time-windows.html).

    AWS is told of `flexible_window` alone. The rest is applied by the server that claims a run: one outside its window
    is recorded as skipped, with the reason. So none of them needs a deploy of the stack, only one of the servers.
    """

    start: datetime | None = None
    end: datetime | None = None
    excluding: Excluding = field(default=(), hash=False)
    jitter: timedelta | None = None
    flexible_window: timedelta | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "excluding", windows.frozen(self.excluding))
        if problems := windows.problems(self):
            raise ScheduleError(f"{type(self).__name__}: {'; '.join(problems)}")

    @property
    @abstractmethod
    def time_zone(self) -> str:
        """The IANA name of the zone the schedule is told in."""

    @abstractmethod
    def aws_expressions(self) -> tuple[str, ...]:
        """The EventBridge expressions that together mean this schedule: `cron(...)`, `rate(...)` or `at(...)`."""

    @property
    def needs_scheduler(self) -> bool:
        """Whether EventBridge Scheduler alone can express it: a zone other than UTC, a single instant, a `rate(...)`, a
        flexible window. A rule could take a rate, but its times would depend on when it was last touched, and a
        duplicate could not be told from the next occurrence."""
        crons = all(expression.startswith("cron(") for expression in self.aws_expressions())
        return self.time_zone != "UTC" or not crons or self.flexible_window is not None

    @abstractmethod
    def _fired_between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """The instants from `start` (included) to `end` (excluded) at which AWS fires it, in order."""

    @abstractmethod
    def fired_by(self, until: datetime) -> datetime | None:
        """The last instant not later than `until` at which AWS fires it, whether or not it runs then; None for none."""

    def refusal(self, moment: datetime) -> str | None:
        """Why the occurrence of this instant does not run, or None if it does. Raises `ScheduleError` where
        `excluding` does."""
        return windows.refusal(self, aware(moment))

    def next(self, after: datetime) -> datetime | None:
        """The first occurrence later than `after`, or None if there is none any more. Of a schedule that excludes some
        it is looked for among as many instants as two years have minutes."""
        instants = islice(self._in_window(after + INSTANT, _FOREVER), windows.LOOKS)
        return next((moment for moment in instants if self.refusal(moment) is None), None)

    def latest(self, until: datetime) -> datetime | None:
        """The last occurrence not later than `until`, or None if there is none yet. Of a schedule that excludes some it
        is looked for among as many instants as ten weeks have minutes."""
        moment = self.fired_by(until if self.end is None else min(aware(until), self.end - INSTANT))
        for _ in range(windows.LOOKS_BACK):
            if moment is None or (self.start is not None and moment < self.start):
                return None
            if self.refusal(moment) is None:
                return moment
            moment = self.fired_by(moment - INSTANT)
        return None

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """The occurrences from `start` (included) to `end` (excluded), in order."""
        return (moment for moment in self._in_window(start, end) if self.refusal(moment) is None)

    def _in_window(self, start: datetime, end: datetime) -> Iterator[datetime]:
        first = aware(start) if self.start is None else max(aware(start), self.start)
        last = aware(end) if self.end is None else min(aware(end), self.end)
        return self._fired_between(first, last)


def aware(moment: datetime) -> datetime:
    """The same. Raises `ScheduleError` for one without a time zone."""
    if problem := aware_problem("instant", moment):
        raise ScheduleError(problem)
    return moment
