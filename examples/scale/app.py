"""The CDK app of `make scale`: one stack with what the jobs share, and shards beside it with the jobs."""

import aws_cdk as cdk
from examples.scale.jobs import SHARDS, manifest

from rota_cdk import Rota

app = cdk.App()
Rota(cdk.Stack(app, "Scale"), "Jobs", manifest=manifest, schedules_with="scheduler", shards=SHARDS)
app.synth()
