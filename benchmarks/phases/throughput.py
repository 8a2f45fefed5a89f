"""Cost and pace: jobs that become visible at one moment to a worker that polls already."""

import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import processes
from benchmarks.bench import Bench
from benchmarks.contenders import REFERENCE, Contender
from benchmarks.trial import Trial

MILLISECONDS = (0, 10)
STAGED = 200
WARM_UP = 100
"""Jobs before those that are measured, so that imports, connections and what a worker learns are behind it."""
LONGEST = 5
"""Seconds that one measurement may take; what is not done by then is left."""
KINDS = {"receive": "Receive", "delete": "Delete", "visibility": "Change", "send": "Send"}


@dataclass
class Sample:
    """One worker process, one backlog."""

    jobs: int
    done: int
    jobs_s: float
    cpu_ms_job: float
    calls_job: dict[str, float]
    memory_mib: float
    endpoint_busy: float
    cpu_ratio: float | None = None
    """To the reference in the same round."""


def measure(bench: Bench, rounds: int) -> list[dict[str, Any]]:
    """A row for each contender, number of threads and length of job.

    In a round they take turns at each cell, so that what else the machine does meets them alike.
    """
    cells = [(threads, ms) for threads in bench.threads for ms in MILLISECONDS]
    trials = {
        (name, ms): bench.trial(name, [[i, ms] for i in range(STAGED)])
        for name in bench.contenders
        for ms in MILLISECONDS
    }
    samples: dict[tuple[str, int, int], list[Sample]] = {}
    for number in range(rounds):
        for threads, ms in cells:
            found = {
                name: _sample(bench, trials[name, ms], threads, ms)
                for name in bench.in_round(number)
                if threads in bench.contenders[name].threads
            }
            for name, sample in found.items():
                if REFERENCE in found:
                    sample.cpu_ratio = sample.cpu_ms_job / found[REFERENCE].cpu_ms_job
                samples.setdefault((name, threads, ms), []).append(sample)
                bench.say(f"round {number + 1}: {_line(name, threads, ms, sample)}")
    return [
        _row(name, threads, ms, found)
        for (name, threads, ms), found in sorted(samples.items(), key=lambda item: item[0][1:])
    ]


def _amount(bench: Bench, contender: Contender, threads: int, ms: int) -> int:
    if ms:
        amount = 150 * threads if contender.fast else min(600, 60 * threads)
    else:
        amount = 8000 if contender.fast else 800
    return amount // 5 if bench.quick else amount


def _sample(bench: Bench, trial: Trial, threads: int, ms: int) -> Sample:
    jobs = _amount(bench, trial.contender, threads, ms)
    with trial:
        worker = trial.start(threads)
        trial.wait_until_polling()
        finish(trial, WARM_UP if ms == 0 or threads > 1 else WARM_UP // 5)
        time.sleep(0.4)
        before, cpu, busy = trial.lines(), processes.cpu(worker), trial.endpoint.cpu()
        finish(trial, jobs)
        cpu, busy = processes.cpu(worker) - cpu, trial.endpoint.cpu() - busy
        counted, done = trial.counted(), max(1, trial.lines() - before)
        last = max([counted["lastDelete"], *(event.ended for event in trial.events()[-100:])])
        seconds = last - counted["firstReceive"]
        return Sample(
            jobs=jobs,
            done=done,
            jobs_s=done / seconds,
            cpu_ms_job=cpu / done * 1000,
            calls_job=_calls(counted["calls"], done),
            memory_mib=processes.memory(worker),
            endpoint_busy=busy / seconds,
        )


def finish(trial: Trial, jobs: int, *, longest: float = LONGEST) -> None:
    """Release jobs, wait until they are run and deleted."""
    trial.reset()
    want, end = trial.lines() + jobs, time.monotonic() + longest
    trial.release(jobs)
    while (trial.lines() < want or trial.counted()["deleted"] < jobs) and time.monotonic() < end:
        time.sleep(0.03)


def _calls(calls: dict[str, int], done: int) -> dict[str, float]:
    kinds = {
        kind: sum(n for call, n in calls.items() if call.startswith(start)) / done for kind, start in KINDS.items()
    }
    return {**kinds, "all": sum(calls.values()) / done}


def _row(name: str, threads: int, ms: int, samples: list[Sample]) -> dict[str, Any]:
    ratios = [sample.cpu_ratio for sample in samples if sample.cpu_ratio is not None]
    return {
        "contender": name,
        "threads": threads,
        "ms": ms,
        "rounds": len(samples),
        "cpu_ms_job": statistics.median(sample.cpu_ms_job for sample in samples),
        "cpu_ratio": statistics.median(ratios) if ratios else None,
        "cpu_ratios": ratios,
        "jobs_s": statistics.median(sample.jobs_s for sample in samples),
        "calls_job": {
            kind: statistics.median(sample.calls_job[kind] for sample in samples) for kind in samples[0].calls_job
        },
        "memory_mib": statistics.median(sample.memory_mib for sample in samples),
        "unfinished": sum(sample.done < sample.jobs for sample in samples),
        "samples": [asdict(sample) for sample in samples],
    }


def _line(name: str, threads: int, ms: int, sample: Sample) -> str:
    ratio = f", {sample.cpu_ratio:.2f} times {REFERENCE}" if sample.cpu_ratio else ""
    calls = f"{sample.calls_job['all']:.3f} calls a job"
    cpu = f"{sample.cpu_ms_job:.3f} ms CPU a job{ratio}"
    return f"{name} {threads} threads {ms} ms: {cpu}, {calls}, {sample.jobs_s:.0f} jobs/s"
