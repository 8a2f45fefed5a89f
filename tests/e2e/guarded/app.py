"""Two stages of one manifest in one account, and roles with one grant each."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from office import manifest

from rota_cdk import Rota

app = cdk.App()
for stage in ("default", "staging"):
    stack = cdk.Stack(app, f"Office-{stage}")
    rota = Rota(stack, "Jobs", manifest=manifest, stage=stage)
    for name, grant in {
        "worker": rota.grant_consume,
        "web": rota.grant_enqueue,
        "operator": rota.grant_operate,
    }.items():
        grant(iam.Role(stack, name, role_name=f"{stage}-{name}", assumed_by=iam.AccountRootPrincipal()))
    secretsmanager.Secret(stack, "Secret", secret_name=f"{stage}-secret")
app.synth()
