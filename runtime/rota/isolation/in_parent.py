"""The worker's side of isolation: children are started where none is idle, kept warm, told to stop, and killed."""

import atexit
import dataclasses
import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from rota.errors import HandlerError, HandlerProcessError
from rota.failures import Failure, IsolatedFailure
from rota.interpreter import interpreter
from rota.isolation.words import Call, Ended, Logged, StopWord
from rota.manifest import Job
from rota.run import Run, Stop
from rota.settings import WORKER_VARIABLE

KILL_AFTER = 5.0
"""Seconds from the word to stop to the kill. A lease that cannot be renewed is told of 5 s before its end, and another
server takes the run 5 s after it: the kill comes before."""

_LOOK = 0.2
"""Seconds between two looks for a word to stop."""

_END = 2.0
"""Seconds that idle children have to end by themselves."""

_BOOT = (
    "import sys; from multiprocessing.connection import Connection; words = Connection(int(sys.argv[2])); "
    "lifeline = Connection(int(sys.argv[3]), writable=False); where = words.recv(); sys.path[:] = where['path']; "
    "from rota.isolation.in_child import main; main(words, lifeline, where)"
)
"""What a child begins with. Its path comes first: rota itself may lie where only the parent's sys.path leads."""


def call(job: Job[Any], payload: Any, run: Run, *, kill_after: float = KILL_AFTER) -> None:
    """Run the job's handler in a child, and return when it has returned.

    A child whose run is told to stop, and which goes on for `kill_after` seconds, is killed, with all that it has
    started. Raises `IsolatedFailure` for what the handler raised, for a kill, and for a child that died; `HandlerError`
    for a payload that cannot be handed to another process.
    """
    until = time.monotonic() + job.timeout.total_seconds() if job.timeout else None
    fields = {field.name: getattr(run, field.name) for field in dataclasses.fields(run) if field.name != "stop"}
    _work(_word(job, payload, fields, until), run.stop, kill_after)


def prepare(job: Job[Any], stop: Stop, *, kill_after: float = KILL_AFTER) -> None:
    """See to an idle child that has imported the job's handler: for before the run's deadline is set, so that a slow
    import takes nothing from it. Raises as `call` does."""
    if not any(job.handler in child.imported for child in list(_idle)):
        _work(_word(job, None, None, None), stop, kill_after)


def _work(word: Call, stop: Stop, kill_after: float) -> None:
    child = _ready(word)
    try:
        failure = child.result(stop, kill_after)
    except BaseException:
        child.kill()
        raise
    child.imported.add(word.handler)
    _idle.append(child)
    if failure is not None:
        raise IsolatedFailure(failure)


def close() -> None:
    """End the children that are idle; those at work end with their runs. None is left when this process ends."""
    ending = []
    with suppress(IndexError):  # other threads take some, too
        while True:
            ending.append(_idle.pop())
    for child in ending:
        child.dismiss()
    end = time.monotonic() + _END
    for child in ending:
        child.wait(end - time.monotonic())
        child.kill()


