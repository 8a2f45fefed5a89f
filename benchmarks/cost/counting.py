"""What is counted: each kind of run one at a time and in a backlog, an idle worker, and a minute of a long run."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.cost import jobs
from benchmarks.cost.proxy import EMPTY, Bill
from benchmarks.cost.stand import Stand

from rota.manifest import Job
from rota.testing.local_aws import LocalAws

RUNS, BACKLOG = 20, 200
KINDS: dict[str, Job[jobs.Order]] = {job.name: job for job in (jobs.scheduled, jobs.locked, jobs.enqueued, jobs.unique)}
POLLS = 3


def count(aws: LocalAws, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything, in about two minutes."""
    with ThreadPoolExecutor(3) as pool:  # these do next to nothing but wait
        say("an idle worker, and two runs of a minute")
        waiting = [pool.submit(idle, aws, folder)]
        waiting += [pool.submit(one_at_a_time, aws, folder, job, runs=1) for job in (jobs.long, jobs.long_locked)]
        idled, long, long_locked = (future.result() for future in waiting)
    found: dict[str, Any] = {"one_at_a_time": {}, "backlog": {}, "idle": idled, "minute": {}}
    for name, job in KINDS.items():
        say(f"{name}: {RUNS} runs one at a time, {BACKLOG} in a backlog")
        found["one_at_a_time"][name] = one_at_a_time(aws, folder, job, runs=RUNS)
        found["backlog"][name] = backlog(aws, folder, job, runs=BACKLOG)
    for name, minute, short in (("scheduled", long, "scheduled"), ("locked", long_locked, "locked")):
        found["minute"][name] = _difference(minute, found["one_at_a_time"][short])
    return found


def one_at_a_time(aws: LocalAws, folder: Path, job: Job[jobs.Order], *, runs: int) -> dict[str, Any]:
    """What each of `runs` runs takes from sending to deleting, where the next one comes when it is done. A first one
    goes before: what a worker asks once is asked for it."""
    with Stand(aws, folder) as stand:
        stand.start()
        first = KINDS.get(job.name) or (jobs.locked if job.lock else jobs.scheduled)
        _send(stand, first, 1)
        stand.wait_until_done()
        before, kept = stand.bill(), sum(stand.stored())
        for number in range(2, runs + 2):
            _send(stand, job, number)
            stand.wait_until_done(jobs.LONG + 30)
        return _told(stand, stand.bill().since(before), runs, extra=1, stored=sum(stand.stored()) - kept)


def backlog(aws: LocalAws, folder: Path, job: Job[jobs.Order], *, runs: int) -> dict[str, Any]:
    """The same where all are there when the worker comes; enqueued ten a request, but for what EventBridge sends."""
    with Stand(aws, folder) as stand:
        if job.schedule is None:
            stand.enqueue_many(job, range(runs))
        else:
            for number in range(runs):
                stand.fire(job, number)
        stand.start()
        stand.wait_until_done()
        return _told(stand, stand.bill(), runs, extra=0, stored=sum(stand.stored()))


def idle(aws: LocalAws, folder: Path) -> dict[str, Any]:
    """What a worker of one queue asks where there is nothing to do, an hour: extrapolated from some polls."""
    with Stand(aws, folder) as stand:
        stand.start()
        since, before = _until_polls(stand, 1)
        until, after = _until_polls(stand, 1 + POLLS)
    counted = after.since(before)
    return {
        "seconds": round(until - since, 1),
        "receives": counted.sqs.pop(EMPTY),
        "other_requests": counted.sqs.total() + counted.dynamodb.total(),
        "receives_an_hour": round(POLLS * 3600 / (until - since)),
    }


def _until_polls(stand: Stand, polls: int) -> tuple[float, Bill]:
    stand.wait_until(lambda: stand.bill().sqs[EMPTY] >= polls, 30 * (POLLS + 1))
    return time.monotonic(), stand.bill()


def _send(stand: Stand, job: Job[jobs.Order], number: int) -> None:
    if job.schedule is None:
        stand.enqueue(job, number)
    else:
        stand.fire(job, number)


def _told(stand: Stand, bill: Bill, runs: int, *, extra: int, stored: int) -> dict[str, Any]:
    if (succeeded := stand.succeeded()) != runs + extra:
        raise RuntimeError(f"{succeeded} of {runs + extra} runs succeeded; what was counted is not what was meant")
    return {"runs": runs, **bill.over(runs), "stored_bytes": round(stored / runs)}


def _difference(minute: dict[str, Any], short: dict[str, Any]) -> dict[str, dict[str, float]]:
    """What a run of a minute takes more than a short one."""
    return {
        kind: {
            name: more for name, amount in minute[kind].items() if (more := round(amount - short[kind].get(name, 0), 4))
        }
        for kind in ("sqs", "dynamodb", "units")
    }
