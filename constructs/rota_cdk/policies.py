"""How large the policies of queues are, as far as it is known before the deploy. Those of roles CDK splits itself."""

import json
from typing import Any

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_sqs as sqs

from rota_cdk import validation

_AT_LEAST = {"AWS::AccountId": "1" * 12, "AWS::Partition": "aws", "AWS::Region": "eu-west-1"}
"""What pseudo parameters become, or as much of it."""


def problems(stack: Stack, resources: list[CfnResource]) -> list[str]:
    """What to say of the policies of queues in `stack` that AWS would refuse."""
    found: list[str] = []
    for resource in resources:
        if isinstance(resource, sqs.CfnQueuePolicy):
            document = stack.resolve(resource.policy_document)
            size = len(json.dumps(_plain(document), separators=(",", ":")))
            given = (resource.node.path, len(document.get("Statement", ())), size)
            found += validation.problems(given, validation.QUEUE_POLICY)
    return found


def _plain(value: Any) -> Any:
    """With as little as may become of it in place of each thing that the deploy knows alone."""
    match value:
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(str(_plain(part)) for part in parts)
        case {"Ref": str(name)}:
            return _AT_LEAST.get(name, "")
        case dict() if any(key.startswith("Fn::") for key in value):
            return ""
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case list():
            return [_plain(each) for each in value]
    return value
