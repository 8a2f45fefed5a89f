"""What construct and synth of many scheduled jobs cost: processor time of Python and its Node, beside peers."""

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.environment import ROOT, SOLUTIONS_CONSTRUCTS
from benchmarks.synth import CONTENDERS

FEW, MANY = 1_000, 10_000
PAIR = ("rota", "l2_schedule")
"""What the aim compares: measured more often, one after the other, and each round gives a ratio."""
ROUNDS_OF_MANY = 3
"""At most; the contenders that are not of the pair take part in the first one."""


def measure(bench: Bench, rounds: int) -> dict[str, Any]:
    """For each number of jobs, by contender: milliseconds of a job less what an empty app costs, medians of rounds."""
    folder = bench.folder / "synth"
    empty = statistics.median(_once("empty", 0, folder)["cpu"] for _ in range(rounds))
    found: dict[str, Any] = {"empty_ms": empty * 1000, "contenders": CONTENDERS, "jobs": {}}
    for count, times in {FEW: rounds, MANY: 0 if bench.quick else min(rounds, ROUNDS_OF_MANY)}.items():
        runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for number in range(times):
            for name in _in_turn(PAIR if number and count == MANY else CONTENDERS, number):
                bench.say(f"synth: {count} jobs, round {number + 1} of {times}, {name}")
                runs[name].append(_once(name, count, folder))
        if runs:
            found["jobs"][str(count)] = _of(runs, count, empty)
    return found


def _in_turn(names: Iterable[str], number: int) -> list[str]:
    """The order turns around; the floor comes after rota, whose templates it writes."""
    found = [name for name in names if name != "floor"][:: -1 if number % 2 else 1]
    return [*found, "floor"] if "floor" in names else found


def _of(runs: dict[str, list[dict[str, Any]]], count: int, empty: float) -> dict[str, Any]:
    ms = {
        name: [(run["cpu"] - (0 if name == "floor" else empty)) * 1000 / count for run in each]
        for name, each in runs.items()
    }
    mine, its = (ms[name] for name in PAIR)
    return {
        "a_job": {
            name: {
                "cpu_ms": statistics.median(each),
                "seconds": statistics.median(run["seconds"] for run in runs[name]),
                "rounds": len(each),
                "parts_ms": _parts(runs[name], count),
            }
            for name, each in ms.items()
        },
        "ratios": [one / other for one, other in zip(mine, its, strict=True)],
    }


def _parts(runs: list[dict[str, Any]], count: int) -> dict[str, float]:
    """Milliseconds of a job, medians, by what is done and who does it."""
    return {
        f"{what}: {who}": statistics.median(run["parts"][what][who] for run in runs) * 1000 / count
        for what, by in runs[0]["parts"].items()
        for who in by
    }


def _once(name: str, count: int, folder: Path) -> dict[str, Any]:
    # The floor needs what rota has written; nobody else finds anything there.
    place = folder / ("rota" if name == "floor" else name)
    if name != "floor":
        shutil.rmtree(place, ignore_errors=True)
    command = [sys.executable, "-m", "benchmarks.synth", name, str(count), str(place)]
    # CDK's validation of templates costs everyone alike, more than all the rest.
    environment = os.environ | {"CDK_VALIDATION": "false"}
    if name == "solutions_constructs":
        environment["PYTHONPATH"] = str(SOLUTIONS_CONSTRUCTS)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr or done.stdout}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
