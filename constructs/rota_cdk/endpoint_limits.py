"""What an endpoint's place must be, as tables like those of `rota_cdk.validation`."""

import math
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import get_args

import jsii
from aws_cdk import Annotations, Token
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct, IValidation

from rota.targets import Endpoint
from rota_cdk import validation
from rota_cdk.endpoints import AlbEndpoint, Place, Scheme, UrlEndpoint
from rota_cdk.validation import Limit

MAX_PRIORITY = 50000
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-update-rules.html"""
MAX_PATTERN = 128
"""Characters of a path or a host in a rule.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"""
AROUND = timedelta(seconds=30)
"""What the trigger takes at the most around the longest answer: reading keys, connecting, and telling SQS."""

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+")


def check(scope: Construct, endpoint: Endpoint, place: object) -> None:
    """Raises `SynthError`, naming the endpoint, for a place that cannot be; warns of one that is not encrypted."""
    subject = f"endpoint {endpoint.name!r}"
    validation.check(subject, place, PLACE)
    validation.check(subject, place, KIND)
    if isinstance(place, UrlEndpoint):
        validation.check(subject, (endpoint, place), URL)
    if isinstance(place, AlbEndpoint):
        validation.check(subject, place, KNOWN)
        validation.check(subject, place, ALB)
        validation.check(subject, (endpoint, place), RULE)
        if not place.over_tls:
            Annotations.of(scope).add_warning_v2(
                f"rota:plain-http-{endpoint.name}",
                f"{subject}: its listener speaks plain HTTP, so runs and answers can be read within the VPC, though "
                "not be altered, for they are signed; give the listener a certificate and host=, or acknowledge this",
            )
        # Attributes may be set by later lines of the program.
        scope.node.add_validation(_IdleTimeout(endpoint, place))


@jsii.implements(IValidation)
class _IdleTimeout:
    """Whether a load balancer of this app waits as long as the endpoint says."""

    def __init__(self, endpoint: Endpoint, place: AlbEndpoint) -> None:
        self._endpoint, self._place = endpoint, place

    def validate(self) -> list[str]:
        """The problem, as CDK asks for it; it ends the synth."""
        waits, said = self._place.idle_timeout, self._endpoint.idle_timeout
        if waits is None or waits >= said:
            return []
        problem = (
            f"endpoint {self._endpoint.name!r}: its idle_timeout is {said}, and its load balancer waits {waits}, and "
            f"would answer in a server's place after that; give ApplicationLoadBalancer(idle_timeout=Duration.seconds("
            f"{math.ceil(said.total_seconds())})), or Endpoint(idle_timeout=timedelta(seconds={waits.seconds}))"
        )
        return [problem]


PLACE: Sequence[Limit[object]] = (
    Limit(
        lambda place: not isinstance(place, Place),
        lambda place: f'must be AlbEndpoint(listener) or UrlEndpoint("https://..."); got {place!r}',
    ),
)

KIND: Sequence[Limit[object]] = (
    Limit(
        lambda place: isinstance(place, UrlEndpoint) and not isinstance(place.url, str),
        lambda place: f'url must be a text, "https://..."; got {getattr(place, "url", None)!r}',
    ),
    Limit(
        lambda place: isinstance(place, AlbEndpoint) and not _is_listener(place.listener),
        lambda place: f"listener must be an ApplicationListener; got {_got(getattr(place, 'listener', None))}",
    ),
    Limit(
        lambda place: isinstance(place, AlbEndpoint) and not _is_number(place.priority),
        lambda place: (
            f"priority must be a number from 1 to {MAX_PRIORITY}, or None for no rule; got "
            f"{getattr(place, 'priority', None)!r}"
        ),
    ),
    Limit(
        lambda place: isinstance(place, AlbEndpoint) and not isinstance(place.host, str | None),
        lambda place: f'host must be a name such as "app.example.com"; got {getattr(place, "host", None)!r}',
    ),
)
"""What is asked before anything else, for the other limits take it for granted."""


def _is_listener(given: object) -> bool:
    return hasattr(given, "listener_arn") and not isinstance(given, elbv2.NetworkListener)


def _is_number(given: object) -> bool:
    return given is None or Token.is_unresolved(given) or (isinstance(given, int) and not isinstance(given, bool))


def _got(given: object) -> str:
    if isinstance(given, str):
        return f"{given!r}; import it: ApplicationListener.from_application_listener_attributes(listener_arn=...)"
    if hasattr(given, "load_balancer_arn"):
        return "a load balancer; give the one of its listeners that it is reached by, as add_listener returns it"
    if isinstance(given, elbv2.NetworkListener):
        return "a NetworkListener; a Network Load Balancer passes connections on and has no rules: give UrlEndpoint"
    return f"{given!r}; give what add_listener of an ApplicationLoadBalancer returns"


URL: Sequence[Limit[tuple[Endpoint, UrlEndpoint]]] = (
    Limit(
        lambda given: given[1].url.lower().startswith("http://"),
        lambda given: (
            f"{given[1].url} is plain HTTP over the internet, where anybody on the way can read runs and answers; give "
            "https://, or AlbEndpoint(listener) for an internal load balancer"
        ),
    ),
    Limit(
        lambda given: not given[1].is_readable and not given[1].url.lower().startswith("http://"),
        lambda given: (
            'url must read "https://host", a port and a path behind it if need be, without user, query and fragment; '
            f"got {given[1].url!r}"
            + (
                "; its beginning must be known at synth: write https:// and put the Token behind it"
                if Token.is_unresolved(given[1].url)
                else ""
            )
        ),
    ),
    Limit(
        lambda given: (given[1].prefix + "/").endswith(given[0].path + "/"),
        lambda given: (
            f"{given[1].url} ends in the endpoint's path, which is added by itself; give "
            f"{given[1].url.rstrip('/').removesuffix(given[0].path)}"
        ),
    ),
)

KNOWN: Sequence[Limit[AlbEndpoint]] = (
    Limit(
        lambda place: place.balancer is None,
        lambda _: "its listener is imported, so its load balancer is not known; give load_balancer=",
    ),
    Limit(
        lambda place: place.balancer is not None and place.address is None,
        lambda _: "load_balancer= is imported without its DNS name; give load_balancer_dns_name where it is imported",
    ),
    Limit(
        lambda place: place.address is not None and place.is_internal is None,
        lambda _: "load_balancer= is imported under a name that only the deploy knows; give internal=True or False",
    ),
    Limit(
        lambda place: not place.is_imported and (place.protocol, place.port) != (None, None),
        lambda place: (
            f"protocol= and port= are for an imported listener; this one is known: it has port {place.at_port}, and "
            f"{'HTTPS' if place.over_tls else 'HTTP'}. Leave them out"
        ),
    ),
    Limit(
        lambda place: place.protocol not in (None, *get_args(Scheme)),
        lambda place: f'protocol must be "https" or "http"; got {place.protocol!r}',
    ),
    Limit(
        lambda place: place.internal is not None and place.internal != place.is_internal,
        lambda place: (
            f"internal is {place.internal}, but the load balancer is known to be "
            f"{'internal' if place.is_internal else 'internet-facing'}; leave internal= out"
        ),
    ),
)

ALB: Sequence[Limit[AlbEndpoint]] = (
    Limit(
        lambda place: place.over_tls and place.host is None,
        lambda _: (
            "its listener has HTTPS, and no certificate has the load balancer's own name; give host=, a name that is "
            'in the certificate, such as host="app.example.com"'
        ),
    ),
    Limit(
        lambda place: not place.over_tls and not place.is_internal and not place.is_stand_in,
        lambda _: (
            "its listener speaks plain HTTP on an internet-facing load balancer, where anybody on the way can read "
            "runs and answers; give a listener with a certificate and host=, or one of an internal load balancer"
        ),
    ),
    Limit(
        lambda place: (
            place.host is not None and not Token.is_unresolved(place.host) and not _HOST.fullmatch(place.host)
        ),
        lambda place: f'host must be a name such as "app.example.com", without port and wildcard; got {place.host!r}',
    ),
    Limit(
        lambda place: place.priority is not None and not 1 <= place.priority <= MAX_PRIORITY,
        lambda place: f"priority must be from 1 to {MAX_PRIORITY}, or None for no rule; got {place.priority}",
    ),
    Limit(
        lambda place: place.priority is not None and place.is_imported and place.target_group is None,
        lambda _: "its listener is imported, so where it forwards to is not known; give target_group= beside priority=",
    ),
    Limit(
        lambda place: place.server_scheme not in (None, *get_args(Scheme)),
        lambda place: f'server_scheme must be "http" or "https"; got {place.server_scheme!r}',
    ),
    Limit(
        lambda place: place.server_scheme is not None and place.target_group is None,
        lambda _: "server_scheme= says how the servers of a target group are asked; give target_group= as well",
    ),
    Limit(
        lambda place: (place.server_scheme == "https") != (place.server_name is not None),
        lambda place: (
            'server_scheme="https" needs server_name=, the name in the certificate of each server'
            if place.server_name is None
            else f'server_name={place.server_name!r} is checked with server_scheme="https" alone; give both or neither'
        ),
    ),
)

RULE: Sequence[Limit[tuple[Endpoint, AlbEndpoint]]] = (
    Limit(
        lambda given: given[1].priority is not None and len(given[0].path) + len("/*") > MAX_PATTERN,
        lambda given: (
            f"its path has {len(given[0].path)} characters, and a rule (priority=) takes {MAX_PATTERN - len('/*')} and "
            '"/*"; give the Endpoint a shorter path, or leave priority= out and make a rule of your own'
        ),
    ),
    Limit(
        lambda given: (
            given[1].priority is not None
            and given[1].host is not None
            and not Token.is_unresolved(given[1].host)
            and len(given[1].host) > MAX_PATTERN
        ),
        lambda given: (
            f"host has {len(given[1].host or '')} characters, and a rule (priority=) takes {MAX_PATTERN}; leave "
            "priority= out and make a rule of your own, with wildcards"
        ),
    ),
)
