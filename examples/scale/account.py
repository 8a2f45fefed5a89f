"""What an account says of a deployment: Scheduler of its schedules, CloudFormation of its stacks.

Of what has changed, Scheduler's dates are the proof: the local AWS's CloudFormation writes an event for each resource
of a stack that it updates, whether it touches it or not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rota.names import Names
from rota.testing.local_aws import LocalAws


@dataclass(frozen=True)
class Schedule:
    """A schedule as Scheduler and CloudFormation know it."""

    stack: str
    created: datetime
    modified: datetime


@dataclass(frozen=True)
class Account:
    """At one moment."""

    schedules: dict[str, Schedule]
    """By their names."""
    stacks: dict[str, datetime]
    """When each was created or last updated."""


def look(aws: LocalAws, manifest: str) -> Account:
    """All stacks that a deploy of `manifest` made, and all schedules of its group."""
    cloudformation, names = aws.client("cloudformation"), Names(manifest, "default")
    stacks = {
        stack["StackName"]: stack.get("LastUpdatedTime", stack["CreationTime"])
        for stack in _all(cloudformation, "describe_stacks", "Stacks")
        if stack["StackName"] != "CDKToolkit"
    }
    where = {
        resource["PhysicalResourceId"]: stack
        for stack in stacks
        for resource in _all(cloudformation, "list_stack_resources", "StackResourceSummaries", StackName=stack)
        if resource["ResourceType"] == "AWS::Scheduler::Schedule"
    }
    found = _all(aws.client("scheduler"), "list_schedules", "Schedules", GroupName=names.deployment)
    return Account(
        schedules={
            each["Name"]: Schedule(where[each["Name"]], each["CreationDate"], each["LastModificationDate"])
            for each in found
        },
        stacks=stacks,
    )


def _all(client: Any, operation: str, key: str, **arguments: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[key]
