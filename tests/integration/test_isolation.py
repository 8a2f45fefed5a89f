"""Handlers in processes of their own: real children, real signals."""

import logging
import multiprocessing.spawn
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rota import HandlerError, HandlerProcessError, Job, Queue, Run, isolation, logs
from rota.failures import IsolatedFailure
from rota.isolation import in_parent
from rota.run import Stop

HANDLERS = """
import asyncio, ctypes, faulthandler, json, logging, multiprocessing, os, signal, subprocess, sys, threading, time
from dataclasses import dataclass
from pathlib import Path
import rota

log = logging.getLogger("shop")

@dataclass
class Order:
    folder: str
    number: int = 1

class ShopError(Exception): ...

def note(order, name, text=""):
    there = Path(order.folder, name)
    part = there.with_suffix(f".{os.getpid()}")
    part.write_text(str(text))
    part.rename(there)

def tell(order: Order, run: rota.Run):
    note(order, "told", json.dumps({
        "pid": os.getpid(), "thread": threading.current_thread() is threading.main_thread(), "number": order.number,
        "run": [run.job, run.id, run.attempt, run.queue, run.token, str(run.scheduled_at), str(run.deadline)],
        "worker": os.environ["ROTA_WORKER"], "fds": sorted(os.listdir("/proc/self/fd")),
    }))

def no_payload(): ...
async def later(order: Order): await asyncio.sleep(0.01); note(order, "told", os.getpid())
async def too_long(order: Order): await asyncio.sleep(60)
def wrong(): raise ShopError("no stock")
def give_up(): raise rota.GiveUp("no such order")
def wait(): raise rota.RetryAfter(90, "closed")
def leave(): sys.exit(3)
def die(): os._exit(3)
def crash(): faulthandler.disable(); ctypes.string_at(0)
def logs():
    log.debug("unseen"); log.info("sold %d", 3, extra={"order": 7, "what": object, "many": [1, {"a": None}]})
    try: 1 / 0
    except ZeroDivisionError: log.exception("ouch %s")
def last_words(): log.error("the end"); os._exit(7)
def many_logs():
    for number in range(3000): log.info("line %d %s", number, "x" * 100)
def obeys(order: Order, run: rota.Run):
    note(order, "started"); run.stop_event.wait(60); note(order, "ended", run.stop_reason); assert run.stop_requested
def deaf(order: Order):
    helper = subprocess.Popen(["sleep", "60"]); note(order, "started", f"{os.getpid()} {helper.pid}"); time.sleep(60)
def in_c(order: Order):
    note(order, "started", f"{os.getpid()} {os.getpid()}"); ctypes.PyDLL(None).sleep(60)
def signals(order: Order):
    for number in (signal.SIGINT, signal.SIGTERM): os.kill(os.getpid(), number)
    note(order, "told", subprocess.run([sys.executable, "-c", "import signal; print(signal.getsignal(2).__name__)"],
                                      capture_output=True, text=True).stdout)
def forks_and_dies():
    if os.fork() == 0: time.sleep(60)
    os._exit(5)
def own_pool(order: Order):
    with multiprocessing.get_context("spawn").Pool(1) as pool: note(order, "told", pool.apply(abs, (-4,)))
"""


class Shop:
    """An application with its handlers, and threads that wait for them."""

    def __init__(self, folder: Path, module: Any) -> None:
        self.folder, self.module = folder, module
        self.threads = ThreadPoolExecutor(4)

    def call(self, handler: str, *, stop: Stop | None = None, kill_after: float = 5.0, **fields: Any) -> None:
        timeout = fields.pop("timeout", None)
        number = fields.pop("number", 1)
        takes_order = handler not in NO_ORDER
        payload = self.module.Order if takes_order else None
        job: Job[Any] = Job(
            name=handler.replace("_", "-"),
            handler=f"{self.module.__name__}:{handler}",
            target=Queue(name="work"),
            payload=payload,
            timeout=timeout,
            isolation="process",
        )
        order = payload(folder=str(self.folder), number=number) if payload else None
        given = {"job": job.name, "id": "1", "attempt": 1, "queue": "work", **fields}
        isolation.call(job, order, Run(**given, stop=stop or Stop()), kill_after=kill_after)

    def fails(self, handler: str, **fields: Any) -> IsolatedFailure:
        with pytest.raises(IsolatedFailure) as raised:
            self.call(handler, **fields)
        return raised.value

    def wrote(self, name: str) -> str:
        wait_until((self.folder / name).exists)
        return (self.folder / name).read_text()


