"""The harness itself, with fewer runs and blows: `make chaos` is the long one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from chaos.report import Verdict

ROOT = Path(__file__).parents[2]
SEED = 1
LIMIT = 600
"""Seconds for what takes a minute and a half, and gives up by itself after about five."""


def chaos_minute(seed: int, logs: Path) -> tuple[int, str]:
    """Its exit code, and what it said."""
    command = [sys.executable, "-m", "chaos", "--minute", "--seed", str(seed), "--keep", str(logs)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            said, _ = process.communicate(timeout=LIMIT)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # its servers too: some may be stopped
            raise
    print(said)
    return process.returncode, said


def test_a_fleet_that_is_killed_stopped_and_misled_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    code, said = chaos_minute(SEED, tmp_path / "1")
    if code == Verdict.PROVES_NOTHING:
        # Nothing was broken, but the machine's interleaving spared something. What is broken is never tried again.
        code, said = chaos_minute(SEED + 1, tmp_path / "2")
    assert code == Verdict.HELD, said
