"""Rules of one listener that are in each other's way: looked for at the end of the synth, when all are known."""

import json
from collections.abc import Iterator
from typing import Any

import jsii
from aws_cdk import Stack, Token
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import IValidation

from rota.targets import Endpoint


class EndpointRule(elbv2.CfnListenerRule):
    """A rule that is made here, and not a user's own."""


def watch(endpoint: Endpoint, rule: EndpointRule) -> None:
    """Has the synth end where another rule of the listener has the priority of `rule`, or takes its requests."""
    rule.node.add_validation(_Order(endpoint, rule))


@jsii.implements(IValidation)
class _Order:
    def __init__(self, endpoint: Endpoint, rule: EndpointRule) -> None:
        self._endpoint, self._rule = endpoint, rule

    def validate(self) -> list[str]:
        """The problems, as CDK asks for them; any ends the synth."""
        return [f"endpoint {self._endpoint.name!r}: {problem}" for problem in self._problems()]

    def _problems(self) -> Iterator[str]:
        own, mine = self._rule, self._rule.node.path
        for other in own.node.root.node.find_all():
            theirs = other.node.path
            if not isinstance(other, elbv2.CfnListenerRule) or theirs == mine:
                continue
            if other.listener_arn != own.listener_arn:
                continue
            if other.priority == own.priority:
                # Of two that are made here, one says it.
                if mine < theirs or not isinstance(other, EndpointRule):
                    yield (
                        f"its rule {mine} has priority {own.priority:g}, and so has {theirs}, of the same listener; "
                        "give each its own, AlbEndpoint(priority=...)"
                    )
            elif isinstance(other, EndpointRule) and _takes_all(other, own):
                yield (
                    f"no request reaches its rule {mine}, with priority {own.priority:g}, for {theirs}, with "
                    f"{other.priority:g}, takes them all: {_paths(other)[0]} and what is below it; give the Endpoint "
                    "another path=, or AlbEndpoint another host= or an earlier priority="
                )


def _takes_all(first: EndpointRule, second: EndpointRule) -> bool:
    """Whether `second` is asked after `first`, and gets nothing."""
    if any(map(Token.is_unresolved, (first.priority, second.priority))) or first.priority > second.priority:
        return False
    above, below = _paths(first)[0], _paths(second)[0]
    if below != above and not below.startswith(f"{above}/"):
        return False
    hosts = _values(first, "host-header", "hostHeaderConfig")
    return not hosts or hosts == _values(second, "host-header", "hostHeaderConfig")


def _paths(rule: EndpointRule) -> list[str]:
    return _values(rule, "path-pattern", "pathPatternConfig")


def _values(rule: EndpointRule, field: str, config: str) -> list[str]:
    conditions: list[dict[str, Any]] = Stack.of(rule).resolve(rule.conditions)
    found: list[Any] = next((each[config]["values"] for each in conditions if each["field"] == field), [])
    return [value if isinstance(value, str) else json.dumps(value) for value in found]
