"""ARNs as a template has them: by reference, in pseudo parameters, or literal."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

OWN = "the stack's own"
"""In place of an account or a region that is the stack's, whichever that is."""

_PSEUDO = re.compile(r"\$\{AWS::\w+\}")


class Arn(NamedTuple):
    """What matters of an ARN of a queue or a role."""

    name: str
    account: str
    region: str
    """Empty for a role, which has none."""


def read_arn(resources: Mapping[str, Any], arn: Any) -> Arn | None:
    """An ARN in a template that has these resources; None for none."""
    match arn:
        case None:
            return None
        case {"Fn::GetAtt": [logical_id, "Arn"]}:
            made = resources.get(logical_id, {}).get("Properties", {})
            name = made.get("QueueName", made.get("RoleName"))
            return Arn(name if isinstance(name, str) else f"{logical_id}, which has no name of its own", OWN, OWN)
        case str(text) | {"Fn::Sub": str(text)}:
            return _split(_PSEUDO.sub(OWN, text))
        case {"Fn::Join": ["", list(parts)]}:
            return _split("".join(_part(part) for part in parts))
    return _split(json.dumps(arn))


def _part(part: Any) -> str:
    match part:
        case str():
            return part
        case {"Ref": str(name)} if name.startswith("AWS::"):
            return OWN
    return "?"


def _split(text: str) -> Arn:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""
    parts = text.split(":", 5)
    return Arn(parts[5], parts[4], parts[3]) if len(parts) == 6 and parts[0] == "arn" else Arn(text, OWN, OWN)
