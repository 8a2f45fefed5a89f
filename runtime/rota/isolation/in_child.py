"""What runs in a child: a thread listens for words, the main thread calls handlers, one after the other."""

import fcntl
import inspect
import io
import logging
import os
import pickle
import queue
import runpy
import signal
import sys
import threading
import time
import types
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from rota import handlers, logs
from rota.async_handlers import event_loop
from rota.failures import Failure
from rota.isolation.records import carried
from rota.isolation.words import Call, Ended, Logged, StopWord
from rota.manifest import Job
from rota.run import Run, Stop
from rota.targets import Queue


def main(words: "Connection[Any, Any]", lifeline: "Connection[Any, Any]", where: dict[str, Any]) -> None:
    """Work until the parent has no more, or is no more."""
    for connection in (words, lifeline):
        os.set_inheritable(connection.fileno(), False)
    _die_with(lifeline.fileno())
    # When to stop is for the parent to say. Not SIG_IGN, which what a handler starts would inherit.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    sys.argv[:] = where["argv"]
    child = Child(words, where)
    child.send_logs()
    child.work()


def _die_with(lifeline: int) -> None:
    """Have the system kill this process and its group when the parent is gone: a handler stuck in C code lets no thread
    of ours run. Linux alone has it; elsewhere the listening thread does what it can."""
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


class Child:
    """The process that this is."""

    def __init__(self, words: "Connection[Any, Any]", where: dict[str, Any]) -> None:
        self._words, self._parent = words, where["parent"]
        self._main = MainModule(where["main_module"], where["main_file"])
        self._calls: queue.SimpleQueue[tuple[Call, Stop] | None] = queue.SimpleQueue()
        self._busy = False
        self._sending = threading.RLock()
        self._in_send = False

    def work(self) -> None:
        """Run what comes, until nothing more will."""
        threading.Thread(target=self._listen, name="rota-listen", daemon=True).start()
        while (given := self._calls.get()) is not None:
            failure = self._run(*given)
            for stream in (sys.stdout, sys.stderr):
                with suppress(Exception):  # closed, or replaced by whatever
                    stream.flush()
            self._busy = False
            self._send(Ended(failure=failure))

    def _listen(self) -> None:
        stop = Stop()
        try:
            while True:
                # Asked as well: a process that the parent has forked may hold the other end.
                while not self._words.poll(1.0):
                    if os.getppid() != self._parent:
                        raise EOFError
                word = self._words.recv()
                if isinstance(word, StopWord):
                    stop.request(word.reason)
                elif word is None:
                    self._calls.put(None)
                    return
                else:
                    stop, self._busy = Stop(), True
                    self._calls.put((word, stop))
        except (EOFError, OSError):
            if self._busy:
                _end_at_once()
            self._calls.put(None)

    def _run(self, call: Call, stop: Stop) -> Failure | None:
        run = Run(**call.run, stop=stop) if call.run is not None else None
        for name, level in call.log_levels.items():
            logging.getLogger(name or None).setLevel(level)
        try:
            with logs.of_run(run):
                kind, payload = _Unpickler(call.request, self._main).load()
                if call.handler.startswith("__main__:"):
                    self._main.load()
                handler = handlers.resolve(Job(name=call.job, handler=call.handler, payload=kind, target=_ANY))
                if run is None:
                    return None
                result = handler.call(payload, run)
                if inspect.isawaitable(result):
                    left = None if call.until is None else max(0.0, round(call.until - time.monotonic(), 3))
                    event_loop.run(result, left)
        except BaseException as error:  # noqa: BLE001 - whatever a handler raises, SystemExit too, fails this run alone
            return Failure.of(error).without_error()
        return None

    def send_logs(self) -> None:
        """Let every record go to the parent, whose loggers have the handlers. In place of all handlers here: those that
        the application sets up when it is imported write what the parent's write."""

        def to_parent(_: logging.Logger, record: logging.LogRecord) -> None:
            self._send(Logged(record=carried(record)))

        logging.Logger.callHandlers = to_parent  # type: ignore[assignment,method-assign] # this process is ours
        logs.install()

    def _send(self, word: Ended | Logged) -> None:
        with self._sending:
            if self._in_send:  # logged by an object's end, in the middle of another word
                return
            self._in_send = True
            try:
                self._words.send(word)
            except OSError:
                _end_at_once()  # there is no parent
            finally:
                self._in_send = False


_ANY = Queue(name="any")
"""A job has one; here it is of no use."""


def _end_at_once() -> NoReturn:
    """With what the handler has started; it has the group for itself."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


class MainModule:
    """The parent's `__main__`, imported once something in it is asked for; as multiprocessing does it, under another
    name, so that what stands under `if __name__ == "__main__"` does not run."""

    def __init__(self, module: str | None, file: str | None) -> None:
        self._module, self._file = module, file
        self._loaded = False

    def load(self) -> None:
        """Import it, once."""
        if self._loaded or not (self._module or self._file):
            return
        self._loaded = True
        made = types.ModuleType("__mp_main__")
        if self._module:
            found = runpy.run_module(self._module, run_name="__mp_main__", alter_sys=True)
        else:
            found = runpy.run_path(self._file or "", run_name="__mp_main__")
        made.__dict__.update(found)
        sys.modules["__main__"] = sys.modules["__mp_main__"] = made


class _Unpickler(pickle.Unpickler):
    def __init__(self, request: bytes, main_module: MainModule) -> None:
        super().__init__(io.BytesIO(request))
        self._main = main_module

    def find_class(self, module_name: str, name: str) -> Any:
        if module_name == "__main__":
            self._main.load()
        return super().find_class(module_name, name)
