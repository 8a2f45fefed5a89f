"""One job longer than the visibility timeout, on two workers: how often is it started?"""

import time
from typing import Any

from benchmarks.bench import Bench

VISIBILITY, JOB, WATCHED = 5, 12, 22


def measure(bench: Bench) -> dict[str, Any]:
    """Starts over `WATCHED` seconds; one is right."""
    rows = {}
    with bench.each([[0, JOB * 1000]], visibility=VISIBILITY) as trials:
        for trial in trials:
            trial.start(trial.contender.at_most(8))
            trial.start(trial.contender.at_most(8))
        for trial in trials:
            trial.wait_until_polling()
        time.sleep(6)
        released = {}
        for trial in trials:
            trial.reset()
            released[trial.label] = trial.release(1)
        time.sleep(WATCHED)
        for trial in trials:
            events, counted = trial.events(), trial.counted()
            rows[trial.label] = {
                "starts": sum(event.kind == "S" for event in events),
                "finishes": sum(event.kind == "E" for event in events),
                "started_at_s": [
                    round(event.started - released[trial.label], 1) for event in events if event.kind == "S"
                ],
                "extensions": counted["visibility"],
                "left": sum(trial.depth().values()),
            }
    return rows
