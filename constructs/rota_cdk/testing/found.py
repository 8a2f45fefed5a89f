"""What makes jobs due in a template, whichever kind of resource it is."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from aws_cdk.assertions import Template

from rota_cdk.testing.arns import Arn, read_arn

TARGET, UNDELIVERED = "target", "what cannot be delivered goes to"

_PLACEHOLDER = re.compile(r'(?<!")<([A-Za-z0-9_-]+)>(?!")')
"""What a rule puts in place of a time, without quotes around it."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A rule or a schedule."""

    name: str
    is_rule: bool
    expression: str
    messages: Mapping[str, Mapping[str, Any]]
    """What it sends, by the job: of several that are due together, each. The instant stands there as the path or the
    keyword by which AWS finds it."""
    traits: Mapping[str, Any]
    """What else decides whether and how it fires and delivers, by a name for people. None where it is not set."""
    arns: tuple[Arn, ...]
    """All that it refers to."""

    @property
    def deployment(self) -> str:
        """`<manifest>-<stage>`."""
        return self.name.partition(".")[0]


_KNOWN: WeakKeyDictionary[Template, Mapping[str, Sequence[Found]]] = WeakKeyDictionary()


def found_in(template: Template) -> Mapping[str, Sequence[Found]]:
    """All that a template has of rota's, by the job. It is read once: a template does not change, and to fetch a large
    one from Node takes long."""
    if template not in _KNOWN:
        by_job: dict[str, list[Found]] = {}
        for found in _read(template):
            for job in found.messages:
                by_job.setdefault(job, []).append(found)
        _KNOWN[template] = by_job
    return _KNOWN[template]


def _read(template: Template) -> Iterator[Found]:
    resources: Mapping[str, Any] = template.to_json().get("Resources", {})
    for resource in resources.values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Events::Rule":
            traits = {"zone": "UTC", "flexible window": None, "event bus": properties.get("EventBusName", "default")}
            for target in properties.get("Targets", []):
                transformer = target.get("InputTransformer", {})
                messages = messages_in(transformer.get("InputTemplate"), transformer.get("InputPathsMap", {}))
                yield from _found(resources, properties, target, messages, traits)
        elif resource["Type"] == "AWS::Scheduler::Schedule":
            target = properties.get("Target", {})
            yield from _found(
                resources, properties, target, messages_in(target.get("Input"), {}), _of_schedule(resources, properties)
            )


def _of_schedule(resources: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    window = properties.get("FlexibleTimeWindow", {})
    match properties.get("GroupName", "default"):
        case {"Ref": str(logical_id)} if logical_id in resources:
            group = resources[logical_id]["Properties"].get("Name")
        case group:
            pass
    return {
        "zone": properties.get("ScheduleExpressionTimezone", "UTC"),
        "flexible window": f"{window['MaximumWindowInMinutes']} min" if window.get("Mode") == "FLEXIBLE" else None,
        "group": group,
        "role": "one" if properties.get("Target", {}).get("RoleArn") else None,
        "start date": properties.get("StartDate"),
        "end date": properties.get("EndDate"),
    }


def _found(
    resources: Mapping[str, Any],
    properties: Mapping[str, Any],
    target: Mapping[str, Any],
    messages: Mapping[str, Mapping[str, Any]],
    traits: Mapping[str, Any],
) -> Iterator[Found]:
    if not messages:
        return  # it is not rota's
    queue = read_arn(resources, target.get("Arn"))
    undelivered = read_arn(resources, target.get("DeadLetterConfig", {}).get("Arn"))
    role = read_arn(resources, target.get("RoleArn"))
    retries = target.get("RetryPolicy", {})
    yield Found(
        name=str(properties.get("Name", "")),
        is_rule="Targets" in properties,
        expression=str(properties.get("ScheduleExpression")),
        messages=messages,
        traits={
            "state": properties.get("State", "ENABLED"),
            TARGET: queue and queue.name,
            UNDELIVERED: undelivered and undelivered.name,
            # What AWS takes where they are not set.
            # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html
            "attempts to deliver": retries.get("MaximumRetryAttempts", 185),
            "seconds to deliver in": retries.get("MaximumEventAgeInSeconds", 86400),
            **traits,
        },
        arns=tuple(arn for arn in (queue, undelivered, role) if arn is not None),
    )


def messages_in(text: object, paths: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
    """The message of each job in what is sent; `paths` are those of a rule's transformer, by the placeholder."""
    if not isinstance(text, str):
        return {}
    filled = _PLACEHOLDER.sub(lambda found: json.dumps(paths.get(found[1], f"<{found[1]}>")), text)
    try:
        body = json.loads(filled)
    except ValueError:
        return {}
    if not isinstance(body, dict) or "rota" not in body:
        return {}
    if "jobs" not in body:
        return {body["job"]: body}
    shared = {name: value for name, value in body.items() if name != "jobs"}
    each = [{"job": one} if isinstance(one, str) else one for one in body["jobs"]]
    return {one["job"]: shared | one for one in each}
