"""What `Client.enqueue_many` costs: processor time a job, beside a loop of SendMessageBatch with bodies of the same
size."""

import statistics
from typing import Any

from benchmarks.bench import Bench
from benchmarks.contenders import REFERENCE
from benchmarks.trial import Trial

JOBS = 10_000


def measure(bench: Bench, rounds: int) -> dict[str, Any]:
    """Medians, and the ratio of each round; the two take turns at being first."""
    jobs = [[i, 0] for i in range(JOBS // 5 if bench.quick else JOBS)]
    size = len(bench.trial("rota", jobs[:1]).body())
    took: dict[str, list[dict[str, float]]] = {name: [] for name in (REFERENCE, "rota")}
    for number in range(rounds):
        for name in list(took)[:: -1 if number % 2 else 1]:
            with bench.trial(name, jobs, environment={"BENCH_BODY": str(size)}) as trial:
                took[name].append(_a_job(trial, len(jobs) - 1))
        bench.say(
            f"round {number + 1}: "
            + ", ".join(f"{name} {found[-1]['cpu_ms']:.4f} ms CPU" for name, found in took.items())
        )
    ratios = [ours["cpu_ms"] / raw["cpu_ms"] for ours, raw in zip(took["rota"], took[REFERENCE], strict=True)]
    medians = {
        name: {kind: statistics.median(one[kind] for one in found) for kind in found[0]} for name, found in took.items()
    }
    return {"jobs": len(jobs), "bytes": size, "a_job": medians, "ratio": statistics.median(ratios), "ratios": ratios}


def _a_job(trial: Trial, jobs: int) -> dict[str, float]:
    # The first job is not in what was timed, but its request was counted.
    sends = trial.counted()["calls"]["SendMessageBatch"] - 1
    return {
        "cpu_ms": trial.enqueued["cpu"] / jobs * 1000,
        "ms": trial.enqueued["seconds"] / jobs * 1000,
        "requests": sends / jobs,
    }
