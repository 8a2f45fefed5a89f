""" "module:function" to a callable that takes a payload and a run, whatever of the two the function asks for."""

import functools
import importlib
import inspect
import types
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
    """Import the job's handler and fit its parameters to the job; of a job with a command, what runs that.

    Raises `HandlerError` that names the job, the handler and the way out.
    """
    if job.command is not None:
        from rota import commands

        return Handler(functools.partial(commands.run, job.command), None, "run", is_async=False)
    return fit(job, _import(job))


def _import(job: Job[Any]) -> Callable[..., Any]:
    module_name, _, path = job.handler.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        raise _error(job, f"module {module_name!r} cannot be imported: {type(error).__name__}: {error}") from error
    for name in path.split("."):
        if not hasattr(found, name):
            raise _error(job, f"{module_name!r} has no {path!r}")
        if isinstance(found, type) and inspect.isfunction(inspect.getattr_static(found, name)):
            raise _error(job, f"{path!r} is a method without its object; name a method of an object, or a function")
        found = getattr(found, name)
    if not callable(found):
        raise _error(job, f"{path!r} is not a function but {type(found).__name__}")
    function: Callable[..., Any] = found
    return function


def fit(job: Job[Any], function: Callable[..., Any]) -> Handler:
    """Fit the parameters of `function` to the job.

    Raises `HandlerError` that names the job, its declared handler and what does not fit.
    """
    body = _body(function)
    if inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body):
        raise _error(job, "it is a generator: calling it runs nothing")
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError) as error:
        raise _error(job, f"its parameters are not known: {error}") from None
    hints = _hints(_body(inspect.unwrap(function)))
    run_parameter = payload_parameter = None
    for name, parameter in parameters.items():
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise _error(job, f"parameter {name!r} is positional-only; rota passes arguments by name")
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            continue
        annotation = hints.get(name, Any)
        if run_parameter is None and _takes_run(name, annotation):
            run_parameter = name
        elif job.payload is not None and payload_parameter is None:
            payload_parameter = name
            _check_annotation(job, name, annotation)
        elif parameter.default is inspect.Parameter.empty:
            wanted = "payload and run" if job.payload is not None else "run, for the job declares no payload"
            raise _error(job, f"parameter {name!r} has nothing to receive; a handler takes at most {wanted}")
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(body)
    return Handler(function, payload_parameter, run_parameter, is_async)


def _body(function: Any) -> Callable[..., Any]:
    """The function that is called in the end: of an object its `__call__`, of a class its `__init__`."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function):
        return function
    owner, name = (function, "__init__") if isinstance(function, type) else (type(function), "__call__")
    body: Callable[..., Any] = getattr(owner, name)
    return body


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 - one that does not evaluate (imported for type checkers alone) leaves us the text
        texts = getattr(function, "__annotations__", {})
        return {name: Run for name, text in texts.items() if text in ("Run", "rota.Run")}


def _takes_run(name: str, annotation: Any) -> bool:
    return annotation is Run or Run in typing.get_args(annotation) or (name == "run" and annotation in (Any, object))


def _check_annotation(job: Job[Any], name: str, annotation: Any) -> None:
    if job.payload is not None and not _fits(job.payload, annotation):
        said = annotation.__name__ if isinstance(annotation, type) else str(annotation)
        raise _error(job, f"parameter {name!r} is annotated {said}, but the job's payload is {job.payload.__name__}")


def _fits(payload: type, annotation: Any) -> bool:
    """Whether a payload may be passed for `annotation`. Where that cannot be told, yes."""
    origin = typing.get_origin(annotation)
    if annotation is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_fits(payload, one) for one in typing.get_args(annotation))
    kind = origin or annotation
    try:
        return not isinstance(kind, type) or issubclass(payload, kind)
    except TypeError:  # a protocol
        return True


def _error(job: Job[Any], what: str) -> HandlerError:
    return HandlerError(f"job {job.name!r}: handler {job.handler!r}: {what}")