NO_ORDER = {"no_payload", "wrong", "give_up", "wait", "leave", "die", "crash"}
NO_ORDER |= {"logs", "last_words", "many_logs", "forks_and_dies"}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    import importlib

    name = f"shop_handlers_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(HANDLERS)
    monkeypatch.syspath_prepend(tmp_path)
    shop = Shop(tmp_path, importlib.import_module(name))
    isolation.close()  # what another test left has another path
    try:
        yield shop
    finally:
        isolation.close()
        shop.threads.shutdown()
        assert not in_parent._children


def wait_until(holds: Callable[[], object], timeout: float = 30) -> None:
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def pids(text: str) -> list[int]:
    return [int(word) for word in text.split()]


def told(shop: Shop) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(shop.wrote("told"))
    return found


def test_a_handler_runs_in_the_main_thread_of_a_warm_child_with_its_payload_and_run(shop: Shop) -> None:
    at = datetime(2026, 11, 21, 2, tzinfo=UTC)
    shop.call("tell", number=42, id="tell@x", attempt=2, token=7, scheduled_at=at, deadline=at + timedelta(hours=1))
    first = told(shop)
    assert first["pid"] != os.getpid()
    assert first["thread"]
    assert first["number"] == 42
    assert first["run"] == ["tell", "tell@x", 2, "work", 7, str(at), str(at + timedelta(hours=1))]
    assert first["worker"] == "off"
    shop.call("no_payload")
    shop.call("tell")
    assert told(shop)["pid"] == first["pid"]


