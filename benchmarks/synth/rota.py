"""rota: one construct for all of them, and each job a construct that can be found."""

import aws_cdk as cdk
from benchmarks.synth import Due, stacks_of
from benchmarks.synth.stacks import new_stack

from rota import Cron, Job, Manifest, Queue
from rota_cdk import Rota


def build(app: cdk.App, jobs: list[Due]) -> None:
    work = Queue(name="work")
    declared = [
        Job(
            name=due.name,
            handler="shop.handlers:run",
            target=work,
            schedule=Cron(f"{due.minute} {due.hour} * * *"),
        )
        for due in jobs
    ]
    manifest = Manifest(name="shop", jobs=declared)
    Rota(new_stack(app, "Shop"), "Jobs", manifest=manifest, schedules_with="scheduler", shards=stacks_of(len(jobs)))
