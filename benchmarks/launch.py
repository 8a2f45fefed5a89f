"""Inside a contender's process: `python -m benchmarks.launch work NAME THREADS`; `enqueue NAME`, jobs on stdin; or
`loop THREADS JOBS MILLISECONDS`, the handler without a queue."""

import importlib
import json
import resource
import sys
import threading
import time

from benchmarks import benchjob


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


def _loop(threads: int, jobs: int, ms: int) -> None:
    """What no queue can beat: threads that take the next number and call the handler."""
    numbers = iter(range(jobs))  # next() of it is atomic

    def take() -> None:
        for job in numbers:
            benchjob.run(job, ms)

    crew = [threading.Thread(target=take) for _ in range(threads)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()


def main() -> None:
    match sys.argv[1:]:
        case ["work", name, threads]:
            importlib.import_module(f"benchmarks.contenders.{name}").work(int(threads))
        case ["enqueue", name]:
            _enqueue(name)
        case ["loop", threads, jobs, ms]:
            _loop(int(threads), int(jobs), int(ms))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
