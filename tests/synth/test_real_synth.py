"""What `cdk synth` of a real app checks besides: CloudFormation's schemas and cdk-nag."""

import pytest
from aws_cdk import Acknowledgment, App, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from rota import Cron, Endpoint, EveryServer, Job, Manifest
from rota_cdk import AlbEndpoint, Rota, UrlEndpoint


@pytest.fixture
def app():
    app = App()
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
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


@pytest.fixture
def network(app):
    """A stack for load balancers, whose own findings are not rota's."""
    network = Stack(app, "Network")
    for finding in ("VPC7", "ELB2", "EC23"):
        Validations.of(network).acknowledge(
            Acknowledgment(id=f"AwsSolutions::AwsSolutions-{finding}", reason="The network is not what is tested here.")
        )
    return network


@pytest.mark.parametrize("internal", [True, False])
def test_they_find_nothing_in_a_trigger_either(app, network, balance, capfd, internal):
    stack = Stack(app, "Shop")
    there = balance(scope=network, internal=internal)
    web, cdn = Endpoint(name="web"), Endpoint(name="cdn", ledger=False)
    jobs = [
        Job(name=f"job-{n}", handler="shop.jobs:run", target=target, schedule=Cron("0 2 * * *"))
        for n, target in enumerate([web, [web, cdn], EveryServer(web) if internal else web])
    ]
    asked = {"target_group": there.servers, "server_scheme": "http"} if internal else {}
    rota = Rota(
        stack,
        "Jobs",
        manifest=Manifest(name="shop", jobs=jobs),
        endpoints={
            web: AlbEndpoint(there.listener, host="app.example.com", priority=10, **asked),
            cdn: UrlEndpoint("https://example.com"),
        },
        together=[["job-0", "job-1"]],
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True) if internal else None,
    )
    server = iam.Role(stack, "Server", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    person = iam.Role(stack, "Person", assumed_by=iam.AccountRootPrincipal())
    rota.grant_verify(server)
    rota.grant_enqueue(server)
    rota.grant_operate(person)
    rota.grant_rotate(person)

    app.synth()

    printed = capfd.readouterr()
    assert "ERROR" not in printed.err + printed.out
    assert "WARNING" not in printed.err + printed.out


def test_a_trigger_in_the_clear_is_warned_of_at_the_real_synth(app, network, balance, declare):
    web = Endpoint(name="web")
    there = balance(scope=network, https=False)
    jobs = Manifest(name="shop", jobs=[declare("close-books", target=web)])
    Rota(Stack(app, "Shop"), "Jobs", manifest=jobs, endpoints={"web": AlbEndpoint(there.listener)})

    assembly = app.synth()

    warned = [message.entry.data for message in assembly.get_stack_by_name("Shop").messages]
    assert any("endpoint 'web': its listener speaks plain HTTP" in str(said) for said in warned)
