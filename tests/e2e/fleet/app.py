"""The app of the end-to-end tests: two stages of one manifest in one account."""

import aws_cdk as cdk
from jobs import manifest

from rota_cdk import Rota

app = cdk.App()
for stage in ("default", "staging"):
    Rota(cdk.Stack(app, f"Fleet-{stage}"), "Jobs", manifest=manifest, stage=stage)
app.synth()
