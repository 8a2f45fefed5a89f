"""The application that is simulated."""

import sys
from types import ModuleType

import pytest

from rota import Run


@pytest.fixture(autouse=True)
def shop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The user's application: `shop_simulated:note` notes its runs."""
    module = ModuleType("shop_simulated")
    runs: list[Run] = []

    def note(run: Run) -> None:
        runs.append(run)

    vars(module).update(runs=runs, note=note)
    monkeypatch.setitem(sys.modules, "shop_simulated", module)
    return module
