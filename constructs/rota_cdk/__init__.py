"""rota_cdk: the queues, rules, schedules, trigger and ledger of a rota manifest, as AWS CDK constructs.

Names are imported when they are first used: the pytest plugin is found in this package by every pytest that there is,
and CDK, which takes a second and starts Node, is for those who make something of it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rota_cdk.endpoints import AlbEndpoint, UrlEndpoint
    from rota_cdk.errors import SynthError
    from rota_cdk.fanout_trigger import FanoutTrigger
    from rota_cdk.job_queue import JobQueue
    from rota_cdk.rota import Rota
    from rota_cdk.run_ledger import RunLedger
    from rota_cdk.scheduled_job import ScheduledJob

_HOMES = {
    "AlbEndpoint": "endpoints",
    "FanoutTrigger": "fanout_trigger",
    "JobQueue": "job_queue",
    "Rota": "rota",
    "RunLedger": "run_ledger",
    "ScheduledJob": "scheduled_job",
    "SynthError": "errors",
    "UrlEndpoint": "endpoints",
}

__all__ = [
    "AlbEndpoint",
    "FanoutTrigger",
    "JobQueue",
    "Rota",
    "RunLedger",
    "ScheduledJob",
    "SynthError",
    "UrlEndpoint",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'rota_cdk' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"rota_cdk.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
