"""Every error rota raises: one base, and a child for each thing that can be wrong.

The docstring of a class is its default message, so that what a reader of this file sees is what a user sees.
"""

from collections.abc import Sequence


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
