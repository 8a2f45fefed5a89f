"""rota: a manifest, a Worker, a Client."""

import json
import os
import signal
import threading
from dataclasses import dataclass

from benchmarks import benchjob

from rota import Client, Job, Manifest, Queue, Worker

_URL = os.environ["BENCH_URL"]
_QUEUES = {"bench": {"url": _URL, "dead_letter_url": f"{_URL}-dead"}}
os.environ["ROTA_SETTINGS"] = json.dumps({"version": 1, "manifest": "bench", "stage": "default", "queues": _QUEUES})


@dataclass(frozen=True)
class Work:
    id: int
    ms: int


def handle(work: Work) -> None:
    benchjob.run(work.id, work.ms)


job = Job(
    name="work",
    handler="benchmarks.contenders.rota:handle",
    target=Queue(name="bench", visibility_timeout=benchjob.visibility()),
    payload=Work,
)
manifest = Manifest(name="bench", jobs=[job])
_client = Client(manifest)


def enqueue(jobs: list[list[int]]) -> None:
    _client.enqueue_many(job, [Work(*one) for one in jobs])


def work(threads: int) -> None:
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    worker = Worker(manifest, concurrency=threads).start()
    told.wait()
    worker.stop_and_exit()
