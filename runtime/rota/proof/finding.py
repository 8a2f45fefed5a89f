"""What the proof finds, and which of it users accept. Pure data."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from rota.clock_changes import ClockChange
from rota.errors import ScheduleError
from rota.starts import Moment

Kind = Literal["skipped", "repeated", "shifted", "collision", "gap", "unknown", "never", "ends"]
KINDS: tuple[Kind, ...] = get_args(Kind)


MOST = 1000
"""How many moments a finding names."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that may surprise, of one job or of several that share a lock."""

    kind: Kind
    """- "skipped": a change of clocks leaves out its time, and it does not run.
    - "repeated": a change of clocks shows its time twice, and it runs once, at the first.
    - "shifted": over a change of clocks, the time between two runs is longer or shorter than clocks show.
    - "collision": more starts of one lock at one minute than its limit.
    - "gap": on the clocks, too, the time between two runs is longer or shorter than usual.
    - "unknown": only AWS knows its occurrences.
    - "never": no run in all the time looked at.
    - "ends": the last run is in the time looked at.
    """
    jobs: tuple[str, ...]
    zone: str
    """The IANA name of the zone that `moments` are told in."""
    moments: tuple[Moment, ...]
    """Which occurrences it is about, in order; the first thousand. Of a gap or a shift, the two runs around it."""
    count: int
    """How many times it comes."""
    what: str
    """What happens."""
    instead: str
    """What could be written instead."""
    change: ClockChange | None = None
    """The change of clocks that it comes of."""

    def __str__(self) -> str:
        return f"{', '.join(self.jobs)}: {self.what} (instead: {self.instead})"


def unaccepted(findings: Iterable[Finding], accept: Iterable[str], jobs: Iterable[str]) -> list[Finding]:
    """The findings without those that users accept: by kind ("shifted"), or kind and job ("shifted:report"). A finding
    of several jobs is accepted where each of them is. `jobs` are the names of all.

    Raises `ScheduleError` for a kind or a job that there is not.
    """
    accepted, names = set(accept), set(jobs)
    for entry in sorted(accepted):
        kind, colon, name = entry.partition(":")
        if kind not in KINDS:
            raise ScheduleError(f"accept {entry!r} is none of {', '.join(KINDS)}, alone or as kind:job")
        if colon and name not in names:
            raise ScheduleError(f"accept {entry!r}: there is no job {name!r}")
    return [
        finding
        for finding in findings
        if finding.kind not in accepted and not all(f"{finding.kind}:{job}" in accepted for job in finding.jobs)
    ]
