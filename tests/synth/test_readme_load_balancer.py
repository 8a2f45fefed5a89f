"""The README's "Or behind a load balancer": its lines deploy what they say, in a stack with a balancer and servers."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk.assertions import Match, Template

import rota_cdk

README = Path(__file__).parents[2] / "README.md"
SECTION = README.read_text(encoding="utf-8").split("\n## Or behind a load balancer\n")[1].split("\n## ")[0]
BLOCKS = re.findall(r"^```python\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)


@pytest.fixture
def manifest(monkeypatch):
    (block,) = [block for block in BLOCKS if block.startswith("# jobs.py")]
    module = ModuleType("jobs")
    monkeypatch.setitem(sys.modules, "jobs", module)
    exec(compile(block, README, "exec"), vars(module))
    return module.manifest


@pytest.mark.parametrize("internet_facing", [True, False])
def test_its_lines_deploy_a_trigger_and_a_rule(manifest, stack, internet_facing):
    vpc = ec2.Vpc(stack, "Network", max_azs=2)
    balancer = elbv2.ApplicationLoadBalancer(stack, "Balancer", vpc=vpc, internet_facing=internet_facing)
    certificate = elbv2.ListenerCertificate.from_arn("arn:aws:acm:eu-west-1:123456789012:certificate/0e9d")
    listener = balancer.add_listener("Https", port=443, certificates=[certificate])
    listener.add_targets("Servers", port=8080, protocol=elbv2.ApplicationProtocol.HTTP)

    (block,) = [block for block in BLOCKS if block.startswith("# app.py")]
    there = {"stack": stack, "listener": listener, "manifest": manifest, **vars(rota_cdk)}
    exec(compile(block.partition("\n# the application")[0], README, "exec"), there)

    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        {
            "Priority": 10,
            "Actions": [{"Type": "forward", "TargetGroupArn": Match.any_value()}],
            "Conditions": Match.array_with(
                [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/jobs", "/jobs/*"]}}]
            ),
        },
    )
    template.resource_count_is("AWS::Events::Rule", len([job for job in manifest.jobs if job.schedule]))
    template.resource_count_is("AWS::Lambda::Function", 1)
