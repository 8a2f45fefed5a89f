"""Which tasks of Celery can be handlers."""

from collections.abc import Callable
from typing import Any

from celery import Celery

from rota.importing.celery_tasks import handler_of, task_problem

app = Celery("tasks", broker="memory://", set_as_current=False)


def make(name: str, function: Callable[[], Any]) -> Any:
    @app.task(name=name)
    def work() -> Any:
        return function()

    return work


def plain() -> None: ...


def bound(self: Any) -> None: ...


@app.task
def decorated() -> None: ...


@app.task(autoretry_for=(OSError,))
def again() -> None: ...


made = make("made", lambda: "made")
tasks = {name: app.tasks[f"{__name__}.{name}"] for name in ("decorated", "again")}
tasks |= {"plain": app.task(name="plain")(plain), "bound": app.task(name="bound", bind=True)(bound), "made": made}


def work() -> None: ...


def test_a_handler_is_what_its_module_has() -> None:
    for name in ("decorated", "again", "plain"):
        assert handler_of(tasks[name]) == f"{__name__}:{name}"
        assert task_problem(tasks[name], name, {}) is None


def test_what_a_module_has_by_the_same_name_is_no_handler() -> None:
    for name in ("made", "bound"):  # another function is called as the one, and the other lacks its self
        assert handler_of(tasks[name]) is None
        assert task_problem(tasks[name], name, {}) == (
            f"task {name!r} is no function that its module has by that name: write one that does what it does, and "
            "name it as handler"
        )
