"""A fleet of real worker processes on the local AWS: what the README promises, seen from outside."""

import json
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest


def test_every_occurrence_and_every_enqueued_run_is_done_once_by_one_of_three_workers(fleet: Any) -> None:
    workers = [fleet.worker("work") for _ in range(3)]
    fired_at = datetime(2199, 1, 1, 3, 0, 30, tzinfo=UTC)
    for n in range(20):
        fleet.aws.fire_rule(f"fleet-default.occurrence-{n}", at=fired_at)
    fleet.client().enqueue_many(fleet.jobs.quick, [fleet.jobs.Number(n) for n in range(200)])
    fleet.eventually(lambda: len(fleet.events("")) >= 220 and fleet.depth("work") == 0, 60)
    assert all(count == 1 for count in Counter(event["run"] for event in fleet.events("")).values())
    occurrences = fleet.events("occurrence-")
    assert {event["job"] for event in occurrences} == {f"occurrence-{n}" for n in range(20)}
    # Not when the rule fired: the instant that the job's schedule says.
    assert {event["scheduled_at"] for event in occurrences} == {"2199-01-01T03:00:00+00:00"}
    assert {event["pid"] for event in fleet.events("")} <= {worker.pid for worker in workers}
    assert fleet.depth("work", dead=True) == 0


def test_nothing_is_lost_while_a_worker_is_killed_every_two_seconds(fleet: Any) -> None:
    # 20 s of work for six slots that nobody kills: the backlog outlasts the kills.
    runs = fleet.client().enqueue_many(fleet.jobs.crashed, [fleet.jobs.Number(n) for n in range(300)])
    workers = [fleet.worker("crash", concurrency=2) for _ in range(3)]
    killed = []
    end = time.monotonic() + 20
    while time.monotonic() < end:
        time.sleep(2)
        victim = workers.pop(0)
        victim.send_signal(signal.SIGKILL)
        killed.append(victim.pid)
        workers.append(fleet.worker("crash", concurrency=2))
    assert fleet.depth("crash") > 0, "the backlog ended before the kills did"
    fleet.eventually(lambda: fleet.depth("crash") == 0, 60)
    done = {(event["run"], event["pid"]) for event in fleet.events("crashed")}
    assert {run for run, _ in done} == set(runs)
    assert fleet.depth("crash", dead=True) == 0
    started = {(event["run"], event["pid"]) for event in fleet.events("crashed", "started")}
    # All are done, so these were done elsewhere.
    interrupted = {run for run, pid in started - done if pid in killed}
    assert interrupted, "no kill met a running job"


def test_a_job_three_times_as_long_as_the_visibility_timeout_starts_once(fleet: Any) -> None:
    for _ in range(2):
        fleet.worker("long")
    fleet.client().enqueue(fleet.jobs.longer)
    fleet.eventually(lambda: fleet.events("longer") and fleet.depth("long") == 0, 30)
    assert len(fleet.events("longer", "started")) == 1


def test_a_backlog_of_runs_starts_each_once_though_two_workers_race_the_visibility_timeout(fleet: Any) -> None:
    fleet.client().enqueue_many(fleet.jobs.batch, [fleet.jobs.Number(n) for n in range(24)])
    for _ in range(2):
        fleet.worker("backlog")
    fleet.eventually(lambda: len(fleet.events("batch")) >= 24 and fleet.depth("backlog") == 0, 60)
    assert len(fleet.events("batch", "started")) == 24
    assert len({event["pid"] for event in fleet.events("batch")}) == 2


def test_a_run_handed_back_twenty_times_is_at_its_first_attempt_where_it_is_known(fleet: Any) -> None:
    from rota import Worker

    jobs, backend = fleet.jobs, fleet.backend()
    fleet.client(manifest=jobs.newer_manifest).enqueue(jobs.newer_job)
    queue, handed_back = backend.queue("skew"), []
    send = queue.send
    queue.send = lambda messages: handed_back.extend(messages) or send(messages)

    class Watched:
        queue = staticmethod(lambda name: queue)
        dead_letters = staticmethod(backend.dead_letters)

    with Worker(
        jobs.manifest,
        queues=[jobs.skew],
        backend=Watched(),
        long_poll=timedelta(seconds=1),
        hand_back_delay=timedelta(),
    ):
        fleet.eventually(lambda: len(handed_back) >= 20, 30)
    fleet.spawn("rota", "worker", "jobs:newer_manifest", "--queue", "skew")
    fleet.eventually(lambda: fleet.events("newer") and fleet.depth("skew") == 0, 30)
    assert [event["attempt"] for event in fleet.events("newer")] == [1]
    assert fleet.depth("skew", dead=True) == 0


def test_a_run_that_kills_its_workers_reaches_the_dead_letter_queue(fleet: Any) -> None:
    fleet.client().enqueue(fleet.jobs.killer)
    # One slot: a free one would leave an open poll behind, which the local AWS still answers after its client's death,
    # and that counts as a delivery.
    worker = fleet.worker("poison", concurrency=1)

    def dead_or_start_another() -> bool:
        nonlocal worker
        if worker.poll() is not None:
            worker = fleet.worker("poison", concurrency=1)
        return bool(fleet.depth("poison", dead=True))

    fleet.eventually(dead_or_start_another, 60)
    assert len(fleet.events("killer", "started")) == 3


