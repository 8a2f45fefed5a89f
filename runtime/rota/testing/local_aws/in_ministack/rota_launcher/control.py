"""The control channel: one JSON request a line on stdin, one answer a line back.

A pipe and no port: nobody else can reach it, and its end tells that the parent is gone.
"""

import json
import sys
from collections.abc import Callable
from typing import TextIO

from .channel import tell
from .fire import CannotFireError, fire_rule, fire_schedule
from .policies import enforce_policies

_OPERATIONS: dict[str, Callable[..., None]] = {
    "fire_rule": fire_rule,
    "fire_schedule": fire_schedule,
    "enforce_policies": enforce_policies,
}


def serve(answers: TextIO) -> None:
    """Answers requests until the parent closes its end.

    To ``{"do": NAME, "with": {...}}`` the answer is ``{"error": null}``, or the reason in its place.
    """
    for line in sys.stdin:
        request = json.loads(line)
        try:
            _OPERATIONS[request["do"]](**request["with"])
        except CannotFireError as problem:
            tell(answers, {"error": str(problem)})
        except Exception as problem:  # noqa: BLE001 - whatever ministack does, the parent waits for an answer
            tell(answers, {"error": f"ministack failed: {problem!r}"})
        else:
            tell(answers, {"error": None})
