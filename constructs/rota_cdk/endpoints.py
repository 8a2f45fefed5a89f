"""Where a declared `Endpoint` is: behind a listener of a load balancer, or at an address of the internet."""

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from functools import cached_property
from typing import Literal

from aws_cdk import Stack, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from rota.targets import Endpoint
from rota.trigger.config import EndpointConfig

Scheme = Literal["http", "https"]


@dataclass(frozen=True)
class AlbEndpoint:
    """An endpoint behind an Application Load Balancer.

    The trigger connects to the load balancer's own DNS name. With HTTPS it asks there for the certificate of `host`,
    and checks it. An internal balancer is reached from within its VPC, an internet-facing one from outside of it.

    - `listener`: that of the balancer. Plain HTTP is accepted of an internal balancer alone, with a warning at synth.
    - `host`: the name that the listener's certificate has, and the `Host` header; needed with HTTPS. The balancer's
      DNS name unless given.
    - `load_balancer`, `internal`, `protocol`, `port`: for a listener that is imported, of which the app cannot know
      them. `load_balancer` is then needed, with its DNS name and, if it is internal, its VPC; `internal` where that
      name is known at deploy alone; `protocol` is "https" unless given, `port` 443 (80 with "http").
    - `priority`: makes a rule of the listener, from 1 to 50000: requests to the endpoint's path and below it, of
      `host` if that is given, are forwarded to `target_group`. None, unless given, makes none: the listener's own
      rules have to forward them.
    - `target_group`: where that rule forwards to; where the listener's default action does, unless given. And the
      servers of `EveryServer`, in the trigger's VPC: targets of type ip or instance.
    - `server_scheme`: how these are asked one by one, "http" or "https"; needed for `EveryServer`. Their security
      group must let the trigger in: `trigger.connections.allow_to(service, ec2.Port.tcp(8080))`.
    - `server_name`: the name in the certificate of each, with "https".

    What cannot be is a `SynthError` of the `FanoutTrigger` or `Rota` that it is given to.
    """

    listener: elbv2.IApplicationListener
    _: KW_ONLY
    host: str | None = None
    load_balancer: elbv2.IApplicationLoadBalancer | None = None
    internal: bool | None = None
    protocol: Scheme | None = None
    port: int | None = None
    priority: int | None = None
    target_group: elbv2.IApplicationTargetGroup | None = None
    server_scheme: Scheme | None = None
    server_name: str | None = None

    @cached_property
    def _own(self) -> elbv2.CfnListener | None:
        """The listener's resource; None where it is imported."""
        found = self.listener.node.default_child
        return found if isinstance(found, elbv2.CfnListener) else None

    @cached_property
    def balancer(self) -> elbv2.IApplicationLoadBalancer | None:
        """The load balancer; None where the listener is imported and it is not given."""
        return self.load_balancer or getattr(self.listener, "load_balancer", None)

    @property
    def is_imported(self) -> bool:
        """Whether the listener is not made in this app."""
        return self._own is None

    @cached_property
    def over_tls(self) -> bool:
        """Whether the listener speaks HTTPS."""
        return (self.protocol or "https") == "https" if self._own is None else self._own.protocol == "HTTPS"

    @cached_property
    def at_port(self) -> int:
        """The listener's port."""
        known = self.port if self._own is None else self._own.port
        return int(known or (443 if self.over_tls else 80))

    @cached_property
    def address(self) -> str | None:
        """The load balancer's DNS name, mostly a Token; None where it is imported without."""
        try:
            return self.balancer.load_balancer_dns_name if self.balancer else None
        except RuntimeError:  # what jsii raises for it
            return None

    @cached_property
    def is_internal(self) -> bool | None:
        """Whether the load balancer has private addresses alone; None where nobody knows."""
        made = self.balancer.node.default_child if self.balancer else None
        if isinstance(made, elbv2.CfnLoadBalancer):
            return made.scheme == "internal"
        if self.internal is not None or self.address is None or Token.is_unresolved(self.address):
            return self.internal
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html
        return self.address.startswith("internal-")

    @cached_property
    def is_stand_in(self) -> bool:
        """Whether the load balancer is yet to be looked up (`from_lookup`): the first synth has to reach its end with
        what CDK says in its place, before the command line asks AWS and synthesises anew."""
        return self.balancer is not None and _STAND_IN_BALANCER in self.balancer.load_balancer_arn

    @property
    def vpc(self) -> ec2.IVpc | None:
        """The load balancer's VPC; None where it is imported without."""
        return self.balancer.vpc if self.balancer else None

    @property
    def idle_timeout(self) -> timedelta | None:
        """How long the load balancer waits for an answer, known at the end of the synth; None where nobody knows."""
        made = self.balancer.node.default_child if self.balancer else None
        if not isinstance(made, elbv2.CfnLoadBalancer):
            return None
        attributes = Stack.of(made).resolve(made.load_balancer_attributes) or []
        said = {attribute["key"]: attribute["value"] for attribute in attributes}
        seconds = said.get("idle_timeout.timeout_seconds", _IDLE_TIMEOUT)
        return timedelta(seconds=int(seconds)) if str(seconds).isdigit() else None

    @property
    def default_actions(self) -> object | None:
        """The listener's default actions, known at the end of the synth; None where it is imported."""
        return None if self._own is None else self._own.default_actions

    def config(self, endpoint: Endpoint, *, ledger: bool) -> EndpointConfig:
        """What the trigger has to know of it. `ledger`: whether there is one."""
        asked = self.target_group if self.server_scheme else None
        return EndpointConfig(
            address=self.address or "",
            port=self.at_port,
            tls=self.over_tls,
            host=self.host or self.address or "",
            path=endpoint.path,
            idle_timeout=endpoint.idle_timeout.total_seconds(),
            lease=endpoint.lease.total_seconds(),
            ledger=endpoint.ledger and ledger,
            target_group=asked.target_group_arn if asked else None,
            server_tls=self.server_scheme == "https",
            server_name=self.server_name,
        )


