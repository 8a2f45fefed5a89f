"""Inside a contender's process: `python -m benchmarks.launch work NAME THREADS`, or `enqueue NAME`, jobs on stdin."""

import importlib
import json
import resource
import sys
import time


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _enqueue(name: str) -> None:
    """Enqueue, and print what the jobs after the first took: imports and connections are made for the first."""
    jobs = json.load(sys.stdin)
    enqueue = importlib.import_module(f"benchmarks.contenders.{name}").enqueue
    enqueue(jobs[:1])
    started, cpu = time.monotonic(), _cpu()
    if jobs[1:]:
        enqueue(jobs[1:])
    print(json.dumps({"seconds": time.monotonic() - started, "cpu": _cpu() - cpu}))


def main() -> None:
    match sys.argv[1:]:
        case ["work", name, threads]:
            importlib.import_module(f"benchmarks.contenders.{name}").work(int(threads))
        case ["enqueue", name]:
            _enqueue(name)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
