"""The code of docs/how-to/behind-a-load-balancer.md: what it deploys is what the page says."""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

PAGE = Path(__file__).parents[2] / "docs/how-to/behind-a-load-balancer.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def execute(mark: str, name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The block of the page that has `mark`, as a module of its own."""
    (block,) = [block for block in BLOCKS if mark in block]
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(block, PAGE, "exec"), vars(module))
    return vars(module)


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Template:
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path))
    execute("# jobs.py", "jobs", monkeypatch)
    return Template.from_stack(execute("# app.py", "app_of_the_page", monkeypatch)["stack"])


def test_it_deploys_a_trigger_outside_of_the_vpc_and_a_rule_of_the_listener(deployed: Template) -> None:
    deployed.has_resource_properties(
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        {
            "Priority": 10,
            "Conditions": Match.array_with(
                [
                    {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/jobs", "/jobs/*"]}},
                    {"Field": "host-header", "HostHeaderConfig": {"Values": ["app.example.com"]}},
                ]
            ),
        },
    )
    deployed.has_resource_properties(
        "AWS::Lambda::Function", {"Handler": "rota.trigger.function.handler", "VpcConfig": Match.absent()}
    )
    deployed.has_resource_properties("AWS::ElasticLoadBalancingV2::TargetGroup", {"HealthCheckPath": "/jobs/health"})


def test_its_server_may_do_what_the_page_says(deployed: Template) -> None:
    policies = deployed.find_resources("AWS::IAM::Policy")
    of_server = [policy for name, policy in policies.items() if name.startswith("ServerRole")]
    allowed = {
        action
        for policy in of_server
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in (statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]])
    }
    assert {"ssm:GetParameter", "secretsmanager:GetSecretValue", "dynamodb:PutItem"} <= allowed
    assert not {action for action in allowed if action.startswith(("sqs:", "secretsmanager:Put"))}


def test_every_server_is_asked_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_ecs as ecs
    from aws_cdk import aws_elasticloadbalancingv2 as elb

    from rota_cdk import Rota

    manifest = execute("EveryServer(web)", "jobs", monkeypatch)["manifest"]
    page = execute("def every(", "every_of_the_page", monkeypatch)
    stack = cdk.Stack(cdk.App(), "Shop")
    vpc = ec2.Vpc(stack, "Network")
    balancer = elb.ApplicationLoadBalancer(stack, "Balancer", vpc=vpc)
    certificate = elb.ListenerCertificate.from_arn("arn:aws:acm:eu-west-1:123456789012:certificate/0e9d")
    listener = balancer.add_listener("Https", port=443, certificates=[certificate])
    task = ecs.FargateTaskDefinition(stack, "Task")
    task.add_container(
        "web",
        image=ecs.ContainerImage.from_registry("web"),
        port_mappings=[ecs.PortMapping(container_port=8080)],
    )
    service = ecs.FargateService(stack, "Service", cluster=ecs.Cluster(stack, "Cluster", vpc=vpc), task_definition=task)
    servers = listener.add_targets("Servers", port=8080, protocol=elb.ApplicationProtocol.HTTP, targets=[service])
    trigger = Rota(stack, "Jobs", manifest=manifest, endpoints={"web": page["every"](listener, servers)}).trigger
    page["open_servers"](service, trigger)
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::EC2::SecurityGroupIngress", {"FromPort": 8080, "SourceSecurityGroupId": Match.any_value()}
    )
