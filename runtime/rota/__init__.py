"""rota: Python jobs and crons for fleets of servers on AWS.

Names are imported when they are first used (PEP 562), so that `import rota` costs next to nothing and brings in neither
boto3 nor pydantic nor the worker.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rota.client import Client, EnqueueFailure, PartialEnqueueError
    from rota.errors import (
        BackendError,
        CommandError,
        EnqueueError,
        EnvelopeError,
        GiveUp,
        HandlerError,
        HandlerProcessError,
        LeaseLostError,
        LedgerError,
        LockNotAcquiredError,
        ManifestError,
        PayloadError,
        RetryAfter,
        RotaError,
        ScheduleError,
        SettingsError,
        SignatureError,
    )
    from rota.exclusion import Lock, Unique
    from rota.manifest import Job, Manifest
    from rota.retry import Retry
    from rota.run import Outcome, Run
    from rota.schedules import Cron, Every, Once, Schedule
    from rota.targets import Endpoint, EveryServer, Queue
    from rota.worker import Worker

__version__ = "0.1.0"

_HOMES = {
    "Client": "client",
    "EnqueueFailure": "client",
    "PartialEnqueueError": "client",
    "BackendError": "errors",
    "CommandError": "errors",
    "EnqueueError": "errors",
    "EnvelopeError": "errors",
    "GiveUp": "errors",
    "HandlerError": "errors",
    "HandlerProcessError": "errors",
    "LeaseLostError": "errors",
    "LedgerError": "errors",
    "LockNotAcquiredError": "errors",
    "ManifestError": "errors",
    "PayloadError": "errors",
    "RetryAfter": "errors",
    "RotaError": "errors",
    "ScheduleError": "errors",
    "SettingsError": "errors",
    "SignatureError": "errors",
    "Lock": "exclusion",
    "Unique": "exclusion",
    "Endpoint": "targets",
    "EveryServer": "targets",
    "Job": "manifest",
    "Manifest": "manifest",
    "Queue": "targets",
    "Retry": "retry",
    "Outcome": "run",
    "Run": "run",
    "Cron": "schedules",
    "Every": "schedules",
    "Once": "schedules",
    "Schedule": "schedules",
    "Worker": "worker",
}

__all__ = [
    "BackendError",
    "Client",
    "CommandError",
    "Cron",
    "Endpoint",
    "EnqueueError",
    "EnqueueFailure",
    "EnvelopeError",
    "Every",
    "EveryServer",
    "GiveUp",
    "HandlerError",
    "HandlerProcessError",
    "Job",
    "LeaseLostError",
    "LedgerError",
    "Lock",
    "LockNotAcquiredError",
    "Manifest",
    "ManifestError",
    "Once",
    "Outcome",
    "PartialEnqueueError",
    "PayloadError",
    "Queue",
    "Retry",
    "RetryAfter",
    "RotaError",
    "Run",
    "Schedule",
    "ScheduleError",
    "SettingsError",
    "SignatureError",
    "Unique",
    "Worker",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'rota' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"rota.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
