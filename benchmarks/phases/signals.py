"""A worker gets a signal with jobs in hand: what finishes, what comes back and when, what is lost?

The harness itself drains what comes back, for as long as the visibility timeout and more.
"""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.bench import Bench
from benchmarks.trial import Trial

VISIBILITY, JOBS, JOB, WIDE = 8, 12, 3, 4
GRACE = 25
"""Seconds after which a worker that has not ended is killed."""


def measure(bench: Bench, number: signal.Signals) -> dict[str, Any]:
    """SIGTERM goes to the process, SIGKILL to its group, half-way through the first jobs."""
    with bench.each([[i, JOB * 1000] for i in range(JOBS)], visibility=VISIBILITY) as trials:
        for trial in trials:
            trial.start(trial.contender.at_most(WIDE))
        for trial in trials:
            trial.wait_until_polling()
        time.sleep(3)
        with ThreadPoolExecutor(len(trials)) as pool:
            rows = pool.map(lambda trial: _one(trial, number), trials)
            return dict(zip([trial.label for trial in trials], rows, strict=True))


def _one(trial: Trial, number: signal.Signals) -> dict[str, Any]:
    trial.reset()
    trial.release(JOBS)
    while not any(event.kind == "S" for event in trial.events()):
        time.sleep(0.02)
    time.sleep(JOB / 2)
    before, taken, signalled = trial.events(), trial.counted()["received"], time.monotonic()
    process = trial.processes[0]
    if number is signal.SIGKILL:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    exited, returned = _watch(trial, signalled)
    events, left = trial.events(), trial.depth()
    finished = _jobs(events, "E")
    accounted = len(finished) + len(returned) + sum(left.values())
    return {
        "jobs": JOBS,
        "running_at_signal": len(_jobs(before, "S") - _jobs(before, "E")),
        "taken_from_queue": taken,
        "exit_s": round(exited, 1),
        "forced": exited >= GRACE,
        "finished_after_signal": len(finished - _jobs(before, "E")),
        "came_back_at_once": sum(at <= exited + 0.5 for at in returned),
        "came_back_later": sum(at > exited + 0.5 for at in returned),
        "last_back_s": round(max(returned), 1) if returned else None,
        "still_invisible": left["inflight"],
        "lost": max(0, JOBS - accounted),
        "finished_and_came_back": max(0, accounted - JOBS),
    }


def _jobs(events: list[Any], kind: str) -> set[int]:
    return {event.job for event in events if event.kind == kind}


def _watch(trial: Trial, signalled: float) -> tuple[float, list[float]]:
    """When the process ended, and when messages came back, in seconds since the signal."""
    exited, returned = None, []
    while True:
        since = time.monotonic() - signalled
        if exited is None:
            if trial.processes[0].poll() is not None:
                exited = since
            elif since > GRACE:
                os.killpg(trial.processes[0].pid, signal.SIGKILL)
        else:
            if since > exited + VISIBILITY + 4:
                return exited, returned
            asked = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": 0}
            for message in trial.endpoint.sqs("ReceiveMessage", QueueUrl=trial.url, **asked).get("Messages") or []:
                returned.append(since)
                trial.endpoint.sqs("DeleteMessage", QueueUrl=trial.url, ReceiptHandle=message["ReceiptHandle"])
        time.sleep(0.05)
