"""The CDK app: one stack with everything that the manifest declares, checked by cdk-nag's AwsSolutions pack."""

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from examples.shop.balancer import Balancer
from jobs import manifest, web

from rota_cdk import AlbEndpoint, Rota

app = cdk.App()
stack = cdk.Stack(app, "Shop")
balancer = Balancer(stack, "Web", health_path=f"{web.path}/health")
Rota(
    stack,
    "Jobs",
    manifest=manifest,
    stage=app.node.try_get_context("stage") or "default",
    endpoints={"web": AlbEndpoint(balancer.listener)},
)
cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
