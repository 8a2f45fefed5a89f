"""Keeps what became of simulated runs, as the servers tell it."""

from collections.abc import Sequence
from datetime import datetime

from rota.run import Outcome, Run
from rota.testing.simulation.runs import SimulatedAttempt, SimulatedRun
from rota.verdicts import Acknowledge, DeadLetter, Verdict


class Recorder:
    """The runs of one simulation. What is told once it is closed does not count."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str, str | None], SimulatedRun] = {}
        self.is_open = True

    def close(self) -> None:
        """The simulation has ended."""
        self.is_open = False

    @property
    def runs(self) -> list[SimulatedRun]:
        """All of them, by the instant that they are for."""
        return sorted(self._runs.values(), key=lambda run: (run.due is not None and run.due.timestamp(), run.job))

    def begin(self, run: Run, now: datetime) -> None:
        """The handler of `run` is called at `now`."""
        self._find(run).reason = f"runs since {now:%Y-%m-%d %H:%M} UTC"

    def leave(self, run: Run) -> None:
        """The simulation ends, and `run` waits to be received."""
        found = self._find(run)
        found.reason = found.reason or "not received"

    def _find(self, run: Run) -> SimulatedRun:
        key = (run.job, run.id, run.endpoint)
        if (found := self._runs.get(key)) is None:
            found = self._runs[key] = SimulatedRun(
                job=run.job,
                id=run.id,
                endpoint=run.endpoint,
                scheduled_at=run.scheduled_at,
                enqueued_at=run.enqueued_at,
            )
        return found

    def note(self, run: Run, verdict: Verdict, began: Sequence[datetime], now: datetime) -> None:
        """A delivery of `run` came to `verdict` at `now`. `began` has when its handler was called, if it was."""
        if not self.is_open or verdict.found is not None:  # or it is a second delivery, which changes nothing
            return
        found = self._find(run)
        found.reason = verdict.reason
        for started_at in began:
            outcome = verdict.outcome or Outcome.ABANDONED
            found.attempts.append(
                SimulatedAttempt(
                    started_at=started_at, duration=now - started_at, outcome=outcome, reason=verdict.reason
                )
            )
        if verdict.outcome is not None and isinstance(verdict.settle, Acknowledge | DeadLetter):
            found.outcome, found.finished_at = verdict.outcome, now
