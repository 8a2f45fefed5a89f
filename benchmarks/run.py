"""The phases, one after the other."""

import json
import os
import platform
import signal
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.contenders import CONTENDERS, REFERENCE
from benchmarks.endpoint import Endpoint
from benchmarks.environment import HERE
from benchmarks.phases import (
    backlog,
    cold_start,
    enqueue,
    idle,
    imports,
    latency,
    long_job,
    pace,
    signals,
    synth,
    throughput,
)
from benchmarks.report import markdown

OF_A_RUN = ("when", "machine", "load", "load_end", "measured")
"""What results say beside the phases."""


def run(options: Namespace) -> None:
    """Measure, print the report; write it where asked."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    names = options.only or (["rota"] if options.quick else list(CONTENDERS))
    names = list(dict.fromkeys([REFERENCE, *names]))
    results = {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{len(os.sched_getaffinity(0))} CPUs, Python {platform.python_version()}",
        "load": os.getloadavg(),
    }
    with tempfile.TemporaryDirectory(prefix="rota-bench-") as folder, Endpoint() as endpoint:
        bench = Bench(endpoint, {name: CONTENDERS[name] for name in names}, Path(folder), quick=options.quick)
        for phase in options.phases:
            bench.say(phase)
            results[phase] = _phases(bench, options.rounds)[phase]()
    results["load_end"] = os.getloadavg()
    print(f"\n{markdown(results)}")
    if options.write:
        results = _with_the_rest(results, options.phases)
        (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        (HERE / "results.md").write_text(markdown(results))


def _with_the_rest(results: dict[str, Any], phases: list[str]) -> dict[str, Any]:
    """The results with those of other phases as they were written before; each phase says when it was measured."""
    path = HERE / "results.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    measured = {
        phase: before.get("measured", {}).get(phase, before["when"]) for phase in before if phase not in OF_A_RUN
    }
    whole = {phase: before[phase] for phase in measured} | results
    return whole | {"measured": measured | dict.fromkeys(phases, results["when"])}


def _phases(bench: Bench, rounds: int) -> dict[str, Callable[[], Any]]:
    return {
        "imports": lambda: imports.measure(5 if bench.quick else 25),
        "cold_start": lambda: cold_start.measure(bench.folder / "cold_start", 5 if bench.quick else 25),
        "synth": lambda: synth.measure(bench, rounds),
        "throughput": lambda: throughput.measure(bench, rounds),
        "pace": lambda: pace.measure(bench, rounds),
        "enqueue": lambda: enqueue.measure(bench, rounds),
        "latency": lambda: latency.measure(bench, 10 if bench.quick else 40),
        "idle": lambda: idle.measure(bench, 60),
        "long_job": lambda: long_job.measure(bench),
        "backlog": lambda: backlog.measure(bench),
        "sigterm": lambda: signals.measure(bench, signal.SIGTERM),
        "sigkill": lambda: signals.measure(bench, signal.SIGKILL),
    }