@dataclass(frozen=True)
class UrlEndpoint:
    """An endpoint at an address that is reached over the internet: behind a CDN, a gateway, or in another account.

    - `url`: `https://` and a host, with a port if it is not 443, and what stands before the endpoint's path, if
      anything does. The path itself is added: of `UrlEndpoint("https://example.com/eu")` and a path of "/jobs" comes
      https://example.com/eu/jobs.

    What cannot be is a `SynthError` of the `FanoutTrigger` or `Rota` that it is given to.
    """

    url: str

    @cached_property
    def _parts(self) -> re.Match[str] | None:
        return _URL.fullmatch(self.url)

    @property
    def is_readable(self) -> bool:
        """Whether it is a URL of `https://`, host, port and path."""
        return self._parts is not None

    @property
    def host(self) -> str:
        """Its host; empty where it is not readable."""
        return self._parts["host"] if self._parts else ""

    @property
    def prefix(self) -> str:
        """What stands before the endpoint's path; mostly empty."""
        return self._parts["path"].rstrip("/") if self._parts else ""

    def config(self, endpoint: Endpoint, *, ledger: bool) -> EndpointConfig:
        """What the trigger has to know of it. `ledger`: whether there is one."""
        port = self._parts["port"] if self._parts else None
        return EndpointConfig(
            address=self.host,
            port=int(port or 443),
            tls=True,
            host=self.host,
            path=self.prefix + endpoint.path,
            idle_timeout=endpoint.idle_timeout.total_seconds(),
            lease=endpoint.lease.total_seconds(),
            ledger=endpoint.ledger and ledger,
        )


Place = AlbEndpoint | UrlEndpoint
"""Where an endpoint is."""
Places = Mapping[str, Place] | Mapping[Endpoint, Place] | Mapping[str | Endpoint, Place]
"""Where each is, by its name or its declaration."""

_STAND_IN_BALANCER = ":loadbalancer/application/my-load-balancer/"
"""In an ARN that CDK makes up; those of AWS have "app" there."""
_IDLE_TIMEOUT = 60
"""Seconds, unless set.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html"""
_TOKEN = r"\$\{Token\[[^\]]+\]\}"  # noqa: S105 - a value of CDK's that is known at deploy
_URL = re.compile(rf"https://(?P<host>(?:{_TOKEN}|[A-Za-z0-9.-])+)(?::(?P<port>[0-9]+))?(?P<path>(?:/[^?#\s]*)?)")
