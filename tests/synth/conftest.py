"""What the synth tests share: a small manifest, and short ways to read a template."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk.assertions import Template

from rota import Cron, Endpoint, Every, Job, Manifest, Once, Queue
from rota_cdk import Rota
from rota_cdk.testing import new_stack, synth

billing = Queue(name="billing", visibility_timeout=timedelta(seconds=30), max_deliveries=7)
reports = Queue(name="reports")


@dataclass(frozen=True)
class Report:
    kind: str = "daily"


def job(name: str, schedule: Any = None, **more: Any) -> Job[Any]:
    return Job(name=name, handler="shop.billing:run", target=more.pop("target", billing), schedule=schedule, **more)


SHOP = Manifest(
    name="shop",
    jobs=[
        job("send-invoice", payload=Report),
        job("close-books", Cron("0 2 * * *"), payload=Report, input=Report("daily"), description="Every night"),
        job("berlin", Cron("0 2 * * *", time_zone="Europe/Berlin")),
        job("every-five-minutes", Every(timedelta(minutes=5))),
        job("every-48-minutes", Every(timedelta(minutes=48))),
        job("every-seven-minutes", Every(timedelta(minutes=7))),
        job("launch", Once(datetime(2031, 5, 1, 12, 30, tzinfo=UTC))),
        job("asleep", Cron("0 3 * * *"), enabled=False),
        job("asleep-in-tokyo", Cron("0 3 * * *", time_zone="Asia/Tokyo"), enabled=False),
        job("report", Cron.aws("0 18 ? * MON-FRI *"), target=reports, payload=Report),
    ],
)


@pytest.fixture(scope="session")
def shop() -> Manifest:
    return SHOP


@pytest.fixture
def stack() -> Stack:
    return new_stack()


@pytest.fixture(scope="session")
def template() -> Mapping[str, Any]:
    """The shop in stage "staging", as JSON."""
    return dict(synth(SHOP, stage="staging").to_json())


@pytest.fixture(scope="session")
def of_type() -> Callable[[Mapping[str, Any], str], list[dict[str, Any]]]:
    """The properties of all resources of a type in a template."""

    def read(template: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
        return [found.get("Properties", {}) for found in template["Resources"].values() if found["Type"] == kind]

    return read


@pytest.fixture(scope="session")
def due() -> Callable[..., dict[str, dict[str, Any]]]:
    """The rules (of type "Events::Rule") or schedules ("Scheduler::Schedule") of a template by their physical names."""

    def read(template: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
        return {
            found["Properties"]["Name"]: found["Properties"]
            for found in template["Resources"].values()
            if found["Type"] == f"AWS::{kind}"
        }

    return read


@pytest.fixture(scope="session")
def statements() -> Callable[..., dict[str, list[dict[str, Any]]]]:
    """The policy of each SQS queue by the queue's physical name."""

    def read(template: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
        resources = template["Resources"]
        return {
            resources[found["Properties"]["Queues"][0]["Ref"]]["Properties"]["QueueName"]: found["Properties"][
                "PolicyDocument"
            ]["Statement"]
            for found in resources.values()
            if found["Type"] == "AWS::SQS::QueuePolicy"
        }

    return read


@pytest.fixture(scope="session")
def resolved() -> Callable[[Any], str]:
    """What CloudFormation makes of a `Fn::Join`; a reference becomes its logical id, or `<logical id>.<attribute>`."""

    def resolve(value: Any) -> str:
        if isinstance(value, str):
            return value
        match value:
            case {"Ref": name}:
                return str(name)
            case {"Fn::GetAtt": [name, attribute]}:
                return f"{name}.{attribute}"
            case {"Fn::Join": [separator, parts]}:
                return str(separator).join(resolve(part) for part in parts)
        raise AssertionError(json.dumps(value))

    return resolve


@pytest.fixture
def as_json() -> Callable[[Stack], dict[str, Any]]:
    return lambda stack: dict(Template.from_stack(stack).to_json())


@pytest.fixture
def deploy(stack: Stack) -> Callable[..., Rota]:
    """A `Rota` in the test's stack."""

    def make(name: str = "Jobs", **keywords: Any) -> Rota:
        return Rota(stack, name, **{"manifest": SHOP} | keywords)

    return make


CERTIFICATE = elbv2.ListenerCertificate.from_arn("arn:aws:acm:eu-west-1:123456789012:certificate/shop")


@dataclass(frozen=True)
class Balancer:
    """A load balancer with one listener, and the target group behind it."""

    vpc: ec2.IVpc
    made: elbv2.ApplicationLoadBalancer
    listener: elbv2.ApplicationListener
    servers: elbv2.ApplicationTargetGroup


@pytest.fixture
def balance(stack: Stack) -> Callable[..., Balancer]:
    """A load balancer in the test's stack, internal and with HTTPS unless told otherwise."""

    def make(
        name: str = "Web",
        *,
        internal: bool = True,
        https: bool = True,
        vpc: Any = None,
        targets: elbv2.TargetType | None = elbv2.TargetType.IP,
        scope: Any = None,
    ) -> Balancer:
        scope = scope or stack
        vpc = vpc or ec2.Vpc(scope, f"{name}Vpc", max_azs=2)
        made = elbv2.ApplicationLoadBalancer(scope, name, vpc=vpc, internet_facing=not internal)
        servers = elbv2.ApplicationTargetGroup(scope, f"{name}Servers", vpc=vpc, port=8080, target_type=targets)
        listener = made.add_listener(
            "Listener",
            port=443 if https else 80,
            open=False,
            certificates=[CERTIFICATE] if https else None,
            default_target_groups=[servers],
        )
        return Balancer(vpc, made, listener, servers)

    return make


@pytest.fixture(scope="session")
def web() -> Endpoint:
    return Endpoint(name="web")


@pytest.fixture
def isolated(stack: Stack) -> ec2.Vpc:
    """A VPC without a way out."""
    subnets = ec2.SubnetConfiguration(name="inside", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    return ec2.Vpc(stack, "Isolated", max_azs=2, subnet_configuration=[subnets])


@pytest.fixture(scope="session")
def declare() -> Callable[..., Job[Any]]:
    """A job of the shop: name, schedule and whatever else."""
    return job
