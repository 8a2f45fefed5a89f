"""The whole worker on queues in memory: real threads, no AWS."""

import asyncio
import logging
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from rota import Client, Job, Manifest, ManifestError, Queue, Retry, Run, Worker
from rota.queues.base import Outgoing
from rota.queues.memory import MemoryBackend

billing = Queue(name="billing", visibility_timeout=timedelta(seconds=2))
mail = Queue(name="mail", visibility_timeout=timedelta(seconds=2))
SHORT = timedelta(milliseconds=50)


@dataclass(frozen=True)
class Number:
    n: int


class Scene:
    """Handlers in a module made for the test, and a manifest of jobs with their names."""

    def __init__(self, module: types.ModuleType) -> None:
        self.module = module
        self.backend = MemoryBackend(visibility_timeout=2)
        self.jobs: list[Job[Any]] = []

    def job(self, function: Callable[..., Any], queue: Queue = billing, **declared: Any) -> Job[Any]:
        name = function.__name__.replace("_", "-")
        setattr(self.module, function.__name__, function)
        declared.setdefault("retry", Retry(attempts=2, backoff=timedelta()))
        job: Job[Any] = Job(name=name, handler=f"{self.module.__name__}:{function.__name__}", target=queue, **declared)
        self.jobs.append(job)
        return job

    @property
    def manifest(self) -> Manifest:
        return Manifest(name="shop", jobs=self.jobs)

    def client(self) -> Client:
        return Client(self.manifest, backend=self.backend)

    def enqueue(self, job: Job[Any]) -> str:
        return self.client().enqueue(job)

    def worker(self, **options: Any) -> Worker:
        options.setdefault("long_poll", SHORT)
        return Worker(self.manifest, backend=self.backend, **options)


@pytest.fixture
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    module = types.ModuleType("shop_handlers_of_a_test")
    sys.modules[module.__name__] = module
    yield Scene(module)
    del sys.modules[module.__name__]


