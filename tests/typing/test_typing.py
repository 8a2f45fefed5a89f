"""What mypy and pyright say to users' code."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GOOD, REFUSED = HERE / "good.py", HERE / "refused.py"

Refusals = dict[Path, set[int]]


@pytest.fixture(scope="module")
def mypy() -> Refusals:
    answer = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty", GOOD, REFUSED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found: Refusals = {}
    for line in answer.stdout.splitlines():
        if told := re.match(r"(.+?):(\d+): error: ", line):
            found.setdefault(ROOT / told[1], set()).add(int(told[2]))
    assert answer.returncode == 1, f"mypy refuses something; this is a failure of its own: {answer}"
    return found


@pytest.fixture(scope="module")
def pyright() -> Refusals:
    # Both files ask for strictness themselves.
    answer = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, GOOD, REFUSED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found: Refusals = {}
    for told in json.loads(answer.stdout)["generalDiagnostics"]:
        if told["severity"] == "error":
            found.setdefault(Path(told["file"]), set()).add(told["range"]["start"]["line"] + 1)
    return found


@pytest.fixture(params=["mypy", "pyright"])
def refusals(request: pytest.FixtureRequest) -> Refusals:
    found: Refusals = request.getfixturevalue(request.param)
    return found


def test_good_code_is_accepted(refusals: Refusals) -> None:
    assert refusals.get(GOOD, set()) == set()


def test_just_the_marked_lines_are_refused(refusals: Refusals) -> None:
    lines = REFUSED.read_text().splitlines()
    assert refusals[REFUSED] == {number for number, line in enumerate(lines, 1) if line.endswith("  # refused")}
