"""The threads that run what is posted here: so many at once, and none waits for another."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from queue import SimpleQueue

from rota.clock import Clock
from rota.endpoint.answers import Response
from rota.run import Stop
from rota.upkeep.renewer import Renewer
from rota.upkeep.roles import THREAD_PREFIX, Role
from rota.upkeep.words import tell_in_time, told_for

log = logging.getLogger("rota.endpoint")

LAST_WORDS = 5.0
"""Seconds that runs have to heed the word to stop when the grace time has ended."""


class Posted:
    """A run in hand, from when a thread takes it until that has ended."""

    def __init__(self, key: Hashable, place: str, clock: Clock) -> None:
        self.key, self.place = key, place
        self.stop = Stop(clock.monotonic)
        self.done = False
        self.answer: Future[Response] = Future()
        """What to answer: as soon as that is known, which may be when it begins."""
        self.late: Response | None = None
        """What to answer when the server ends before it does."""
        # Nobody can cancel it from now on: whoever waits no longer must not take the answer from the others.
        self.answer.set_running_or_notify_cancel()
        self._answering = threading.Lock()

    def lose(self) -> None:
        """There is no message to let go: the trigger asks again."""

    def say(self, response: Response) -> None:
        """The first answer counts: what follows a 202, the next request is told."""
        with self._answering:
            if not self.answer.done():
                self.answer.set_result(response)


Work = Callable[[Posted], None]


class Pool:
    """Up to `size` runs at once, in daemon threads made when they are first needed. There is no queue before it:
    another server may be idle."""

    def __init__(self, size: int, place: str, clock: Clock) -> None:
        self._size, self._place, self._clock = size, place, clock
        self._held: dict[Hashable, Posted] = {}
        self._handed: SimpleQueue[tuple[Posted, Work] | None] = SimpleQueue()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._busy = threading.Event()
        self._ending = threading.Event()
        self._closed = False
        self._last_words_until: float | None = None
        self.renewer = Renewer(self, clock)
        self._roles: list[Role] = []

    @property
    def held(self) -> list[Posted]:
        """Everything in hand."""
        return list(self._held.values())

    @property
    def closed(self) -> bool:
        """Whether it takes nothing any more."""
        return self._closed

    def take(self, key: Hashable, work: Work) -> Posted | None:
        """Have a thread do `work`, which must not raise. None where none is free, or `close` has been called.

        Raises `AlreadyHereError` for a key that is in hand.
        """
        with self._changed:
            if key in self._held:
                raise AlreadyHereError(self._held[key])
            if self._closed or len(self._held) >= self._size:
                return None
            posted = Posted(key, self._place, self._clock)
            self._keep_up()
            if len(self._threads) <= len(self._held):  # before it is held: a process may have no more threads to give
                self._threads.append(self._thread(len(self._threads)))
            self._held[key] = posted
            self._busy.set()
            self._handed.put((posted, work))
        return posted

    def _thread(self, number: int) -> threading.Thread:
        thread = threading.Thread(target=self._serve, name=f"{THREAD_PREFIX}post-{number}", daemon=True)
        thread.start()
        return thread

    def _serve(self) -> None:
        while (handed := self._handed.get()) is not None:
            posted, work = handed
            try:
                work(posted)
            except BaseException:  # whatever it is, the thread is needed, and the run is not held for ever
                log.exception("a run of %s ended by an error of rota's own", self._place)
            finally:
                self._leave(posted)
                posted.stop.run = posted.stop.claim = None  # or each run would be a cycle
                del handed, posted, work

    def end(self, posted: Posted, response: Response) -> None:
        """Its outcome is known: its place is free before anybody hears of that, and asks again."""
        self._leave(posted)
        posted.say(response)

    def _leave(self, posted: Posted) -> None:
        with self._changed:
            posted.done = True
            if self._held.get(posted.key) is posted:  # not whoever has come with its key since
                del self._held[posted.key]
            if not self._held and not self._closed:  # or `close` would wait for heartbeats that sleep again
                self._busy.clear()
            self._changed.notify_all()

    def _keep_up(self) -> None:
        """The heartbeats, which sleep while nothing is in hand."""
        if not self._roles:
            self._roles = [
                Role("post-renewer", lambda: self._each(1.0, self.renewer.look), self._clock),
                Role("post-watcher", lambda: self._each(0.5, self._watch), self._clock),
            ]

    def _each(self, interval: float, look: Callable[[], None]) -> None:
        while not self._ending.is_set():
            self._busy.wait()
            look()
            self._ending.wait(interval)

    def _watch(self) -> None:
        now = self._clock.monotonic()
        for posted in self.held:
            tell_in_time(posted, now)

    def trouble(self, grace: float) -> list[str]:
        """Why it is not well: runs that have not heeded the word to stop for `grace` seconds, heartbeats that fail."""
        now = self._clock.monotonic()
        dying = [trouble for role in self._roles if (trouble := role.trouble(now))]
        stuck = [(posted.stop.run, told) for posted in self.held if (told := told_for(posted, now)) > grace]
        return dying + [
            f"a thread is stuck: job {run.job if run else '?'}, run {run.id if run else '?'} was told to stop "
            f"{told:.0f} s ago, and still runs"
            for run, told in stuck
        ]

    def close(self, grace: float) -> bool:
        """Take nothing more, let what runs finish within `grace` seconds, then tell it to stop. Returns whether all has
        ended; what has not is kept, for its thread cannot be killed."""
        with self._changed:
            self._closed = True
            # Once they are told, whoever else closes it waits no longer for them.
            self._changed.wait_for(lambda: not self._held or self._last_words_until is not None, grace)
            if self._held and self._last_words_until is None:
                for posted in self.held:
                    posted.stop.request("the grace time of the stopping server has ended")
                self._last_words_until = time.monotonic() + LAST_WORDS
                self._changed.notify_all()
            left = 0.0 if self._last_words_until is None else self._last_words_until - time.monotonic()
            if not self._changed.wait_for(lambda: not self._held, max(0.0, left)):
                for posted in self.held:
                    if posted.late is not None:
                        posted.say(posted.late)
                return False
            threads, self._threads = self._threads, []
        for _ in threads:
            self._handed.put(None)
        for role in self._roles:
            role.end()
        self._ending.set()
        self._busy.set()
        for role in self._roles:
            role.join()
        for thread in threads:
            thread.join()
        if "rota.isolation" in sys.modules:  # some handler ran in a process of its own
            sys.modules["rota.isolation"].close()
        return True


class AlreadyHereError(Exception):
    """The run is in hand already: as `posted`."""

    def __init__(self, posted: Posted) -> None:
        super().__init__(posted.key)
        self.posted = posted
