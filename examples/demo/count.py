"""What the journal says: which runs there were, where each ran, what was lost and what ran again."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

ACKNOWLEDGEMENT_SECONDS = 0.2
"""How long an acknowledgement may be on its way: a server killed within it has finished a run that will be run
again."""


@dataclass
class Call:
    """A handler was called, at its run's `attempt`."""

    server: str
    attempt: int
    started_at: float
    finished_at: float | None = None


@dataclass
class RunSeen:
    """One run, over all servers."""

    job: str
    is_occurrence: bool
    calls: list[Call] = field(default_factory=list)

    @property
    def finished(self) -> list[Call]:
        """The calls that finished: one, if all is well."""
        return [call for call in self.calls if call.finished_at is not None]

    def started_again(self) -> Iterator[tuple[Call, Call]]:
        """Each second start of an attempt, after the one before it. A retry is another attempt, and none of these."""
        for earlier, later in pairwise(sorted(self.calls, key=lambda call: call.attempt)):
            if earlier.attempt == later.attempt:
                yield earlier, later


@dataclass(frozen=True)
class Count:
    """The summary."""

    runs: dict[str, RunSeen]
    killed: str | None
    killed_at: float

    @property
    def occurrences(self) -> int:
        """Scheduled runs."""
        return sum(run.is_occurrence for run in self.runs.values())

    @property
    def lost(self) -> list[str]:
        """Runs that started and finished nowhere."""
        return [name for name, run in self.runs.items() if not run.finished]

    @property
    def taken_over(self) -> list[str]:
        """Runs that the kill interrupted, and that finished on another server."""
        return [
            name
            for name, run in self.runs.items()
            if any(self._was_interrupted(*calls) and calls[1].finished_at for calls in run.started_again())
        ]

    @property
    def unacknowledged(self) -> list[str]:
        """Runs that started again because their server was killed before it could say that they were done."""
        return [
            name
            for name, run in self.runs.items()
            if any(self._was_unacknowledged(*calls) for calls in run.started_again())
        ]

    @property
    def ran_again(self) -> list[str]:
        """Runs that started more than once, or were tried again though they had finished, and the kill is no reason."""
        return [name for name, run in self.runs.items() if self._ran_again(run)]

    def _ran_again(self, run: RunSeen) -> bool:
        unexplained = any(
            not self._was_interrupted(*calls) and not self._was_unacknowledged(*calls) for calls in run.started_again()
        )
        return unexplained or len({call.attempt for call in run.finished}) > 1

    def _was_interrupted(self, earlier: Call, later: Call) -> bool:
        return self._came_after_the_kill(earlier, later) and earlier.finished_at is None

    def _was_unacknowledged(self, earlier: Call, later: Call) -> bool:
        return (
            self._came_after_the_kill(earlier, later)
            and earlier.finished_at is not None
            and self.killed_at - earlier.finished_at < ACKNOWLEDGEMENT_SECONDS
        )

    def _came_after_the_kill(self, earlier: Call, later: Call) -> bool:
        return earlier.server == self.killed and later.started_at >= self.killed_at

    def by_server(self) -> dict[str, int]:
        """How many runs each server finished."""
        counts: defaultdict[str, int] = defaultdict(int)
        for run in self.runs.values():
            for call in run.finished:
                counts[call.server] += 1
        return dict(sorted(counts.items()))


def count(events: Iterable[dict[str, Any]], *, killed: str | None, killed_at: float) -> Count:
    """Read the journal's events."""
    runs: dict[str, RunSeen] = {}
    for event in events:
        run = runs.setdefault(event["run"], RunSeen(event["job"], event["scheduled_at"] is not None))
        server, attempt = event["server"], event["attempt"]
        if event["event"] == "started":
            run.calls.append(Call(server, attempt, event["at"]))
        else:
            started = (call for call in run.calls if (call.server, call.attempt) == (server, attempt))
            next(call for call in started if call.finished_at is None).finished_at = event["at"]
    return Count(runs, killed, killed_at)
