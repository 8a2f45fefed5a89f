"""Every error rota raises: one base, and a child for each thing that can be wrong.

The docstring of a class is its default message, so that what a reader of this file sees is what a user sees.
"""

from collections.abc import Sequence
from datetime import timedelta


class RotaError(Exception):
    """Something in rota went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class ManifestError(RotaError):
    """The manifest does not hold together."""

    subject: str | None = None
    """What does not hold together, where it is known."""
    problems: Sequence[str] = ()
    """Each of its problems, where they are known."""

    @classmethod
    def of(cls, subject: str, problems: Sequence[str]) -> "ManifestError":
        """One error that lists every problem found in `subject`, so that a user mends them in one go."""
        lines = [f"{subject}: {len(problems)} problems", *(f"  - {problem}" for problem in problems)]
        error = cls("\n".join(lines) if len(problems) != 1 else f"{subject}: {problems[0]}")
        error.subject, error.problems = subject, tuple(problems)
        return error


class ScheduleError(RotaError):
    """The schedule cannot be expressed exactly."""


class PayloadError(RotaError):
    """The payload does not fit its declared type."""


class EnvelopeError(RotaError):
    """The message is not an envelope that this version of rota can read."""


class HandlerError(RotaError):
    """The handler cannot be resolved, or its signature does not fit the job."""


class SettingsError(RotaError):
    """The deployment's settings cannot be found or read."""


class NoDeploymentError(SettingsError):
    """There is no deployment that this process could belong to."""


class SignatureError(RotaError):
    """The request is not signed by a key that counts here."""


class EnqueueError(RotaError):
    """The run was not enqueued."""


class BackendError(RotaError):
    """The queue service refused or did not answer a request."""


class LedgerError(BackendError):
    """The ledger refused or did not answer a request."""


class LeaseLostError(LedgerError):
    """The lease has ended: another may hold what it was for."""


class LockNotAcquiredError(RotaError):
    """The lock is held by others."""


class HandlerProcessError(RotaError):
    """The handler's process was killed, or died."""


class CommandError(RotaError):
    """The command failed."""

    def __init__(self, message: str | None = None, *, exit_code: int | None = None, output: str = "") -> None:
        """What a job's command raises unless it ends with exit code 0: `Retry(on=[CommandError])`."""
        super().__init__(message)
        self.exit_code = exit_code
        """What it ended with, below 0 the number of a signal; None where it could not be started, or nobody knows."""
        self.output = output
        """The end of what it printed: up to 20 lines, and 700 characters."""


class GiveUp(RotaError):  # noqa: N818 - a word to rota, not a mistake
    """The run is given up."""

    def __init__(self, reason: str | None = None) -> None:
        """A handler raises it to fail for good: its run gets no more attempts, and goes to the dead letters."""
        super().__init__(reason)


class RetryAfter(RotaError):  # noqa: N818 - as above
    """The next attempt is to come later."""

    MOST = timedelta(days=7)
    """The longest wait: how long a queue keeps a run."""

    def __init__(self, wait: float | timedelta, reason: str | None = None) -> None:
        """A handler raises it to fail this attempt, the next not before `wait` (seconds, or a timedelta) from now.

        Raises `ValueError` for what is no such wait, is below zero, or above 7 days.
        """
        try:
            given = wait if isinstance(wait, timedelta) else timedelta(seconds=wait)
        except (TypeError, ValueError, OverflowError):  # such as a string, not a number, infinity
            given = None
        if given is None or not timedelta() <= given <= self.MOST:
            raise ValueError(f"RetryAfter: wait must be seconds or a timedelta, from 0 to 7 days; got {wait!r}")
        super().__init__(reason)
        self.wait = given
        """How long to wait."""
