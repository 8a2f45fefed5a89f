"""The public's workflows do what `make test` does."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def _read(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read


def _steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_ci_runs_all_the_tests_on_every_python_and_node_that_is_promised() -> None:
    job = _read(ROOT / ".github/workflows/ci.yml")["jobs"]["test"]

    assert {"run": "make test"} in job["steps"]
    matrix = job["strategy"]["matrix"]
    oldest = tomllib.loads((ROOT / "runtime/pyproject.toml").read_text())["project"]["requires-python"]
    assert f">={matrix['python'][0]}" == oldest
    assert matrix["node"][0] == "20"
    assert all(isinstance(version, str) for version in matrix["python"])  # 3.10 would be 3.1


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_major_version(path: Path) -> None:
    used = [step["uses"] for step in _steps(_read(path)) if "uses" in step]

    assert used
    assert [action for action in used if not re.search(r"@(v\d+|release/v\d+)$", action)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_read_and_no_more_unless_a_job_says_so(path: Path) -> None:
    assert _read(path)["permissions"] == {"contents": "read"}


def test_both_distributions_are_built_and_published() -> None:
    for path in WORKFLOWS:
        commands = " ".join(str(step.get("run", "")) for step in _steps(_read(path)))
        assert "build --outdir dist runtime" in commands
        assert "build --outdir dist constructs" in commands
