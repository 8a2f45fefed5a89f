"""rota_cdk: the queues, rules and schedules of a rota manifest, as AWS CDK constructs."""

from rota_cdk.errors import SynthError
from rota_cdk.job_queue import JobQueue
from rota_cdk.rota import Rota
from rota_cdk.scheduled_job import ScheduledJob

__all__ = ["JobQueue", "Rota", "ScheduledJob", "SynthError"]
