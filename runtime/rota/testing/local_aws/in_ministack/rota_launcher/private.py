"""Every name of ministack's that the launcher uses, most of them private: checked before anything starts.

ministack is pinned, so a missing name means another version in its environment. Each is to keep a canary test
(tests/e2e/test_local_aws.py).
"""

import importlib
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

NAMES: Mapping[str, Sequence[str]] = {
    "ministack.app": ["AUTH", "_is_potential_alb_request", "app", "pin_request_origin"],
    "ministack.core.arn": ["parse_arn"],
    "ministack.core.iam_actions": ["extract_iam_action"],
    "ministack.core.iam_evaluator": ["EvalContext", "evaluate_resource_policy"],
    "ministack.core.responses": ["new_uuid", "request_scope"],
    "ministack.services.alb": [
        "_ACTION_MAP",
        "_empty",
        "_error",
        "_forward_to_tg",
        "_listeners",
        "_p",
        "_parse_targets_param",
        "_proxy_http_target",
        "_targets",
        "_tgs",
        "_xml",
        "dispatch_request",
        "find_lb_for_host",
    ],
    "ministack.services.cloudformation.provisioners": [
        "_RESOURCE_HANDLERS",
        "_ec2_sg_permissions",
        "_physical_name",
        "_sm_secret_string",
    ],
    "ministack.services.ec2": ["_security_groups", "_vpcs"],
    "ministack.services.eventbridge": [
        "_SCHEDULER_TICK_INTERVAL",
        "_cron_next_fire",
        "_invoke_target",
        "_parse_cron_fields",
        "_parse_rate_seconds",
        "_rule_key",
        "_rule_last_fired",
        "_rules",
        "_targets",
        "_validate_schedule_expression",
        "logger",
    ],
    "ministack.services.scheduler": [
        "_SCHEDULE_TICK_INTERVAL",
        "_at_time_epoch",
        "_create_schedule",
        "_list_schedules",
        "_schedule_last_fired",
        "_schedules",
        "_update_schedule",
    ],
    "ministack.services.secretsmanager": ["_resolve", "_secrets"],
    "ministack.services.sqs": ["_queue_by_arn"],
}


def module(name: str) -> Any:
    """The module `name`. Any, because ministack is not installed where rota is type-checked."""
    return importlib.import_module(name)


def missing(names: Mapping[str, Sequence[str]] = NAMES) -> list[str]:
    """Those of `names` that are not there, as "module.name"; a module that cannot be imported is missing whole."""
    absent = []
    for module_name, attributes in names.items():
        try:
            found = module(module_name)
        except ImportError:
            absent.append(module_name)
            continue
        absent += [f"{module_name}.{attribute}" for attribute in attributes if not hasattr(found, attribute)]
    return absent


def check() -> None:
    """Ends the process with a message that names ministack's version if a name of `NAMES` is missing."""
    if absent := missing():
        raise SystemExit(
            f"ministack {metadata.version('ministack')} lacks what rota's local AWS was written for: "
            f"{', '.join(absent)}. Remove its environment from rota's cache folder, so that the pinned version is "
            "installed again."
        )
