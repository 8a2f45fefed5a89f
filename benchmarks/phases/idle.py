"""What an idle worker asks of SQS, and burns: every contender at once, each on an empty queue of its own."""

import time
from typing import Any

from benchmarks import processes
from benchmarks.bench import Bench


def measure(bench: Bench, seconds: float) -> dict[str, Any]:
    """Per minute, queue and process."""
    with bench.each([[0, 0]], visibility=60, variants=False) as trials:
        for trial in trials:
            trial.start(trial.contender.at_most(8))
        for trial in trials:
            trial.wait_until_polling()
        time.sleep(3)
        burnt = {}
        for trial in trials:
            trial.reset()
            burnt[trial.label] = processes.cpu(trial.processes[0])
        time.sleep(seconds)
        rows = {}
        for trial in trials:
            calls = trial.counted()["calls"]
            receives = calls.pop("ReceiveMessage", 0)
            rows[trial.label] = {
                "threads": trial.contender.at_most(8),
                "receives_min": receives * 60 / seconds,
                "other_calls_min": sum(calls.values()) * 60 / seconds,
                "cpu_ms_min": (processes.cpu(trial.processes[0]) - burnt[trial.label]) * 60_000 / seconds,
                "memory_mib": processes.memory(trial.processes[0]),
            }
    return rows
