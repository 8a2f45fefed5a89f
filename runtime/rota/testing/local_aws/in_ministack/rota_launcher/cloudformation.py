"""Rules and schedules through CloudFormation, where ministack accepts what AWS refuses, or drops properties.

- A rule with an expression that AWS refuses is created, and can stop every other rule from firing.
- A schedule loses its zone, start, end and action after completion, and a refusal passes for success.
- One made again or enabled again remembers when it last fired, so that it at once fires what it missed (or, a one-off,
  never fires).
"""

# ruff: noqa: SLF001 - private names of ministack's, all listed in private.py

from collections.abc import Callable
from typing import Any

from . import private

_eventbridge = private.module("ministack.services.eventbridge")
_scheduler = private.module("ministack.services.scheduler")
_provisioners = private.module("ministack.services.cloudformation.provisioners")

Properties = dict[str, Any]
Provisioned = tuple[str, dict[str, Any]]  # the physical id and the attributes for Fn::GetAtt


def install() -> None:
    """Puts the corrected handlers in the place of ministack's."""
    handlers = _provisioners._RESOURCE_HANDLERS
    rule = handlers["AWS::Events::Rule"]
    rule["create"] = _create_rule_with(rule["create"])
    rule["update"] = _update_rule_with(rule["update"])
    handlers["AWS::Scheduler::Schedule"] |= {"create": _create_schedule, "update": _update_schedule}


def _create_rule_with(create: Callable[..., Provisioned]) -> Callable[..., Provisioned]:
    def create_rule(logical_id: str, props: Properties, stack: str) -> Provisioned:
        expression = props.get("ScheduleExpression")
        if expression and not _eventbridge._validate_schedule_expression(expression):
            raise ValueError(f"Parameter ScheduleExpression is not valid: {expression}")
        name, attributes = create(logical_id, props, stack)
        _forget(_eventbridge._rule_last_fired, _eventbridge._rule_key(name, props.get("EventBusName", "default")))
        return name, attributes

    return create_rule


def _update_rule_with(update: Callable[..., Provisioned]) -> Callable[..., Provisioned]:
    def update_rule(physical_id: str, old: Properties, new: Properties, *rest: Any, **more: Any) -> Provisioned:
        name, attributes = update(physical_id, old, new, *rest, **more)
        if _starts_anew(old, new):
            _forget(_eventbridge._rule_last_fired, _eventbridge._rule_key(name, new.get("EventBusName", "default")))
        return name, attributes

    return update_rule


def _create_schedule(logical_id: str, props: Properties, stack: str) -> Provisioned:
    name = props.get("Name") or _provisioners._physical_name(stack, logical_id, max_len=64)
    return _put_schedule(_scheduler._create_schedule, name, props)


def _update_schedule(physical_id: str, old: Properties, new: Properties, stack: str) -> Provisioned:
    if (new.get("Name", physical_id), _group(new)) != (physical_id, _group(old)):
        # A replacement, which AWS deletes after the new one stands. CloudFormation itself deletes the old one only
        # when the physical id changes, which a change of group alone does not do.
        made = _create_schedule(physical_id, {"Name": physical_id, **new}, stack)
        if made[0] == physical_id:
            _provisioners._RESOURCE_HANDLERS["AWS::Scheduler::Schedule"]["delete"](physical_id, old)
        return made
    return _put_schedule(_scheduler._update_schedule, physical_id, new, forget=_starts_anew(old, new))


def _put_schedule(call: Callable[..., Any], name: str, props: Properties, *, forget: bool = True) -> Provisioned:
    status, _, body = call(name, dict(props))
    if status >= 400:
        raise ValueError(f"schedule {name}: {body.decode()}")
    key = f"{_group(props)}/{name}"
    if forget:
        _forget(_scheduler._schedule_last_fired, key)
    return name, {"Arn": _scheduler._schedules[key]["Arn"]}


def _group(props: Properties) -> str:
    return str(props.get("GroupName", "default"))


def _starts_anew(old: Properties, new: Properties) -> bool:
    watched = ("State", "ScheduleExpression")
    return any(old.get(name) != new.get(name) for name in watched)


def _forget(last_fired: dict[tuple[str, str, str], float], key: str) -> None:
    # Keyed by account, region and `key`; the names are unique enough for one stack of tests.
    for full_key in [each for each in last_fired if each[2] == key]:
        last_fired.pop(full_key, None)
