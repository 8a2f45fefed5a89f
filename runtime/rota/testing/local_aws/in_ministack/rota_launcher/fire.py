"""Firing one rule or one schedule now, the way the tickers do it."""

# ruff: noqa: SLF001 - private names of ministack's, all listed in private.py

import time
from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

from . import private
from .delivery import SCHEDULED_TIME, complaints

_eventbridge = private.module("ministack.services.eventbridge")
_scheduler = private.module("ministack.services.scheduler")
_responses = private.module("ministack.core.responses")

ACCOUNT = "000000000000"
REGION = "us-east-1"


class CannotFireError(Exception):
    """There is no such rule or schedule, it is disabled or without a target, or its target was not reached."""


def fire_rule(name: str, at: float | None) -> None:
    """Delivers rule `name` of the default bus to each of its targets; `at` (epoch seconds) becomes ``$.time``."""
    with _responses.request_scope(ACCOUNT, REGION):
        key = _eventbridge._rule_key(name, "default")
        rule = _find("rule", key, _eventbridge._rules, name, {each["Name"] for each in _eventbridge._rules.values()})
        targets = _eventbridge._targets.get(key) or []
        if not targets:
            raise CannotFireError(f"rule {name!r} has no target")
        event = _event("aws.events", rule, at) | {"EventBusName": "default"}
        _deliver(f"rule {name!r}", targets, event, rule)


def fire_schedule(name: str, group: str, at: float | None) -> None:
    """Delivers schedule `name` of `group` to its target; `at` (epoch seconds) becomes its scheduled time."""
    with _responses.request_scope(ACCOUNT, REGION):
        key = f"{group}/{name}"
        schedule = _find("schedule", key, _scheduler._schedules, key, set(_scheduler._schedules))
        event = _event("aws.scheduler", schedule, at)
        event[SCHEDULED_TIME] = event["Time"]
        _deliver(f"schedule {key!r}", [schedule["Target"]], event, schedule)


def _find(kind: str, key: str, records: Any, name: str, names: Collection[str]) -> dict[str, Any]:
    record: dict[str, Any] | None = records.get(key)
    if record is None:
        near = get_close_matches(name, names, n=5, cutoff=0.4)
        hint = f"; near it: {', '.join(near)}" if near else f"; there are {len(names)} and none is near it"
        raise CannotFireError(f"no {kind} is named {name!r}{hint}")
    if record["State"] != "ENABLED":
        raise CannotFireError(f"{kind} {name!r} is disabled: AWS would not fire it")
    return record


def _event(source: str, record: dict[str, Any], at: float | None) -> dict[str, Any]:
    return {
        "EventId": _responses.new_uuid(),
        "Source": source,
        "DetailType": "Scheduled Event",
        "Detail": "{}",
        "Time": time.time() if at is None else at,
        "Resources": [record["Arn"]],
        "Account": ACCOUNT,
        "Region": REGION,
    }


def _deliver(what: str, targets: list[Any], event: dict[str, Any], source: dict[str, Any]) -> None:
    with complaints() as problems:
        for target in targets:
            # Looked up here, not at import: by now it is the corrected delivery.
            _eventbridge._invoke_target(target, event, source)
    if problems:
        raise CannotFireError(f"{what} did not reach its target: {'; '.join(problems)}")
