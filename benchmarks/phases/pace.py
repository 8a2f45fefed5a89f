"""How near rota comes to what no queue can beat: the same handler in a plain loop of as many threads."""

import statistics
import time
from typing import Any

from benchmarks.bench import Bench
from benchmarks.phases.throughput import WARM_UP, finish
from benchmarks.trial import Trial

THREADS, MS, JOBS = 8, 10, 3200


def measure(bench: Bench, rounds: int) -> dict[str, Any]:
    """Jobs a second, medians, and the ratio of each round; the two take turns at being first.

    Both are counted from the log that the handler writes, to the end of the last job. The loop's time begins with its
    first job; rota's with the first message given out, and lasts to the last delete.
    """
    jobs = JOBS // 5 if bench.quick else JOBS
    trial = bench.trial("rota", [[i, MS] for i in range(200)])
    found: dict[str, list[float]] = {"plain loop": [], "rota": []}
    measures = {"plain loop": _plain, "rota": _rota}
    for number in range(rounds):
        for name in list(measures)[:: -1 if number % 2 else 1]:
            with trial:
                found[name].append(measures[name](trial, jobs))
        bench.say(f"round {number + 1}: " + ", ".join(f"{name} {pace[-1]:.0f} jobs/s" for name, pace in found.items()))
    ratios = [ours / plain for ours, plain in zip(found["rota"], found["plain loop"], strict=True)]
    return {
        "threads": THREADS,
        "ms": MS,
        "jobs": jobs,
        "jobs_s": {name: statistics.median(pace) for name, pace in found.items()},
        "ratio": statistics.median(ratios),
        "ratios": ratios,
    }


def _plain(trial: Trial, jobs: int) -> float:
    trial.spawn(["-m", "benchmarks.launch", "loop", str(THREADS), str(jobs), str(MS)]).wait(60)
    events = trial.events()[-jobs:]
    return jobs / (max(event.ended for event in events) - min(event.started for event in events))


def _rota(trial: Trial, jobs: int) -> float:
    trial.start(THREADS)
    trial.wait_until_polling()
    finish(trial, WARM_UP)
    time.sleep(0.4)
    before = trial.lines()
    finish(trial, jobs, longest=20)
    events, counted = trial.events()[before:], trial.counted()
    if len(events) != jobs:
        raise RuntimeError(f"{len(events)} of {jobs} jobs ran")
    return jobs / (max(counted["lastDelete"], *(event.ended for event in events)) - counted["firstReceive"])