def eventually(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


def test_every_enqueued_run_is_done_once_and_acknowledged(scene: Scene) -> None:
    done: list[int] = []

    def add(number: Number) -> None:
        done.append(number.n)

    job = scene.job(add, payload=Number)
    scene.client().enqueue_many(job, [Number(n) for n in range(200)])
    with scene.worker(concurrency=4):
        eventually(lambda: len(done) == 200 and len(scene.backend.queue("billing")) == 0)
    assert sorted(done) == list(range(200))


def test_sync_and_async_handlers_run_side_by_side(scene: Scene) -> None:
    done: list[tuple[str, str]] = []

    def sync_one(run: Run) -> None:
        done.append(("sync", threading.current_thread().name[:9]))

    async def async_one(run: Run) -> None:
        await asyncio.sleep(0)
        done.append(("async", threading.current_thread().name))

    jobs = [scene.job(sync_one), scene.job(async_one)]
    client = scene.client()
    for job in jobs:
        client.enqueue(job)
    with scene.worker():
        eventually(lambda: len(done) == 2)
    assert sorted(done) == [("async", "rota-async"), ("sync", "rota-slot")]


def test_all_async_handlers_share_one_event_loop(scene: Scene) -> None:
    loops: list[object] = []

    async def look(number: Number) -> None:
        loops.append(asyncio.get_running_loop())

    job = scene.job(look, payload=Number)
    scene.client().enqueue_many(job, [Number(n) for n in range(20)])
    with scene.worker():
        eventually(lambda: len(loops) == 20)
    assert len(set(map(id, loops))) == 1


def test_a_failing_run_is_tried_again_then_dead_lettered_with_its_reason(scene: Scene) -> None:
    attempts: list[int] = []

    def fail(run: Run) -> None:
        attempts.append(run.attempt)
        raise ValueError("no such order")

    run_id = scene.enqueue(scene.job(fail, retry=Retry(attempts=3, backoff=timedelta())))
    with scene.worker():
        eventually(lambda: scene.backend.dead_letters("billing").waiting)
        eventually(lambda: len(scene.backend.queue("billing")) == 0)
    (dead,) = scene.backend.dead_letters("billing").waiting
    assert attempts == [1, 2, 3]
    assert dead.attributes.pop("rota.traceback")
    assert dead.attributes == {
        "rota.reason": "attempts exhausted (3): ValueError: no such order",
        "rota.error": "ValueError: no such order",
        "rota.job": "fail",
        "rota.run": run_id,
        "rota.attempts": "3",
    }


def test_a_run_longer_than_the_visibility_timeout_starts_once(scene: Scene) -> None:
    starts: list[str] = []

    def long(run: Run) -> None:
        starts.append(run.id)
        time.sleep(3)

    scene.enqueue(scene.job(long))
    with scene.worker(), scene.worker():
        eventually(lambda: starts and len(scene.backend.queue("billing")) == 0)
    assert len(starts) == 1


def test_stopping_finishes_what_runs_and_gives_back_what_has_not_started(scene: Scene) -> None:
    started, finished, go = [], [], threading.Event()

    def wait(number: Number) -> None:
        started.append(number.n)
        go.wait(10)
        finished.append(number.n)

    job = scene.job(wait, payload=Number)
    scene.client().enqueue_many(job, [Number(n) for n in range(6)])
    worker = scene.worker(concurrency=2).start()
    eventually(lambda: len(started) == 2)
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    go.set()
    stopper.join(10)
    assert len(started) == len(finished) == 2
    assert len(scene.backend.queue("billing").waiting) == 4


def test_what_was_received_ahead_goes_back_at_a_stop(scene: Scene) -> None:
    started, go = [], threading.Event()

    def first_quick_then_long(number: Number) -> None:
        started.append(number.n)
        if number.n > 0:
            go.wait(10)

    job = scene.job(first_quick_then_long, payload=Number)
    client = scene.client()
    client.enqueue(job, Number(0))
    worker = scene.worker(concurrency=1).start()
    eventually(lambda: started == [0] and len(scene.backend.queue("billing")) == 0)
    client.enqueue_many(job, [Number(n) for n in range(1, 9)])
    eventually(lambda: len(started) == 2)
    eventually(lambda: len(scene.backend.queue("billing").waiting) == 0)  # one runs, seven are here and wait
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    eventually(lambda: len(scene.backend.queue("billing").waiting) == 7)
    go.set()
    stopper.join(10)
    assert len(scene.backend.queue("billing")) == 7


def test_a_run_that_outlives_the_grace_is_told_and_keeps_its_message(scene: Scene) -> None:
    told, release = threading.Event(), threading.Event()

    def stubborn(run: Run) -> None:
        run.stop_event.wait(10)
        told.set()
        release.wait(10)

    scene.enqueue(scene.job(stubborn))
    worker = scene.worker(grace=timedelta(milliseconds=100)).start()
    eventually(lambda: scene.backend.queue("billing").waiting == [])
    eventually(lambda: worker.started)
    time.sleep(0.1)
    assert worker.stop() is False
    assert told.wait(5)
    assert scene.backend.queue("billing").waiting == []
    release.set()


def test_a_process_that_ends_gives_back_what_its_threads_could_not_finish(scene: Scene) -> None:
    entered, release = threading.Event(), threading.Event()

    def stubborn() -> None:
        entered.set()
        release.wait(10)

    scene.enqueue(scene.job(stubborn))
    worker = scene.worker(grace=timedelta(milliseconds=50)).start()
    entered.wait(5)
    assert worker.stop_and_exit() is False
    assert len(scene.backend.queue("billing").waiting) == 1
    release.set()


def test_an_async_handler_is_cancelled_at_its_deadline(scene: Scene) -> None:
    cancelled = []

    async def forever(run: Run) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(run.id)
            raise

    scene.enqueue(scene.job(forever, timeout=timedelta(seconds=1), retry=Retry(attempts=1)))
    with scene.worker():
        eventually(lambda: scene.backend.dead_letters("billing").waiting)
    assert len(cancelled) == 1
    assert "TimeoutError" in scene.backend.dead_letters("billing").waiting[0].attributes["rota.reason"]


def test_a_thread_past_its_deadline_is_told(scene: Scene) -> None:
    reasons: list[str | None] = []

    def patient(run: Run) -> None:
        run.stop_event.wait(10)
        reasons.append(run.stop_reason)

    scene.enqueue(scene.job(patient, timeout=timedelta(seconds=1)))
    with scene.worker():
        eventually(lambda: reasons)
    assert reasons == ["its deadline has passed"]


def test_no_queue_starves_another(scene: Scene) -> None:
    done: list[str] = []

    def quick(number: Number) -> None:
        done.append("quick")
        time.sleep(0.001)

    def rare() -> None:
        done.append("rare")

    quick_job, rare_job = scene.job(quick, billing, payload=Number), scene.job(rare, mail)
    client = scene.client()
    client.enqueue_many(quick_job, [Number(n) for n in range(3000)])
    client.enqueue(rare_job)
    with scene.worker(concurrency=2):
        eventually(lambda: "rare" in done)
        assert done.index("rare") < 1500


def test_a_job_that_this_server_does_not_know_is_handed_back_and_runs_where_it_is_known(scene: Scene) -> None:
    attempts: list[int] = []

    def known(run: Run) -> None:
        attempts.append(run.attempt)

    def newer(run: Run) -> None:
        attempts.append(run.attempt)

    scene.job(known)
    old_manifest = scene.manifest
    newer_job = scene.job(newer)
    scene.client().enqueue(newer_job)
    queue = scene.backend.queue("billing")
    with Worker(old_manifest, backend=scene.backend, long_poll=SHORT, hand_back_delay=timedelta()):
        eventually(lambda: any("handed_back_at" in message.body for message in queue.waiting))
        time.sleep(0.5)
    assert attempts == []
    with scene.worker():
        eventually(lambda: attempts)
    assert attempts == [1]
    assert len(scene.backend.dead_letters("billing")) == 0


def test_what_cannot_be_read_is_dead_lettered_at_once_as_it_came(scene: Scene) -> None:
    scene.job(lambda_like)
    scene.backend.queue("billing").send([Outgoing("not an envelope")])
    with scene.worker():
        eventually(lambda: scene.backend.dead_letters("billing").waiting)
    (dead,) = scene.backend.dead_letters("billing").waiting
    assert dead.body == "not an envelope"
    assert dead.attributes["rota.reason"].startswith("cannot be read: not JSON")


def lambda_like() -> None:
    """A handler that nobody calls."""


def test_each_log_record_of_a_run_carries_job_run_attempt_and_queue(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    def talk(run: Run) -> None:
        logging.getLogger("shop").warning("half way")

    run_id = scene.enqueue(scene.job(talk))
    with caplog.at_level(logging.INFO), scene.worker():
        eventually(lambda: any("succeeded" in record.message for record in caplog.records))
    of_run = [record for record in caplog.records if "half way" in record.message or "succeeded" in record.message]
    assert len(of_run) == 2
    for record in of_run:
        fields = [vars(record)[f"rota_{name}"] for name in ("job", "run", "attempt", "queue")]
        assert fields == ["talk", run_id, 1, "billing"]


def test_a_worker_consumes_only_the_queues_it_is_given(scene: Scene) -> None:
    done: list[str] = []

    def bill() -> None:
        done.append("bill")

    def post() -> None:
        done.append("post")

    client_jobs = [scene.job(bill, billing), scene.job(post, mail)]
    client = scene.client()
    for job in client_jobs:
        client.enqueue(job)
    with scene.worker(queues=[mail]):
        eventually(lambda: done)
        time.sleep(0.2)
    assert done == ["post"]


def test_a_queue_of_no_job_is_an_error_that_says_which_there_are(scene: Scene) -> None:
    scene.job(lambda_like)
    with pytest.raises(ManifestError, match="has queue 'mail' as its target; it has billing"):
        scene.worker(queues=[mail])


@pytest.mark.parametrize("concurrency", [0, -1])
def test_a_worker_needs_a_slot(scene: Scene, concurrency: int) -> None:
    scene.job(lambda_like)
    with pytest.raises(ManifestError, match="concurrency must be at least 1"):
        scene.worker(concurrency=concurrency)


def test_starting_twice_starts_once(scene: Scene) -> None:
    scene.job(lambda_like)
    worker = scene.worker(concurrency=3)
    before = threading.active_count()
    with worker.start().start():
        assert threading.active_count() - before == 3 + 1 + 4  # slots, a poller, keeper, renewer, watcher, settler


def test_a_worker_can_be_switched_off_by_the_environment(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.job(lambda_like)
    monkeypatch.setenv("ROTA_WORKER", "off")
    assert not scene.worker().start().started


def test_a_stopped_worker_starts_again(scene: Scene) -> None:
    done: list[int] = []

    def add(number: Number) -> None:
        done.append(number.n)

    job = scene.job(add, payload=Number)
    worker = scene.worker()
    for n in range(2):
        scene.client().enqueue(job, Number(n))
        with worker:
            eventually(lambda n=n: len(done) == n + 1)  # type: ignore[misc] # mypy has no type for n here
    assert done == [0, 1]


def test_it_lives_and_ends_with_an_asgi_application(scene: Scene) -> None:
    scene.job(lambda_like)
    worker = scene.worker()

    async def serve() -> bool:
        async with worker.lifespan(object()):
            return worker.started

    assert asyncio.run(serve())
    assert not worker.started


def test_healthy_runs_behind_a_long_one_never_reach_the_dead_letters(scene: Scene) -> None:
    scene.backend = MemoryBackend(visibility_timeout=2, max_deliveries=3)
    started: list[int] = []
    go = threading.Event()

    def sometimes_long(number: Number) -> None:
        started.append(number.n)
        if number.n == 1:
            go.wait(30)

    job = scene.job(sometimes_long, payload=Number)
    client = scene.client()
    client.enqueue(job, Number(0))
    with scene.worker(concurrency=1):
        eventually(lambda: started == [0])
        client.enqueue_many(job, [Number(n) for n in range(1, 7)])
        eventually(lambda: len(started) > 1)
        while 1 not in started:
            time.sleep(0.01)
        time.sleep(7)  # several visibility timeouts, and more than three deliveries if each gave the others back
        go.set()
        eventually(lambda: len(started) == 7)
        eventually(lambda: len(scene.backend.queue("billing")) == 0)
    assert sorted(started) == list(range(7))
    assert len(scene.backend.dead_letters("billing")) == 0


def test_a_run_that_another_queue_leaves_no_slot_for_is_free_for_an_idle_server_at_once(scene: Scene) -> None:
    done: list[str] = []
    go = threading.Event()

    def long(number: Number) -> None:
        go.wait(20)

    def urgent() -> None:
        done.append("urgent")

    long_job, urgent_job = scene.job(long, billing, payload=Number), scene.job(urgent, mail)
    client = scene.client()
    with scene.worker(concurrency=2, long_poll=timedelta(seconds=5)):
        time.sleep(0.5)  # both polls are open
        client.enqueue_many(long_job, [Number(n) for n in range(2)])
        eventually(lambda: scene.backend.queue("billing").waiting == [])
        time.sleep(0.1)
        client.enqueue(urgent_job)
        with scene.worker(queues=[mail]):
            eventually(lambda: done, 5)
        go.set()
    assert done == ["urgent"]


def test_a_queue_keeps_its_poller_whatever_its_backend_raises(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    def add(number: Number) -> None:
        done.append(number.n)

    job = scene.job(add, payload=Number)
    queue = scene.backend.queue("billing")
    receive, errors = queue.receive, [OSError("of another backend")]

    def failing_once(limit: int, wait: float) -> list[Any]:
        if errors:
            raise errors.pop()
        return receive(limit, wait)

    monkeypatch.setattr(queue, "receive", failing_once)
    scene.client().enqueue(job, Number(7))
    with scene.worker():
        eventually(lambda: done == [7])


def test_started_from_many_threads_it_starts_once(scene: Scene) -> None:
    scene.job(lambda_like)
    worker = scene.worker(concurrency=3)
    before = threading.active_count()
    starters = [threading.Thread(target=worker.start) for _ in range(5)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert threading.active_count() - before == 3 + 1 + 4
    assert worker.stop()
    assert threading.active_count() == before


def test_a_second_stop_does_not_say_finished_while_a_run_goes_on(scene: Scene) -> None:
    entered, release = threading.Event(), threading.Event()

    def stubborn() -> None:
        entered.set()
        release.wait(10)

    scene.enqueue(scene.job(stubborn))
    worker = scene.worker().start()
    entered.wait(5)
    assert worker.stop(SHORT) is False
    assert worker.stop(SHORT) is False
    release.set()
    assert worker.stop() is True
    assert len(scene.backend.queue("billing")) == 0  # it finished, and was acknowledged, after the first stop


def test_a_handler_cannot_stop_its_own_worker(scene: Scene) -> None:
    errors: list[BaseException] = []
    workers: list[Worker] = []

    def suicidal() -> None:
        try:
            workers[0].stop()
        except RuntimeError as error:
            errors.append(error)

    scene.enqueue(scene.job(suicidal))
    workers.append(scene.worker())
    with workers[0]:
        eventually(lambda: errors)
    assert "a handler cannot stop a worker" in str(errors[0])


def test_two_queues_with_work_take_turns_though_answers_are_slow(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def first(number: Number) -> None:
        done.append("billing")
        time.sleep(0.6)  # longer than a quarter of the visibility timeout: nothing is received ahead

    def second(number: Number) -> None:
        done.append("mail")
        time.sleep(0.6)

    jobs = [scene.job(first, billing, payload=Number), scene.job(second, mail, payload=Number)]
    for job in jobs:
        scene.client().enqueue_many(job, [Number(n) for n in range(50)])
    for name in ("billing", "mail"):
        queue = scene.backend.queue(name)

        def slowly(limit: int, wait: float, receive: Any = queue.receive) -> list[Any]:
            time.sleep(0.35)
            caught: list[Any] = receive(limit, wait)
            return caught

        monkeypatch.setattr(queue, "receive", slowly)
    with scene.worker(concurrency=1):
        eventually(lambda: len(done) >= 8, 30)
    assert min(done.count("billing"), done.count("mail")) >= 2
