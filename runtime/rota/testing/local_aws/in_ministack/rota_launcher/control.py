"""The control channel: one JSON request a line on stdin, one answer a line back.

A pipe and no port: nobody else can reach it, and its end tells that the parent is gone.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any, TextIO

from .channel import tell
from .doors import Doors
from .fire import CannotFireError, fire_rule, fire_schedule
from .policies import enforce_policies

_OPERATIONS: dict[str, Callable[..., Any]] = {
    "fire_rule": fire_rule,
    "fire_schedule": fire_schedule,
    "enforce_policies": enforce_policies,
}


def serve(answers: TextIO, doors: Doors, loop: asyncio.AbstractEventLoop) -> None:
    """Answers requests until the parent closes its end. `doors` are of the event loop `loop`.

    To ``{"do": NAME, "with": {...}}`` the answer is ``{"error": null}`` and what was asked for, or the reason in its
    place.
    """

    def find_balancer(name: str, port: int) -> dict[str, int | None]:
        return {"port": asyncio.run_coroutine_threadsafe(doors.port(name, port), loop).result()}

    operations = _OPERATIONS | {"find_balancer": find_balancer}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            found = operations[request["do"]](**request["with"])
        except CannotFireError as problem:
            tell(answers, {"error": str(problem)})
        except Exception as problem:  # noqa: BLE001 - whatever ministack does, the parent waits for an answer
            tell(answers, {"error": f"ministack failed: {problem!r}"})
        else:
            tell(answers, {"error": None, **(found or {})})
