"""The servers behind an endpoint, as its target group tells them. A server's id is its target's and the port:
"10.0.1.5:8080", "i-0abc:8080".

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html
"""

from typing import Any

from rota.trigger.aws import Aws, AwsError

_ELB, _EC2 = "2015-12-01", "2016-11-15"
"""The versions of the services' interfaces."""


def healthy(aws: Aws, target_group: str) -> tuple[str, ...]:
    """The ids of those that may be sent runs, sorted. There are no pages. Raises `AwsError`."""
    said = aws.query("elasticloadbalancing", "DescribeTargetHealth", _ELB, {"TargetGroupArn": target_group})
    found = {
        f"{_text(one, 'Target/Id')}:{_text(one, 'Target/Port')}"
        for one in said.iterfind(".//{*}TargetHealthDescriptions/{*}member")
        if _text(one, "TargetHealth/State") == "healthy"
    }
    return tuple(sorted(found))


def address(aws: Aws, server: str) -> tuple[str, int]:
    """Where the server of that id is: for one of EC2, its private address. Raises `AwsError`."""
    name, _, port = server.rpartition(":")
    if not name or not port.isdecimal():
        raise AwsError("ec2 DescribeInstances", f"{server!r} is no server's id: an address or instance, and a port")
    if not name.startswith("i-"):
        return name, int(port)
    # No pages, for one that is named.
    said = aws.query("ec2", "DescribeInstances", _EC2, {"InstanceId.1": name})
    for found in said.iterfind(".//{*}instancesSet/{*}item"):
        if private := _text(found, "privateIpAddress"):
            return private, int(port)
    raise AwsError("ec2 DescribeInstances", f"instance {name} has no private address")


def _text(element: Any, path: str) -> str:
    return element.findtext("/".join(f"{{*}}{step}" for step in path.split("/"))) or ""