def test_two_stages_in_one_account_do_not_see_each_other(fleet: Any) -> None:
    worker = fleet.worker("apart")
    run = fleet.client().enqueue(fleet.jobs.staged)
    fleet.eventually(lambda: fleet.events("staged"), 20)
    # It has run one of its own stage, so it does poll; a run that it could see it would take at once.
    staged_run = fleet.client("staging").enqueue(fleet.jobs.staged)
    time.sleep(2)
    assert (fleet.depth("apart", stage="staging"), fleet.hidden("apart", stage="staging")) == (1, 0)
    other = fleet.worker("apart", ROTA_STAGE="staging")
    fleet.eventually(lambda: len(fleet.events("staged")) == 2, 20)
    seen = [(event["run"], event["pid"]) for event in fleet.events("staged")]
    assert seen == [(run, worker.pid), (staged_run, other.pid)]
    fleet.aws.fire_rule("fleet-staging.occurrence-1", at=datetime(2199, 1, 1, 3, 0, tzinfo=UTC))
    assert (fleet.depth("work"), fleet.depth("work", stage="staging")) == (0, 1)


def test_the_policy_of_a_queue_with_a_hundred_jobs_is_as_large_as_with_one(fleet: Any) -> None:
    def policy(queue: str) -> str:
        url = fleet.settings().queues[queue].url
        attributes = fleet.aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
        return str(attributes["Policy"]).replace(queue, "")

    rules = fleet.aws.client("events").list_rules(NamePrefix="fleet-default.hundred-")["Rules"]
    assert len(rules) == 100
    assert policy("hundred") == policy("work")
    assert len(json.loads(policy("hundred"))["Statement"]) <= 3


AT_IMPORT = {"FLEET_START_AT_IMPORT": "1"}


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        pytest.param([], AT_IMPORT, id="without preload"),
        pytest.param(["--preload"], AT_IMPORT, id="with preload"),
        pytest.param(["--config", "gunicorn_post_fork.py"], {}, id="from post_fork"),
        pytest.param(["--config", "gunicorn_post_fork.py", "--preload"], {}, id="from post_fork, with preload"),
    ],
)
def test_gunicorn_runs_the_worker_in_each_of_its_children_alone(
    fleet: Any, options: list[str], environment: dict[str, str]
) -> None:
    command = ["gunicorn", "web:wsgi", "--workers", "2", "--bind", "127.0.0.1:0", *options]
    off = fleet.spawn(*command, **environment, ROTA_WORKER="off")
    master = fleet.spawn(*command, **environment)
    fleet.eventually(lambda: len(_children(off.pid)) == 2, 20)
    # Two slots, poller, keeper, renewer, watcher and settler in each child, beside the threads of gunicorn.
    expected = {1 + 7}
    fleet.eventually(lambda: {_threads(child) for child in _children(master.pid)} == expected, 20)
    fleet.client().enqueue(fleet.jobs.served)
    fleet.eventually(lambda: fleet.events("served") and fleet.depth("web") == 0, 20)
    assert fleet.events("served")[0]["pid"] in _children(master.pid)
    assert {_threads(child) for child in _children(master.pid)} == expected
    assert len(_children(master.pid)) == 2
    assert _threads(master.pid) == _threads(off.pid)
    assert {_threads(child) for child in _children(off.pid)} == {1}


def test_uvicorn_runs_the_worker_in_its_lifespan(fleet: Any) -> None:
    server = fleet.spawn("uvicorn", "web:asgi", "--port", "0", "--log-level", "warning")
    fleet.client().enqueue(fleet.jobs.served)
    fleet.eventually(lambda: fleet.events("served"), 20)
    assert fleet.events("served")[0]["pid"] == server.pid
    server.send_signal(signal.SIGTERM)
    server.wait(30)
    assert fleet.depth("web") == 0


def test_uvicorn_that_is_stopped_lets_a_running_job_finish(fleet: Any) -> None:
    server = fleet.spawn("uvicorn", "web:asgi", "--port", "0", "--log-level", "warning")
    fleet.client().enqueue(fleet.jobs.served_slowly, fleet.jobs.Number(1))
    fleet.eventually(lambda: fleet.events("slowly-served", "started"), 20)
    server.send_signal(signal.SIGTERM)
    # uvicorn stops gracefully, and then ends by the signal that it was sent.
    assert server.wait(10) in {0, -signal.SIGTERM}
    assert [event["pid"] for event in fleet.events("slowly-served")] == [server.pid]
    assert len(fleet.events("slowly-served", "started")) == 1
    assert fleet.depth("web") == 0


def test_a_stopped_worker_gives_back_what_it_has_received_and_not_started(fleet: Any) -> None:
    runs = fleet.client().enqueue_many(fleet.jobs.handed_over, [fleet.jobs.Number(n) for n in range(30)])
    first = fleet.worker("stopped", concurrency=1)
    # The first run told how long one takes; one is running now, and a batch waits behind it.
    fleet.eventually(lambda: fleet.hidden("stopped") >= 9, 20)
    first.send_signal(signal.SIGTERM)
    assert first.wait(10) == 0
    assert fleet.hidden("stopped") == 0
    assert len(fleet.events("handed-over", "started")) < 9, "it ran what it should have given back"
    second = fleet.worker("stopped", concurrency=8)
    # Less than the visibility timeout of 30 s, after which they would have come back by themselves.
    fleet.eventually(lambda: fleet.depth("stopped") == 0, 15)
    assert sorted(event["run"] for event in fleet.events("handed-over", "started")) == sorted(runs)
    assert sorted(event["run"] for event in fleet.events("handed-over")) == sorted(runs)
    assert {event["pid"] for event in fleet.events("handed-over")} == {first.pid, second.pid}


def _threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
