"""Whether a task of Celery can be a handler, and which."""

import inspect
import sys
from collections.abc import Mapping
from typing import Any


def handler_of(task: Any) -> str | None:
    """The function of a task by its module and name, if it is that which is found there."""
    name, module = getattr(getattr(task, "run", None), "__name__", ""), getattr(task, "__module__", "")
    there = getattr(sys.modules.get(module), name, None)
    if there is None:
        return None
    # Of a task that is bound, `run` and `__wrapped__` are methods, and the bare function could not be called.
    is_it = getattr(there, "name", None) == task.name or any(
        there is each for each in (task.run, getattr(task, "__wrapped__", None))
    )
    return f"{module}:{name}" if is_it else None


def task_problem(task: Any, name: str, entry: Mapping[str, Any]) -> str | None:
    """Why what an entry calls is no handler."""
    if task is None:
        return f"the application has no task {name!r}; name the function as handler"
    if not handler_of(task):
        return (
            f"task {name!r} is no function that its module has by that name: write one that does what it does, and "
            "name it as handler"
        )
    called = [repr(value) for value in entry.get("args") or ()]
    called += [f"{key}={value!r}" for key, value in (entry.get("kwargs") or {}).items()]
    needed = [
        parameter
        for parameter in inspect.signature(task.run).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if called or needed:
        return (
            f"it is called as {task.run.__name__}({', '.join(called)}), and a handler takes a payload or nothing: "
            "write a function without parameters that calls it so, and name that as handler"
        )
    return None
