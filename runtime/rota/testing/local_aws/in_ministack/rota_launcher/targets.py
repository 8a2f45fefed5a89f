"""Target groups that know which of their targets are healthy, as those of AWS do.

- ministack takes two targets of one address for one, whatever their ports.
- It says that every target is healthy, and sends requests to those that are not.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

# ruff: noqa: SLF001 - private names of ministack's, all listed in private.py

import http.client
import itertools
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from . import private

_alb = private.module("ministack.services.alb")
_responses = private.module("ministack.core.responses")

ACCOUNT = "000000000000"
REGION = "us-east-1"
_LOOK = 0.1  # seconds between two looks at which checks are due

Target = tuple[str, int]  # address and port
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Health:
    """Of one target, in one group."""

    state: str = "initial"
    in_a_row: int = 0
    """Checks one after another that speak against the state."""
    due: float = 0.0
    checking: bool = False

    def learn(self, passed: bool, group: dict[str, Any]) -> None:
        """One check more. A new target is healthy after one that passes."""
        self.checking, self.due = False, time.monotonic() + group["HealthCheckIntervalSeconds"]
        if passed == (self.state == "healthy"):
            self.in_a_row = 0
            return
        self.in_a_row += 1
        if passed and (self.state == "initial" or self.in_a_row >= group["HealthyThresholdCount"]):
            self.state, self.in_a_row = "healthy", 0
        elif not passed and self.in_a_row >= group["UnhealthyThresholdCount"]:
            self.state, self.in_a_row = "unhealthy", 0


_health: dict[tuple[str, Target], Health] = {}
_turn = itertools.count()


def install() -> None:
    """Puts these corrections around ministack's load balancer, and starts to check."""
    forward = _alb._forward_to_tg

    async def forward_to_a_healthy_one(arn: str, *request: Any, **more: Any) -> Any:
        group, targets = _alb._tgs.get(arn), _alb._targets.get(arn, [])
        if group is None or not targets or not _is_checked(group):
            return await forward(arn, *request, **more)
        # Where none is healthy, each gets its share, as on AWS.
        open_to = [each for each in targets if _health_of(group, each).state == "healthy"] or targets
        target = open_to[next(_turn) % len(open_to)]
        method, path, headers, body, query, raw_query, raw_path = request
        return await _alb._proxy_http_target(
            target, group, method, raw_path or path, headers, body, query, raw_query_string=raw_query
        )

    _alb._forward_to_tg = forward_to_a_healthy_one
    _alb._ACTION_MAP |= {"RegisterTargets": _register, "DeregisterTargets": _deregister, "DescribeTargetHealth": _tell}
    threading.Thread(target=_check_for_ever, daemon=True).start()


def register(arn: str, targets: Iterable[dict[str, Any]]) -> None:
    """Add `targets` to a group; those that are there stay as they are."""
    group = _alb._tgs[arn]
    there = {_key(group, each) for each in _alb._targets.setdefault(arn, [])}
    _alb._targets[arn] += [each for each in targets if _key(group, each) not in there]


def deregister(arn: str, targets: Iterable[dict[str, Any]]) -> None:
    """Take `targets` away; what has no port means each port of its address."""
    group, named = _alb._tgs[arn], list(targets)
    gone = {_key(group, each) for each in named if "Port" in each}
    gone_whole = {each["Id"] for each in named if "Port" not in each}
    kept = [each for each in _alb._targets[arn] if each["Id"] not in gone_whole and _key(group, each) not in gone]
    _alb._targets[arn] = kept
    for key in gone | {key for _, key in list(_health) if key[0] in gone_whole}:
        _health.pop((arn, key), None)


def _register(params: Any) -> Answer:
    return _on_group(params, "RegisterTargets", register)


def _deregister(params: Any) -> Answer:
    return _on_group(params, "DeregisterTargets", deregister)


def _on_group(params: Any, action: str, change: Any) -> Answer:
    arn = _alb._p(params, "TargetGroupArn")
    if arn not in _alb._tgs:
        refusal: Answer = _alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
        return refusal
    change(arn, _alb._parse_targets_param(params))
    done: Answer = _alb._empty(action)
    return done


def _tell(params: Any) -> Answer:
    arn = _alb._p(params, "TargetGroupArn")
    group = _alb._tgs.get(arn)
    if group is None:
        refusal: Answer = _alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
        return refusal
    asked = {_key(group, each) for each in _alb._parse_targets_param(params)}
    told = "".join(
        f"<member><Target><Id>{key[0]}</Id><Port>{key[1]}</Port></Target>"
        f"<HealthCheckPort>{key[1]}</HealthCheckPort>"
        f"<TargetHealth><State>{_health_of(group, each).state if _is_checked(group) else 'healthy'}</State>"
        "</TargetHealth></member>"
        for each in _alb._targets.get(arn, [])
        if (key := _key(group, each)) and (not asked or key in asked)
    )
    answer: Answer = _alb._xml(
        200, "DescribeTargetHealth", f"<TargetHealthDescriptions>{told}</TargetHealthDescriptions>"
    )
    return answer


def _is_checked(group: dict[str, Any]) -> bool:
    return bool(group["HealthCheckEnabled"]) and group.get("TargetType", "instance") in ("ip", "instance")


def _key(group: dict[str, Any], target: dict[str, Any]) -> Target:
    return str(target["Id"]), int(target.get("Port") or group.get("Port") or 80)


def _health_of(group: dict[str, Any], target: dict[str, Any]) -> Health:
    return _health.setdefault((group["TargetGroupArn"], _key(group, target)), Health())


def _check_for_ever() -> None:
    with _responses.request_scope(ACCOUNT, REGION), ThreadPoolExecutor(8) as pool:
        while True:
            for arn, group in list(_alb._tgs.items()):
                for target in list(_alb._targets.get(arn, [])) if _is_checked(group) else []:
                    health = _health_of(group, target)
                    if not health.checking and time.monotonic() >= health.due:
                        health.checking = True
                        pool.submit(_check, group, _key(group, target), health)
            time.sleep(_LOOK)


def _check(group: dict[str, Any], target: Target, health: Health) -> None:
    health.learn(_passes(group, target), group)


def _passes(group: dict[str, Any], target: Target) -> bool:
    port = str(group["HealthCheckPort"])
    connection = http.client.HTTPConnection(
        target[0],
        target[1] if port == "traffic-port" else int(port),
        timeout=group["HealthCheckTimeoutSeconds"],
    )
    try:
        connection.request("GET", group["HealthCheckPath"], headers={"user-agent": "ELB-HealthChecker/2.0"})
        return _matches(connection.getresponse().status, group["Matcher"]["HttpCode"])
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _matches(status: int, codes: str) -> bool:
    """`codes` are as a target group says them: "200", "200,204", "200-399"."""
    ranges = (each.partition("-") for each in codes.split(","))
    return any(int(least) <= status <= int(most or least) for least, _, most in ranges)
