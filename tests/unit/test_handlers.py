"""How a handler is found, and what it is given."""

import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest

from rota import HandlerError, Job, Queue, Run
from rota.handlers import Handler, resolve


@dataclass(frozen=True)
class Report:
    kind: str = "daily"


class Other: ...


class HasKind(Protocol):
    kind: str


RUN = Run(job="a", id="r", attempt=1, queue="q")
REPORT = Report()
Fit = Callable[..., Handler]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of the application."""
    made = ModuleType("shop_handlers")
    monkeypatch.setitem(sys.modules, "shop_handlers", made)
    return made


@pytest.fixture
def fit(module: ModuleType) -> Fit:
    """Resolves a function as the handler of a job with a payload, or without."""

    def fitted(function: Any, payload: Any = Report, path: str = "handle") -> Handler:
        vars(module)["handle"] = function
        target = Queue(name="q")
        return resolve(Job(name="a", handler=f"shop_handlers:{path}", target=target, payload=payload))

    return fitted


def called(handler: Handler) -> Any:
    return handler.call(REPORT, RUN)


# What is given


def nothing() -> tuple[Any, ...]:
    return ()


def payload_alone(report: Report) -> tuple[Any, ...]:
    return (report,)


def run_by_name(run):  # type: ignore[no-untyped-def] # as users write it
    return (run,)


def run_by_annotation(context: Run) -> tuple[Any, ...]:
    return (context,)


def run_or_none(run: Run | None = None) -> tuple[Any, ...]:
    return (run,)


def both(report: Report, run: Run) -> tuple[Any, ...]:
    return (report, run)


def both_the_other_way_round(context: Run, payload: Any) -> tuple[Any, ...]:
    return (payload, context)


def both_unannotated(payload, run):  # type: ignore[no-untyped-def] # as users write it
    return (payload, run)


def keywords_alone(*, report: "Report", run: "Run") -> tuple[Any, ...]:
    return (report, run)


def a_payload_named_run(run: Report, context: Run) -> tuple[Any, ...]:
    return (run, context)


def decorated(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def with_a_default_beside(report: Report, run: Run, retries: int = 3) -> tuple[Any, ...]:
    return (report, run)


def with_anything_beside(report: Report, *more: Any, **named: Any) -> tuple[Any, ...]:
    return (report,)


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (nothing, ()),
        (payload_alone, (REPORT,)),
        (run_by_name, (RUN,)),
        (run_by_annotation, (RUN,)),
        (run_or_none, (RUN,)),
        (both, (REPORT, RUN)),
        (both_the_other_way_round, (REPORT, RUN)),
        (both_unannotated, (REPORT, RUN)),
        (keywords_alone, (REPORT, RUN)),
        (a_payload_named_run, (REPORT, RUN)),
        (with_a_default_beside, (REPORT, RUN)),
        (with_anything_beside, (REPORT,)),
        (functools.partial(both, run=RUN), (REPORT, RUN)),
        (functools.lru_cache(both), (REPORT, RUN)),
        (decorated(both), (REPORT, RUN)),
    ],
)
def test_a_handler_is_given_what_it_asks_for(fit: Fit, function: Any, given: Any) -> None:
    assert called(fit(function)) == given


@pytest.mark.parametrize(("function", "given"), [(nothing, ()), (run_by_name, (RUN,)), (run_or_none, (RUN,))])
def test_a_job_without_payload_gives_a_run_or_nothing(fit: Fit, function: Any, given: Any) -> None:
    assert called(fit(function, payload=None)) == given


@pytest.mark.parametrize("annotation", [Report, "Report", object, Any, Report | None, HasKind, Report | dict[str, str]])
def test_annotations_that_a_payload_fits(fit: Fit, annotation: Any) -> None:
    def function(value: Any) -> Any:
        return value

    function.__annotations__["value"] = annotation
    assert called(fit(function)) == REPORT


class Service:
    def send(self, report: Report, run: Run) -> tuple[Any, ...]:
        return (report, run)

    def __call__(self, report: Report, context: Run) -> tuple[Any, ...]:
        return (report, context)

    @classmethod
    def of_class(cls, report: Report) -> tuple[Any, ...]:
        return (report,)

    @staticmethod
    def static(report: Report) -> tuple[Any, ...]:
        return (report,)


class Made:
    def __init__(self, report: Report, context: Run) -> None:
        self.given = (report, context)


def test_methods_and_objects(fit: Fit) -> None:
    assert called(fit(Service(), path="handle.send")) == (REPORT, RUN)
    assert called(fit(Service())) == (REPORT, RUN)
    assert called(fit(Service, path="handle.of_class")) == (REPORT,)
    assert called(fit(Service, path="handle.static")) == (REPORT,)
    assert called(fit(Made)).given == (REPORT, RUN)


FUTURE = """
from __future__ import annotations
from typing import TYPE_CHECKING
from rota import Run
if TYPE_CHECKING:
    from shop.jobs import Report

