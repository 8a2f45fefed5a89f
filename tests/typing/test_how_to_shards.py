"""The code of docs/how-to/ten-thousand-jobs.md is what mypy and pyright accept, and it does what the page says."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/ten-thousand-jobs.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The blocks of the page, one after another: they go on from each other."""
    path = tmp_path_factory.mktemp("page") / "of_the_page.py"
    path.write_text("# pyright: strict\n" + "\n".join(BLOCKS), encoding="utf-8")
    return path


@pytest.mark.parametrize("checker", [["mypy", "--strict"], ["pyright", "--pythonpath", sys.executable]])
def test_the_code_of_the_page_is_accepted(code: Path, checker: list[str]) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", *checker, code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_code_of_the_page_overrides_one_schedule(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_VALIDATION", "false")
    made: dict[str, Any] = {}
    exec(compile(code.read_text(encoding="utf-8"), PAGE, "exec"), made)

    assembly = made["app"].synth()
    states = {
        found["Properties"]["Name"]: found["Properties"]["State"]
        for stack in assembly.stacks
        for found in json.loads(Path(stack.template_full_path).read_text(encoding="utf-8"))["Resources"].values()
        if found["Type"] == "AWS::Scheduler::Schedule"
    }
    assert len(states) == 2_000
    assert [name for name, state in states.items() if state != "ENABLED"] == ["shop-default.shop-77.s32"]
