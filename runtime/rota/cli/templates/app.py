"""The CDK app: one stack, with all that the manifest declares."""

import aws_cdk as cdk
from rota_cdk import Rota

from jobs import manifest

app = cdk.App()
stack = cdk.Stack(app, "{{stack}}")
Rota(stack, "Jobs", manifest=manifest, stage="default")
app.synth()
