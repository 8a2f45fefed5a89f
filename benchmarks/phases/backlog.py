"""A backlog of jobs each well inside the visibility timeout, on two workers: does prefetching make some run twice?"""

import math
import time
from typing import Any

from benchmarks.bench import Bench
from benchmarks.trial import Trial

VISIBILITY, JOBS, JOB, WATCHED, WIDE = 4, 24, 1.5, 26, 4


def measure(bench: Bench) -> dict[str, Any]:
    """Starts of `JOBS` jobs; as many starts as jobs is right."""
    rows = {}
    with bench.each([[i, int(JOB * 1000)] for i in range(JOBS)], visibility=VISIBILITY) as trials:
        for trial in trials:
            trial.start(trial.contender.at_most(WIDE))
            trial.start(trial.contender.at_most(WIDE))
        for trial in trials:
            trial.wait_until_polling()
        time.sleep(6)
        released = {}
        for trial in trials:
            trial.reset()
            released[trial.label] = trial.release(JOBS)
        time.sleep(WATCHED)
        for trial in trials:
            rows[trial.label] = _row(trial, released[trial.label])
    return rows


def _row(trial: Trial, released: float) -> dict[str, Any]:
    events = trial.events()
    ends: dict[int, float] = {}
    for event in events:
        if event.kind == "E":
            ends.setdefault(event.job, event.ended)
    return {
        "jobs": JOBS,
        "starts": sum(event.kind == "S" for event in events),
        "done": len(ends),
        "all_done_s": round(max(ends.values()) - released, 1) if len(ends) == JOBS else None,
        "ideal_s": math.ceil(JOBS / (2 * trial.contender.at_most(WIDE))) * JOB,
        "processes_used": len({event.process for event in events}),
        "left": sum(trial.depth().values()),
    }
