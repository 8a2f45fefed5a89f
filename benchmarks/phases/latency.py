"""From the moment a message is visible to the start of its job, on a worker that polls an empty queue."""

import math
import random
import statistics
import time
from typing import Any

from benchmarks.bench import Bench
from benchmarks.trial import Trial

GAP = (0.03, 0.08)
"""Seconds between two jobs."""


def measure(bench: Bench, times: int) -> dict[str, Any]:
    """Milliseconds, one contender after the other."""
    rows = {}
    for name, contender in bench.contenders.items():
        with bench.trial(name, [[i, 0] for i in range(10)]) as trial:
            trial.start(contender.at_most(8))
            trial.wait_until_polling()
            time.sleep(0.3)
            for _ in range(3):
                _one(trial)
            found = sorted(_one(trial) * 1000 for _ in range(times))
        rows[name] = {"p50": statistics.median(found), "p90": found[math.ceil(0.9 * len(found)) - 1], "max": found[-1]}
        bench.say(f"{name}: " + ", ".join(f"{key} {value:.2f} ms" for key, value in rows[name].items()))
    return rows


def _one(trial: Trial) -> float:
    time.sleep(random.uniform(*GAP))
    before, end = trial.lines(), time.monotonic() + 25
    released = trial.release(1)
    while trial.lines() == before:
        if time.monotonic() > end:
            return math.inf
        time.sleep(0.001)
    return trial.events()[-1].started - released
