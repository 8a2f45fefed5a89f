"""The harness itself, with fewer runs and blows: `make chaos` is the long one."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEED = 1


def test_a_fleet_that_is_killed_stopped_and_misled_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chaos", "--minute", "--seed", str(SEED), "--keep", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout
