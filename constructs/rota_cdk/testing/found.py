"""What makes jobs due in a template, whichever kind of resource it is."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from aws_cdk.assertions import Template

_PLACEHOLDER = re.compile(r'(?<!")<[a-z_]+>(?!")')
"""What a rule puts in place of a time, without quotes around it."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A rule or a schedule. Queues are told by their physical names."""

    name: str
    expression: str
    zone: str
    state: str
    target: str | None
    dead_letters: str | None
    window: str | None
    """In minutes, such as "15 min"; None where it has none."""
    messages: Mapping[str, Mapping[str, Any]]
    """What it sends, by the job: of several that are due together, each."""

    @property
    def deployment(self) -> str:
        """`<manifest>-<stage>`."""
        return self.name.partition(".")[0]


_KNOWN: WeakKeyDictionary[Template, tuple[Found, ...]] = WeakKeyDictionary()


def found_in(template: Template) -> tuple[Found, ...]:
    """All that a template has of rota's. It is read once: a template does not change, and to fetch a large one from
    Node takes long."""
    if template not in _KNOWN:
        _KNOWN[template] = tuple(_read(template))
    return _KNOWN[template]


def _read(template: Template) -> Iterator[Found]:
    resources: Mapping[str, Any] = template.to_json().get("Resources", {})
    for resource in resources.values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Events::Rule":
            targets = properties.get("Targets", [])
            text = targets[0].get("InputTransformer", {}).get("InputTemplate") if targets else None
            yield from _found(resources, properties, targets[0] if targets else {}, text)
        elif resource["Type"] == "AWS::Scheduler::Schedule":
            target = properties.get("Target", {})
            yield from _found(resources, properties, target, target.get("Input"))


def _found(
    resources: Mapping[str, Any], properties: Mapping[str, Any], target: Mapping[str, Any], text: object
) -> Iterator[Found]:
    messages = _messages(text)
    if not messages:
        return  # it is not rota's
    window = properties.get("FlexibleTimeWindow", {})
    yield Found(
        name=str(properties.get("Name", "")),
        expression=str(properties.get("ScheduleExpression")),
        zone=properties.get("ScheduleExpressionTimezone", "UTC"),
        state=properties.get("State", "ENABLED"),
        target=_queue(resources, target.get("Arn")),
        dead_letters=_queue(resources, target.get("DeadLetterConfig", {}).get("Arn")),
        window=f"{window['MaximumWindowInMinutes']} min" if window.get("Mode") == "FLEXIBLE" else None,
        messages=messages,
    )


def _messages(text: object) -> dict[str, Mapping[str, Any]]:
    """The message of each job in what is sent."""
    try:
        body = json.loads(_PLACEHOLDER.sub("0", text)) if isinstance(text, str) else None
    except ValueError:
        return {}
    if not isinstance(body, dict) or "rota" not in body:
        return {}
    if "jobs" not in body:
        return {body["job"]: body}
    each = [{"job": one} if isinstance(one, str) else one for one in body["jobs"]]
    return {one["job"]: {"post": body.get("post")} | one for one in each}


def _queue(resources: Mapping[str, Any], arn: Any) -> str | None:
    """The name of the queue with that ARN: made in this template, or told by its name."""
    match arn:
        case {"Fn::GetAtt": [logical_id, "Arn"]}:
            name = resources.get(logical_id, {}).get("Properties", {}).get("QueueName")
            return name if isinstance(name, str) else f"{logical_id}, a queue without a name of its own"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(part if isinstance(part, str) else "?" for part in parts).rpartition(":")[2]
        case str(text) | {"Fn::Sub": str(text)}:
            return text.rpartition(":")[2]
        case None:
            return None
    return json.dumps(arn)
