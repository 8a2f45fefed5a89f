"""rota_cdk: the queues, rules, schedules, trigger and ledger of a rota manifest, as AWS CDK constructs."""

from rota_cdk.endpoints import AlbEndpoint, UrlEndpoint
from rota_cdk.errors import SynthError
from rota_cdk.fanout_trigger import FanoutTrigger
from rota_cdk.job_queue import JobQueue
from rota_cdk.rota import Rota
from rota_cdk.run_ledger import RunLedger
from rota_cdk.scheduled_job import ScheduledJob

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
