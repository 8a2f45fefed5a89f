"""The app of the tests of the operating commands."""

import aws_cdk as cdk
from jobs import manifest

from rota_cdk import Rota

app = cdk.App()
Rota(cdk.Stack(app, "Operate"), "Jobs", manifest=manifest)
app.synth()
