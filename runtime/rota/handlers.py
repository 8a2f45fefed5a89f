""" "module:function" to a callable that takes a payload and a run, whatever of the two the function asks for."""

import importlib
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rota.errors import HandlerError
from rota.manifest import Job
from rota.run import Run


@dataclass(frozen=True)
class Handler:
    """A resolved handler."""

    function: Callable[..., Any]
    payload_parameter: str | None
    run_parameter: str | None
    is_async: bool

    def call(self, payload: Any, run: Run) -> Any:
        """Call it; an async function gives a coroutine."""
        arguments: dict[str, Any] = {}
        if self.payload_parameter:
            arguments[self.payload_parameter] = payload
        if self.run_parameter:
            arguments[self.run_parameter] = run
        return self.function(**arguments)


def resolve(job: Job[Any]) -> Handler:
    """Import the job's handler and fit its parameters to the job.

    Raises `HandlerError` that names the job, the handler and the way out.
    """
    return _fit(job, _import(job))


def _import(job: Job[Any]) -> Callable[..., Any]:
    module_name, _, path = job.handler.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        raise _error(job, f"module {module_name!r} cannot be imported: {type(error).__name__}: {error}") from error
    for name in path.split("."):
        if not hasattr(found, name):
            raise _error(job, f"{module_name!r} has no {path!r}")
        found = getattr(found, name)
    if not callable(found):
        raise _error(job, f"{path!r} is not a function but {type(found).__name__}")
    function: Callable[..., Any] = found
    return function


def _fit(job: Job[Any], function: Callable[..., Any]) -> Handler:
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 - an annotation that does not evaluate only means that names decide
        hints = {}
    run_parameter = payload_parameter = None
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise _error(job, f"parameter {name!r} is positional-only; rota passes arguments by name")
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            continue
        if hints.get(name) is Run or (name == "run" and name not in hints):
            run_parameter = name
        elif job.payload is not None and payload_parameter is None:
            payload_parameter = name
            _check_annotation(job, name, hints.get(name, Any))
        elif parameter.default is inspect.Parameter.empty:
            wanted = "payload and run" if job.payload is not None else "run, for the job declares no payload"
            raise _error(job, f"parameter {name!r} has nothing to receive; a handler takes at most {wanted}")
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
    return Handler(function, payload_parameter, run_parameter, is_async)


def _check_annotation(job: Job[Any], name: str, annotation: Any) -> None:
    if annotation is Any or not isinstance(annotation, type):
        return
    if job.payload is not None and not issubclass(job.payload, annotation):
        raise _error(
            job,
            f"parameter {name!r} is annotated {annotation.__name__}, but the job's payload is {job.payload.__name__}",
        )


def _error(job: Job[Any], what: str) -> HandlerError:
    return HandlerError(f"job {job.name!r}: handler {job.handler!r}: {what}")
