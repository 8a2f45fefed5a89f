"""The servers behind an endpoint, as its target group tells them.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html
"""

from typing import TYPE_CHECKING

from rota.trigger.aws import Aws, AwsError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_ELB, _EC2 = "2015-12-01", "2016-11-15"
"""The versions of the services' interfaces."""


class Servers:
    """Asks AWS. A server's id is its target's and the port: "10.0.1.5:8080", "i-0abc:8080".

    Its methods raise `AwsError`.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def healthy(self, target_group: str) -> tuple[str, ...]:
        """The ids of those that may be sent runs, sorted. The answer has no pages."""
        said = self._aws.query("elasticloadbalancing", "DescribeTargetHealth", _ELB, {"TargetGroupArn": target_group})
        return tuple(
            sorted(
                {
                    f"{_text(one, 'Target/Id')}:{_text(one, 'Target/Port')}"
                    for one in said.iterfind(".//{*}TargetHealthDescriptions/{*}member")
                    if _text(one, "TargetHealth/State") == "healthy"
                }
            )
        )

    def address(self, server: str) -> tuple[str, int]:
        """Where the server of that id is: for one of EC2, its private address."""
        name, _, port = server.rpartition(":")
        if not name or not port.isdecimal():
            raise AwsError("ec2 DescribeInstances", f"{server!r} is no server's id: an address or instance, and a port")
        return (self._of_instance(name) if name.startswith("i-") else name), int(port)

    def _of_instance(self, instance: str) -> str:
        # No pages, for one that is named.
        said = self._aws.query("ec2", "DescribeInstances", _EC2, {"InstanceId.1": instance})
        for found in said.iterfind(".//{*}instancesSet/{*}item"):
            if address := _text(found, "privateIpAddress"):
                return address
        raise AwsError("ec2 DescribeInstances", f"instance {instance} has no private address")


def _text(element: "Element", path: str) -> str:
    return element.findtext("/".join(f"{{*}}{step}" for step in path.split("/"))) or ""
