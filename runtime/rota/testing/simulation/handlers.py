"""Which function a simulated job calls, and how long that takes."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from rota.async_handlers import event_loop
from rota.handlers import Handler, fit, resolve
from rota.manifest import Job, Manifest
from rota.run import Run

Duration = timedelta | Callable[[Run], timedelta]
"""How long a job's runs take, or what tells it of each."""


def duration_problem(takes: object) -> str | None:
    """What is wrong with a duration, or None."""
    if isinstance(takes, timedelta) and takes >= timedelta():
        return None
    return f"must be a timedelta, not below 0, such as timedelta(minutes=10); got {takes!r}"


class StoppedError(Exception):
    """What ends a simulated run that is told to stop while its time passes."""


@dataclass(frozen=True)
class TimedHandler(Handler):
    """A handler after which time passes. Told to stop meanwhile, it ends at once, as one does that looks at
    `run.stop_requested`."""

    takes: Duration

    def call(self, payload: Any, run: Run) -> Any:
        """Call it, to its end."""
        takes = self.takes if isinstance(self.takes, timedelta) else self.takes(run)
        if problem := duration_problem(takes):
            raise ValueError(f"durations[{run.job!r}]: what it returns {problem}")
        try:
            result = super().call(payload, run)
            if inspect.isawaitable(result):
                result = event_loop.run(result, None)
        finally:
            run.stop_event.wait(takes.total_seconds())
        if run.stop_reason is not None:
            raise StoppedError(run.stop_reason)
        return result


def nothing() -> None:
    """In place of a command, and of a handler in another language: neither is run."""


NOTHING = f"{__name__}:{nothing.__name__}"


def stand_in(manifest: Manifest, handlers: Mapping[str, Callable[..., Any]], *, run_commands: bool) -> Manifest:
    """The manifest with jobs that can be run in this process: no handler in a process of its own, and no command unless
    asked."""
    return replace(manifest, jobs=[_stand_in(job, job.name in handlers, run_commands) for job in manifest.jobs])


def _stand_in(job: Job[Any], is_replaced: bool, run_commands: bool) -> Job[Any]:
    job = replace(job, isolation="thread") if job.isolation != "thread" else job
    if not job.handler and (is_replaced or job.command is None or not run_commands):
        return replace(job, handler=NOTHING, command=None)
    return job


class Handlers:
    """The handlers of a simulation: the user's own, or what is given in their place."""

    def __init__(self, given: Mapping[str, Callable[..., Any]], durations: Mapping[str, Duration]) -> None:
        self._given, self._durations = given, durations

    def resolve(self, job: Job[Any]) -> Handler:
        """Raises `HandlerError` where it cannot be imported, or does not fit the job."""
        handler = fit(job, self._given[job.name]) if job.name in self._given else resolve(job)
        takes = self._durations.get(job.name)
        if takes is None:
            return handler
        parts = (handler.function, handler.payload_parameter, handler.run_parameter, handler.is_async)
        return TimedHandler(*parts, takes=takes)
