"""What `cdk synth` of a real app checks besides: CloudFormation's schemas and cdk-nag."""

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from cdk_nag import AwsSolutionsChecks

from rota_cdk import Rota


@pytest.fixture
def app():
    app = App()
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def test_cdk_nag_and_the_schemas_of_cloudformation_find_nothing(app, shop, capfd):
    stack = Stack(app, "Shop")
    server = iam.Role(stack, "Server", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    person = iam.Role(stack, "Person", assumed_by=iam.AccountRootPrincipal())
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    for index, (stage, schedules_with) in enumerate([("staging", "rules"), ("production", "scheduler")]):
        rota = Rota(
            stack,
            stage.capitalize(),
            manifest=shop,
            stage=stage,
            schedules_with=schedules_with,
            encryption_key=key if index else None,
        )
        rota.grant_consume(server)
        rota.grant_enqueue(server)
        rota.grant_operate(person)

    app.synth()

    printed = capfd.readouterr()
    assert "ERROR" not in printed.err + printed.out
    assert "WARNING" not in printed.err + printed.out