def test_it_is_in_an_interpreter_though_its_server_is_none(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/bin/env")  # as under uWSGI
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", b"/usr/bin/env")
    shop.call("tell", timeout=timedelta(minutes=1))
    assert shop.wrote("told")


def test_a_child_that_is_prepared_has_imported_the_handler_and_is_the_one_that_is_taken(shop: Shop) -> None:
    def job(module: str) -> Job[Any]:
        return Job(name="x", handler=f"{module}:f", target=Queue(name="work"), isolation="process")

    (shop.folder / "slow_to_import.py").write_text("import os\ndef f(): raise RuntimeError(os.getpid())\n")
    shop.call("tell")
    first = told(shop)["pid"]
    stop = Stop()
    run = shop.threads.submit(shop.call, "obeys", stop=stop)
    shop.wrote("started")
    isolation.prepare(job("slow_to_import"), Stop())
    stop.request("enough")
    run.result(30)
    isolation.prepare(job("slow_to_import"), Stop())
    assert len(in_parent._idle) == 2
    for _ in range(2):
        with pytest.raises(IsolatedFailure) as raised:
            isolation.call(job("slow_to_import"), None, Run(job="x", id="1", attempt=1, queue="work"))
        assert raised.value.failure.said != f"RuntimeError: {first}"
        shop.call("tell")
        assert told(shop)["pid"] == first
    with pytest.raises(IsolatedFailure, match=r"module 'missing_module' cannot be imported"):
        isolation.prepare(job("missing_module"), Stop())


def test_a_child_has_none_of_the_parents_files_and_sockets(shop: Shop) -> None:
    kept = [os.open(os.devnull, os.O_RDONLY) for _ in range(30)]
    try:
        shop.call("tell")
    finally:
        for fd in kept:
            os.close(fd)
    # The three standard streams, the words, the lifeline, and the listing's own.
    assert len(told(shop)["fds"]) <= 6


def test_handlers_at_once_have_a_child_each(shop: Shop) -> None:
    stops = [Stop() for _ in range(3)]
    runs = [shop.threads.submit(shop.call, "obeys", stop=stop) for stop in stops]
    wait_until(lambda: len(in_parent._children) == 3)
    shop.wrote("started")
    for stop in stops:
        stop.request("enough")
    for run in runs:
        run.result(30)
    assert shop.wrote("ended") == "enough"
    assert len(in_parent._idle) == 3


def test_async_handlers_work_and_are_cancelled_at_the_deadline(shop: Shop) -> None:
    shop.call("later")
    assert int(shop.wrote("told")) != os.getpid()
    failure = shop.fails("too_long", timeout=timedelta(seconds=1)).failure
    assert failure.said.startswith("TimeoutError: cancelled at its deadline")
    assert len(in_parent._idle) == 1  # it needed no kill


def test_what_a_handler_raises_comes_back_as_a_failure(shop: Shop) -> None:
    failure = shop.fails("wrong").failure
    assert failure.said == "ShopError: no stock"
    assert failure.matches([shop.module.ShopError])
    assert failure.matches(["Exception"])
    assert not failure.matches([ValueError])
    assert failure.error is None
    assert "in wrong" in failure.trace
    assert failure.traceback_digest == shop.fails("wrong").failure.traceback_digest
    assert shop.fails("give_up").failure.give_up
    assert shop.fails("wait").failure.retry_after == timedelta(seconds=90)
    assert shop.fails("leave").failure.said == "SystemExit: 3"
    assert len(in_parent._idle) == 1


def test_the_digest_of_a_failure_is_the_same_in_a_thread_and_in_a_child(shop: Shop) -> None:
    from rota.failures import Failure

    with pytest.raises(shop.module.ShopError) as raised:
        shop.module.wrong()
    here = raised.value.with_traceback(raised.tb.tb_next)  # type: ignore[union-attr] # without this test's own frame
    assert Failure.of(here).traceback_digest == shop.fails("wrong").failure.traceback_digest


@pytest.mark.parametrize(
    ("handler", "said"),
    [("die", "exit code 3"), ("crash", "signal 11 (SIGSEGV)"), ("forks_and_dies", "exit code 5")],
)
def test_a_child_that_dies_fails_its_run_and_the_next_has_a_new_one(shop: Shop, handler: str, said: str) -> None:
    failure = shop.fails(handler).failure
    assert failure.said == f"handler's process died: {said}"
    assert failure.matches([HandlerProcessError])
    shop.call("no_payload")


def test_a_child_that_died_while_idle_fails_no_run(shop: Shop) -> None:
    shop.call("tell")
    pid = told(shop)["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: in_parent._idle[0].is_dead)
    shop.call("tell")
    assert told(shop)["pid"] != pid


def test_one_that_heeds_the_word_to_stop_is_not_killed(shop: Shop) -> None:
    stop = Stop()
    run = shop.threads.submit(shop.call, "obeys", stop=stop)
    shop.wrote("started")
    stop.request("its deadline has passed")
    run.result(30)
    assert shop.wrote("ended") == "its deadline has passed"


@pytest.mark.parametrize("handler", ["deaf", "in_c"])
def test_one_that_does_not_is_killed_with_what_it_has_started(shop: Shop, handler: str) -> None:
    stop = Stop()
    run = shop.threads.submit(shop.fails, handler, stop=stop, kill_after=0.3)
    handlers_and_helpers = pids(shop.wrote("started"))
    assert all(map(is_alive, handlers_and_helpers))
    stop.request("its deadline has passed")
    failure = run.result(30).failure
    assert failure.said == "killed 0.3 s after it was told to stop: its deadline has passed"
    assert failure.matches([HandlerProcessError])
    wait_until(lambda: not any(map(is_alive, handlers_and_helpers)))
    shop.call("no_payload")


def test_logs_reach_the_parents_handlers_with_their_run(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    logs.install()
    caplog.set_level(logging.INFO)
    shop.call("logs", id="logs@1", attempt=4)
    first, second = (record for record in caplog.records if record.name == "shop")
    assert first.getMessage() == "sold 3"
    assert (first.rota_job, first.rota_run, first.rota_attempt) == ("logs", "logs@1", 4)  # type: ignore[attr-defined]
    assert (first.order, first.what, first.many) == (7, "<class 'object'>", [1, {"a": None}])  # type: ignore[attr-defined]
    assert first.process != os.getpid()
    assert "ouch" in second.getMessage()
    assert "ZeroDivisionError" in (second.exc_text or "")


def test_last_words_arrive_before_a_child_dies(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    assert "exit code 7" in shop.fails("last_words").failure.said
    assert "the end" in caplog.messages


def test_no_log_is_lost_however_many(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    shop.call("many_logs")
    assert sum(message.startswith("line ") for message in caplog.messages) == 3000


def test_signals_to_stop_are_the_parents_and_not_passed_on_to_what_a_handler_starts(shop: Shop) -> None:
    shop.call("signals")
    assert shop.wrote("told") == "default_int_handler\n"


def test_a_handler_may_start_processes_of_its_own(shop: Shop) -> None:
    shop.call("own_pool")
    assert shop.wrote("told") == "4"


def test_a_payload_that_cannot_leave_the_process_is_told_of(shop: Shop) -> None:
    class Local:
        pass

    job: Job[Any] = Job(name="x", handler="a:b", target=Queue(name="work"), payload=Local, isolation="process")
    with pytest.raises(HandlerError, match=r"job 'x': isolation=\"process\": its payload cannot be handed"):
        isolation.call(job, Local(), Run(job="x", id="1", attempt=1, queue="work"))


def test_close_ends_the_idle_children_and_later_calls_have_new_ones(shop: Shop) -> None:
    shop.call("tell")
    first = told(shop)["pid"]
    isolation.close()
    assert not is_alive(first)
    shop.call("tell")
    assert told(shop)["pid"] != first


def test_a_fork_of_the_parent_leaves_its_children_alone(shop: Shop) -> None:
    shop.call("tell")
    first = told(shop)["pid"]
    pid = os.fork()
    if pid == 0:
        os._exit(len(in_parent._children) + len(in_parent._idle))
    assert os.waitpid(pid, 0)[1] == 0
    shop.call("tell")
    assert told(shop)["pid"] == first


PROGRAM = """
    import os, sys, threading, time
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    import {module} as shop
    from rota import Job, Manifest, Queue, Run, isolation

    class Order(shop.Order): ...
    class MainError(Exception): ...

    def fail(order: Order): print("in main", flush=True); raise MainError(order.number)

    def call(handler):
        job = Job(name="x", handler=handler, target=Queue(name="work"), payload=Order, isolation="process")
        isolation.call(job, Order(folder=sys.argv[1]), Run(job="x", id="1", attempt=1, queue="work"))

    def started():
        while not Path(sys.argv[1], "started").exists(): time.sleep(0.02)

    if __name__ == "__main__":
"""


def program(shop: Shop, rest: str) -> list[str]:
    """A program of the shop, whose payload stands in its `__main__`."""
    text = textwrap.dedent(PROGRAM) + textwrap.indent(textwrap.dedent(rest), "    ")
    (shop.folder / "program.py").write_text(text.replace("{module}", shop.module.__name__))
    return [sys.executable, str(shop.folder / "program.py"), str(shop.folder)]


@pytest.mark.parametrize("handler", ["deaf", "in_c"])
def test_children_end_at_once_when_their_parent_is_killed(shop: Shop, handler: str) -> None:
    parent = subprocess.Popen(program(shop, f'call("{{module}}:{handler}")'))
    try:
        handlers_and_helpers = pids(shop.wrote("started"))
        assert all(map(is_alive, handlers_and_helpers))
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not any(map(is_alive, handlers_and_helpers)))


def test_children_end_too_where_a_fork_of_their_killed_parent_lives_on(shop: Shop) -> None:
    """It has a copy of the parent's end of every connection: neither end of file nor signal tells of the kill."""
    rest = """
        threading.Thread(target=call, args=["{module}:deaf"]).start()
        started()
        libc = __import__("ctypes").CDLL(None)
        __import__("os").write(1, b"%d\\n" % libc.fork())  # not os.fork: nobody closes the copies
        time.sleep(60)
    """
    parent = subprocess.Popen(program(shop, rest), start_new_session=True, stdout=subprocess.PIPE)
    try:
        handlers_and_helpers = pids(shop.wrote("started"))
        assert parent.stdout is not None
        fork = max(int(parent.stdout.readline()), int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
        assert is_alive(fork)
        wait_until(lambda: not any(map(is_alive, handlers_and_helpers)))
        assert is_alive(fork)
    finally:
        os.killpg(parent.pid, signal.SIGKILL)


def test_none_is_left_when_a_process_ends_while_a_handler_runs(shop: Shop) -> None:
    rest = """
        threading.Thread(target=call, args=["{module}:deaf"], daemon=True).start()
        started()
    """
    assert subprocess.run(program(shop, rest), timeout=60, check=False).returncode == 0
    wait_until(lambda: not any(map(is_alive, pids(shop.wrote("started")))))


def test_handlers_payloads_and_errors_may_stand_in_main(shop: Shop) -> None:
    rest = """
        from rota.failures import IsolatedFailure
        try: call("__main__:fail")
        except IsolatedFailure as error: print(error, error.failure.matches([MainError]), error.failure.kinds[0])
    """
    ran = subprocess.run(program(shop, rest), capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.splitlines() == ["in main", "MainError: 1 True __main__:MainError"], ran.stderr


def test_no_thread_stays_with_the_parent(shop: Shop) -> None:
    before = threading.active_count()
    shop.call("no_payload")
    assert threading.active_count() == before
