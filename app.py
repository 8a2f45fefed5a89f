"""The CDK app: one stack with everything that the manifest declares, checked by cdk-nag's AwsSolutions pack."""

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from jobs import manifest

from rota_cdk import Rota

app = cdk.App()
stack = cdk.Stack(app, "Shop")
Rota(stack, "Jobs", manifest=manifest, stage=app.node.try_get_context("stage") or "default")
cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
