"""What the journal says: which runs there were, where each ran, what was lost and what ran again."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

ACKNOWLEDGEMENT_SECONDS = 0.2
"""How long an acknowledgement may be on its way: a server killed within it has finished a run that will be run
again."""


@dataclass
class RunSeen:
    """One run, over all servers."""

    job: str
    is_occurrence: bool
    started_on: list[str] = field(default_factory=list)
    finished: list[tuple[str, float]] = field(default_factory=list)


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
        """Runs that started, or were asked for, and finished nowhere."""
        return [name for name, run in self.runs.items() if not run.finished]

    @property
    def taken_over(self) -> list[str]:
        """Runs that started on the killed server and finished on another."""
        return [
            name
            for name, run in self.runs.items()
            if self.killed in run.started_on
            and any(server != self.killed for server, _ in run.finished)
            and name not in self.unacknowledged
        ]

    @property
    def unacknowledged(self) -> list[str]:
        """Runs that ran again because their server was killed before it could say that they were done."""
        return [name for name, run in self.runs.items() if len(run.finished) > 1 and self._finished_at_the_kill(run)]

    @property
    def ran_again(self) -> list[str]:
        """Runs that finished more than once, for no such reason."""
        return [
            name for name, run in self.runs.items() if len(run.finished) > 1 and not self._finished_at_the_kill(run)
        ]

    def _finished_at_the_kill(self, run: RunSeen) -> bool:
        at_the_kill = [
            at for server, at in run.finished if server == self.killed and self.killed_at - at < ACKNOWLEDGEMENT_SECONDS
        ]
        return bool(at_the_kill) and len(run.finished) == 2

    def by_server(self) -> dict[str, int]:
        """How many runs each server finished."""
        counts: defaultdict[str, int] = defaultdict(int)
        for run in self.runs.values():
            for server, _ in run.finished:
                counts[server] += 1
        return dict(sorted(counts.items()))

    @property
    def ok(self) -> bool:
        """Nothing lost, nothing ran again."""
        return not self.lost and not self.ran_again


def count(events: Iterable[dict[str, Any]], *, killed: str | None, killed_at: float) -> Count:
    """Read the journal's events."""
    runs: dict[str, RunSeen] = {}
    for event in events:
        run = runs.setdefault(event["run"], RunSeen(event["job"], event["scheduled_at"] is not None))
        if event["event"] == "started":
            run.started_on.append(event["server"])
        else:
            run.finished.append((event["server"], event["at"]))
    return Count(runs, killed, killed_at)
