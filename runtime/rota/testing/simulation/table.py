"""A simulation as people read it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from rota.manifest import Manifest
from rota.run import Outcome
from rota.testing.simulation.runs import SimulatedRun

SHOWN = 40
"""How many runs are listed at the most."""


def spell(manifest: Manifest, runs: Sequence[SimulatedRun], start: datetime, end: datetime) -> str:
    """Counts by job, then the runs that were not simply done."""
    by_job: dict[str, list[SimulatedRun]] = {job.name: [] for job in manifest.jobs}
    for run in runs:
        by_job[run.job].append(run)
    counts = [_counts(job, found) for job, found in by_job.items() if found]
    lines = [f"manifest {manifest.name!r}, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC: {len(runs)} runs", ""]
    lines += _aligned([_COUNTED, *counts])
    if told := [run for run in runs if run.outcome is not Outcome.SUCCEEDED or run.attempt > 1]:
        lines += ["", *_aligned([_TOLD, *(_row(run) for run in told[:SHOWN])])]
        lines += [f"... and {len(told) - SHOWN} more"] if len(told) > SHOWN else []
    return "\n".join(lines)


_COUNTED = ("job", "runs", "succeeded", "failed", "skipped", "other", "attempts", "latest start")
_TOLD = ("due (UTC)", "job", "outcome", "attempts", "started", "took", "reason")


def _counts(job: str, runs: Sequence[SimulatedRun]) -> tuple[str, ...]:
    outcomes = [run.outcome for run in runs]
    named = [outcomes.count(outcome) for outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.SKIPPED)]
    numbers = [len(runs), *named, len(runs) - sum(named), sum(run.attempt for run in runs)]
    return (job, *(str(number or "-") for number in numbers), _after(max(_delays(runs), default=None)))


def _delays(runs: Iterable[SimulatedRun]) -> list[timedelta]:
    return [run.delay for run in runs if run.delay is not None]


def _row(run: SimulatedRun) -> tuple[str, ...]:
    took = "" if run.duration is None else spell_seconds(run.duration)
    due = f"{run.due:%Y-%m-%d %H:%M}" if run.due else ""
    job = f"{run.job} {run.endpoint}" if run.endpoint else run.job
    return (due, job, run.outcome or "not ended", str(run.attempt or "-"), _after(run.delay), took, run.reason)


def _after(delay: timedelta | None) -> str:
    """How long after its instant something began."""
    return "" if delay is None else f"+{spell_seconds(delay)}"


def spell_seconds(duration: timedelta) -> str:
    """As hours, minutes and seconds: "1:30:00", "5:00", "12 s"."""
    seconds = round(duration.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
