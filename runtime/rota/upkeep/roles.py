"""Threads that work for others: each has a role, and takes it up again when it dies of an error."""

import logging
import threading
from collections import deque
from collections.abc import Callable

from rota.clock import Clock

log = logging.getLogger("rota.upkeep")

THREAD_PREFIX = "rota-"
"""How the names of rota's threads begin."""

PAUSE = 1.0
"""Seconds from a death to the next try; twice as many after each further one."""
LONGEST_PAUSE = 30.0

TOO_OFTEN, WITHIN = 5, 300.0
"""A role that dies so many times within so many seconds will not recover in this process."""


class Role:
    """A thread that does `work` until it returns; where it raises, `SystemExit` and the like too, it is done again
    after a pause. Started when made."""

    def __init__(self, name: str, work: Callable[[], None], clock: Clock) -> None:
        self.name = name
        self.deaths = 0
        """How many times it has died."""
        self._work, self._clock = work, clock
        self._recent: deque[float] = deque(maxlen=TOO_OFTEN)
        self._last = ""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._live, name=f"{THREAD_PREFIX}{name}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Do not take it up again. To be said before `work` is told to return: its end is then no surprise."""
        self._ending.set()

    def join(self, seconds: float | None = None) -> None:
        """Wait until it has ended, up to so many seconds if given."""
        self._thread.join(seconds)

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    def trouble(self, now: float) -> str | None:
        """Why it will not recover in this process, or None; `now` is of the monotonic clock."""
        if len(self._recent) == TOO_OFTEN and now - self._recent[0] <= WITHIN:
            return f"{self.name} has died {TOO_OFTEN} times within {WITHIN / 60:.0f} minutes: {self._last}"
        if not self.alive and not self._ending.is_set():
            return f"{self.name} has ended: {self._last or 'nobody told it to'}"
        return None

    def _live(self) -> None:
        while not self._ending.is_set():
            try:
                self._work()
                return
            except BaseException as error:  # noqa: BLE001 - whatever it is, a worker without this role would be worse
                pause = self._died(error)
            self._ending.wait(pause)

    def _died(self, error: BaseException) -> float:
        """Take note; returns how long to wait."""
        now = self._clock.monotonic()
        self._last = f"{type(error).__name__}: {error}"[:300]
        self._recent.append(now)
        self.deaths += 1
        recent = sum(now - death <= WITHIN for death in self._recent)
        pause = min(LONGEST_PAUSE, PAUSE * 2.0 ** (recent - 1))
        log.error(
            "%s has died and is started again in %.1f s (death %d): %s",
            self.name,
            pause,
            self.deaths,
            self._last,
            exc_info=error,
        )
        return pause