class Child:
    """A process that runs handlers, one after the other."""

    def __init__(self) -> None:
        self._words, theirs = Pipe()
        # Closed by the system when this process ends, however it ends; the child is killed by that.
        their_lifeline, self._lifeline = Pipe(duplex=False)
        fds = (theirs.fileno(), their_lifeline.fileno())
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter
                # -P: no module of the working directory stands before the standard library's.
                [interpreter(), "-P", "-c", _BOOT, "rota-isolated-handler", *map(str, fds)],
                stdin=subprocess.DEVNULL,
                pass_fds=fds,
                # The application may start its worker where it is imported; not in this process.
                env={**os.environ, WORKER_VARIABLE: "off"},
                # A group of its own: Ctrl-C is for the parent, and a kill takes what the handler has started.
                start_new_session=True,
            )
        except BaseException:
            self.forget()
            raise
        finally:
            theirs.close()
            their_lifeline.close()
        self.imported: set[str] = set()
        """The handlers that it has been given."""
        _children.add(self)

    @property
    def is_dead(self) -> bool:
        """Whether its process has ended."""
        return self._process.poll() is not None

    def give(self, word: object) -> bool:
        """Say it; False where nobody is there to hear it."""
        try:
            self._words.send(word)
        except OSError:
            return False
        return True

    def result(self, stop: Stop, kill_after: float) -> Failure | None:
        """Wait for what was given to end; what was raised, or None."""
        told_at: float | None = None
        while True:
            if told_at is None and stop.reason is not None:
                told_at = time.monotonic()
                self.give(StopWord(reason=stop.reason))
            if told_at is not None and time.monotonic() - told_at >= kill_after:
                raise _process_failure(f"killed {kill_after:g} s after it was told to stop: {stop.reason}")
            # Looked at first, so that a last word is not missed; and not left to the end of the words alone, for what
            # the handler has forked may hold the other end.
            dead = self.is_dead
            try:
                if not self._words.poll(0 if dead else _LOOK):
                    if dead:
                        raise EOFError
                    continue
                said = self._words.recv()
            except (EOFError, OSError):
                raise _process_failure(f"handler's process died: {self._how_it_died()}") from None
            if isinstance(said, Ended):
                return said.failure
            _log(said)

    def _how_it_died(self) -> str:
        self.wait(1.0)
        code = self._process.returncode
        if code is None:
            return "it lives on, but has closed its connection"
        if code >= 0:
            return f"exit code {code}"
        hint = ", as when memory runs out" if code == -signal.SIGKILL else ""
        return f"signal {-code} ({signal.Signals(-code).name}){hint}"

    def dismiss(self) -> None:
        """Let it end by itself."""
        self.give(None)

    def wait(self, seconds: float) -> None:
        """Wait for its end, so long at the most."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, seconds))

    def kill(self) -> None:
        """Kill it and its group, whatever it does."""
        with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of dead ones
            os.killpg(self._process.pid, signal.SIGKILL)
        self.wait(_END)  # longer takes only what the system itself cannot end
        self.forget()

    def forget(self) -> None:
        """Let go of it here. After a fork: it is the other process's child."""
        _children.discard(self)
        self._words.close()
        self._lifeline.close()


_children: set[Child] = set()
_idle: list[Child] = []
"""One of them is taken where there is one, so there are never more than ran at once."""


def _ready(word: Call) -> Child:
    """A child that works on `word`: an idle one, unless it has died meanwhile."""
    while idle := list(_idle):
        knowing = [child for child in idle if word.handler in child.imported]
        child = (knowing or idle)[-1]
        with suppress(ValueError):  # another thread was faster
            _idle.remove(child)
            if not child.is_dead and child.give(word):
                return child
            child.kill()
    child = Child()
    if not (child.give(_where()) and child.give(word)):
        child.kill()
        raise _process_failure(f"handler's process could not be started: {interpreter()}")
    return child


def _where() -> dict[str, Any]:
    """What a child must know of this process. No word of ours: it comes before rota can be imported there."""
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    return {
        "parent": os.getpid(),
        "path": sys.path,
        "argv": sys.argv,
        "main_module": spec.name if spec is not None else None,
        "main_file": str(Path(file).resolve()) if file else None,
    }


def _word(job: Job[Any], payload: Any, run: dict[str, Any] | None, until: float | None) -> Call:
    request = _request(job, payload)
    return Call(job=job.name, handler=job.handler, request=request, run=run, until=until, log_levels=_log_levels())


def _request(job: Job[Any], payload: Any) -> bytes:
    try:
        return pickle.dumps((job.payload, payload))
    except Exception as error:
        raise HandlerError(
            f'job {job.name!r}: isolation="process": its payload cannot be handed to another process; its class must '
            f"stand in a module, not in a function: {error}"
        ) from error


def _process_failure(said: str) -> IsolatedFailure:
    # Without the exception: its traceback would be rota's, which says nothing.
    return IsolatedFailure(dataclasses.replace(Failure.of(HandlerProcessError(said)), error=None))


def _log_levels() -> dict[str, int]:
    known = list(logging.Logger.manager.loggerDict.items())  # a copy: other threads make loggers
    levels = {name: it.level for name, it in known if isinstance(it, logging.Logger) and it.level}
    return {"": logging.getLogger().level, **levels}


def _log(said: Logged) -> None:
    record = logging.makeLogRecord(said.record)
    logger = logging.getLogger(record.name)
    with suppress(Exception):  # a filter of the user's; handlers deal with their own errors
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)


def _after_fork_in_child() -> None:
    _idle.clear()
    for child in list(_children):
        child.forget()


os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(close)
