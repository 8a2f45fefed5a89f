"""The rule of a listener that lets an endpoint's requests through, made on request."""

import jsii
from aws_cdk import Stack
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct, IValidation

from rota.targets import Endpoint
from rota_cdk import rule_order
from rota_cdk.endpoints import AlbEndpoint
from rota_cdk.rule_order import EndpointRule

_Rule = elbv2.CfnListenerRule


def add(scope: Construct, endpoint: Endpoint, place: AlbEndpoint, priority: int) -> elbv2.CfnListenerRule:
    """Forwards the endpoint's path and what is below it to the target group, or as the listener does by default.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html
    """
    path = _Rule.PathPatternConfigProperty(values=[endpoint.path, f"{endpoint.path}/*"])
    conditions = [_Rule.RuleConditionProperty(field="path-pattern", path_pattern_config=path)]
    if place.host is not None:
        host = _Rule.HostHeaderConfigProperty(values=[place.host])
        conditions.append(_Rule.RuleConditionProperty(field="host-header", host_header_config=host))
    group = place.target_group
    forward = None if group is None else _Rule.ActionProperty(type="forward", target_group_arn=group.target_group_arn)
    rule = EndpointRule(
        scope,
        f"Rule-{endpoint.name}",
        listener_arn=place.listener.listener_arn,
        priority=priority,
        conditions=conditions,
        # What the listener does by default is set by later lines of the program, and known at the end of the synth.
        actions=[forward] if forward else place.default_actions,  # type: ignore[arg-type] # a Token, which jsii types as object
    )
    if isinstance(group, elbv2.ApplicationTargetGroup):
        _register(group, place, rule)
    elif group is None:
        scope.node.add_validation(_Forwards(endpoint, place, Stack.of(place.listener)))
    rule_order.watch(endpoint, rule)
    return rule


def _register(group: elbv2.ApplicationTargetGroup, place: AlbEndpoint, rule: elbv2.CfnListenerRule) -> None:
    """As the L2 rule does: the balancer may then reach the servers, and they wait until it can."""
    if Stack.of(group) is Stack.of(rule):
        group.register_listener(place.listener, rule)
    elif Stack.of(group) is Stack.of(place.listener):
        # To wait for a rule that needs their own stack, they would wait for themselves.
        group.register_listener(place.listener)


@jsii.implements(IValidation)
class _Forwards:
    """Whether the default action can do for the rule: any other answers by itself, or sends people to sign in."""

    def __init__(self, endpoint: Endpoint, place: AlbEndpoint, stack: Stack) -> None:
        self._endpoint, self._place, self._stack = endpoint, place, stack

    def validate(self) -> list[str]:
        """The problem, as CDK asks for it; it ends the synth."""
        actions = self._stack.resolve(self._place.default_actions) or []
        kinds = [action["type"] for action in actions]
        if kinds and all(kind == "forward" for kind in kinds):
            return []
        problem = (
            f"endpoint {self._endpoint.name!r}: the listener's default action is {' and '.join(kinds) or 'missing'}, "
            "which reaches no server, and a rule (priority=) takes it over; give target_group=, where to forward to"
        )
        return [problem]
