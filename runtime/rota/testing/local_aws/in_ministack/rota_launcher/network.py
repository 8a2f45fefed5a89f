"""What ministack's CloudFormation lacks of a network: a security group's rules that stand on their own, the block of
addresses of a VPC as its attribute, and the targets that a target group's template names.
"""

# ruff: noqa: SLF001 - private names of ministack's, all listed in private.py

from collections.abc import Callable
from typing import Any

from . import private, targets

_alb = private.module("ministack.services.alb")
_ec2 = private.module("ministack.services.ec2")
_provisioners = private.module("ministack.services.cloudformation.provisioners")
_responses = private.module("ministack.core.responses")

Properties = dict[str, Any]
Provisioned = tuple[str, dict[str, Any]]  # the physical id and the attributes for Fn::GetAtt

_SIDES = {
    "AWS::EC2::SecurityGroupIngress": "IpPermissions",
    "AWS::EC2::SecurityGroupEgress": "IpPermissionsEgress",
}


def install() -> None:
    """Adds the handlers. Security groups let everything through here, whatever their rules say."""
    handlers = _provisioners._RESOURCE_HANDLERS
    for kind, side in _SIDES.items():
        handlers[kind] = _rule_handlers(side)
    vpc = handlers["AWS::EC2::VPC"]
    vpc |= {name: _with_block(vpc[name]) for name in ("create", "update") if name in vpc}
    group = handlers["AWS::ElasticLoadBalancingV2::TargetGroup"]
    group["create"] = _create_group_with(group["create"])
    group["update"] = _update_group_with(group["update"])


def _rule_handlers(side: str) -> dict[str, Any]:
    def create(logical_id: str, props: Properties, stack: str) -> Provisioned:  # noqa: ARG001 - as ministack calls it
        group = _ec2._security_groups.get(props.get("GroupId"))
        if group is None:
            raise ValueError(f"The security group '{props.get('GroupId')}' does not exist")
        group.setdefault(side, []).extend(_provisioners._ec2_sg_permissions([props]))
        name = f"sgr-{_responses.new_uuid().replace('-', '')[:17]}"
        return name, {"Id": name}

    def delete(physical_id: str, props: Properties) -> None:  # noqa: ARG001
        group = _ec2._security_groups.get(props.get("GroupId"))
        for rule in _provisioners._ec2_sg_permissions([props]) if group else []:
            if rule in group[side]:
                group[side].remove(rule)

    def update(physical_id: str, old: Properties, new: Properties, stack: str) -> Provisioned:
        made = create(physical_id, new, stack)
        delete(physical_id, old)
        return made

    return {"create": create, "update": update, "delete": delete}


def _with_block(handler: Callable[..., Provisioned]) -> Callable[..., Provisioned]:
    def handle(*arguments: Any, **more: Any) -> Provisioned:
        vpc_id, attributes = handler(*arguments, **more)
        return vpc_id, attributes | {"CidrBlock": _ec2._vpcs[vpc_id]["CidrBlock"]}

    return handle


def _create_group_with(create: Callable[..., Provisioned]) -> Callable[..., Provisioned]:
    def create_group(logical_id: str, props: Properties, stack: str) -> Provisioned:
        arn, attributes = create(logical_id, props, stack)
        targets.register(arn, _named(props))
        return arn, attributes

    return create_group


def _update_group_with(update: Callable[..., Provisioned]) -> Callable[..., Provisioned]:
    def update_group(physical_id: str, old: Properties, new: Properties, *rest: Any, **more: Any) -> Provisioned:
        arn, attributes = update(physical_id, old, new, *rest, **more)
        if arn == physical_id:
            targets.deregister(arn, _named(old))
        targets.register(arn, _named(new))
        return arn, attributes

    return update_group


def _named(props: Properties) -> list[dict[str, Any]]:
    return [
        {"Id": str(each["Id"]), **({"Port": int(each["Port"])} if each.get("Port") else {})}
        for each in props.get("Targets") or []
    ]