def known(context: Run): return (context,)
def partly_known(report: Report, context: Run): return (report, context)
"""


def test_annotations_as_text(fit: Fit) -> None:
    names: dict[str, Any] = {"__name__": "shop_handlers"}
    exec(FUTURE, names)
    assert called(fit(names["known"])) == (RUN,)
    assert called(fit(names["partly_known"])) == (REPORT, RUN)


async def asynchronous(report: Report) -> Report:
    return report


class AsyncService:
    async def __call__(self, report: Report) -> Report:
        return report


def test_async_handlers_are_known_as_such(fit: Fit) -> None:
    for function in (asynchronous, AsyncService(), functools.partial(asynchronous)):
        handler = fit(function)
        assert handler.is_async
        coroutine = called(handler)
        with pytest.raises(StopIteration) as done:
            coroutine.send(None)
        assert done.value.value == REPORT
    assert not fit(both).is_async


# What is refused


def positional(report: Report, /) -> None: ...


def too_many(report: Report, run: Run, more: int) -> None: ...


def two_runs(one: Run, other: Run) -> None: ...


def wrong_annotation(report: Other) -> None: ...


def wrong_generic(report: dict[str, str]) -> None: ...


def wrong_union(report: Other | int) -> None: ...


def generator(report: Report) -> Iterator[int]:
    yield 1


async def async_generator(report: Report) -> Any:
    yield 1


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (positional, "parameter 'report' is positional-only; rota passes arguments by name"),
        (too_many, "parameter 'more' has nothing to receive; a handler takes at most payload and run"),
        (two_runs, "parameter 'other' is annotated Run, but the job's payload is Report"),
        (wrong_annotation, "parameter 'report' is annotated Other, but the job's payload is Report"),
        (wrong_generic, "parameter 'report' is annotated dict[str, str], but the job's payload is Report"),
        (wrong_union, ", but the job's payload is Report"),
        (generator, "it is a generator: calling it runs nothing"),
        (async_generator, "it is a generator: calling it runs nothing"),
        (7, "'handle' is not a function but int"),
        (dict, "its parameters are not known: "),
    ],
)
def test_refused_handlers(fit: Fit, function: Any, said: str) -> None:
    with pytest.raises(HandlerError) as caught:
        fit(function)
    assert str(caught.value).startswith("job 'a': handler 'shop_handlers:handle': ")
    assert said in str(caught.value)


def test_a_payload_parameter_of_a_job_without_payload(fit: Fit) -> None:
    with pytest.raises(
        HandlerError,
        match="parameter 'report' has nothing to receive; a handler takes at most run, for the job declares no payload",
    ):
        fit(payload_alone, payload=None)


def test_what_is_not_there(fit: Fit) -> None:
    with pytest.raises(HandlerError, match="'shop_handlers' has no 'missing'"):
        fit(nothing, path="missing")
    with pytest.raises(HandlerError, match=r"'shop_handlers' has no 'handle\.missing'"):
        fit(Service(), path="handle.missing")
    with pytest.raises(
        HandlerError, match=r"'handle\.send' is a method without its object; name a method of an object"
    ):
        fit(Service, path="handle.send")


def handler_of(module: str) -> str:
    with pytest.raises(HandlerError) as caught:
        resolve(Job(name="a", handler=f"{module}:run", target=Queue(name="q")))
    return str(caught.value)


def test_modules_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "exits.py").write_text("raise SystemExit('no database')")
    (tmp_path / "breaks.py").write_text("1 / 0")
    (tmp_path / "wants.py").write_text("import not_installed_here")
    assert handler_of("no_such_module") == (
        "job 'a': handler 'no_such_module:run': module 'no_such_module' cannot be imported: "
        "ModuleNotFoundError: No module named 'no_such_module'"
    )
    assert "module 'exits' cannot be imported: SystemExit: no database" in handler_of("exits")
    assert "module 'breaks' cannot be imported: ZeroDivisionError" in handler_of("breaks")
    assert "module 'wants' cannot be imported: ModuleNotFoundError: No module named 'not_installed" in handler_of(
        "wants"
    )
