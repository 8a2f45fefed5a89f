"""Virtual time for code that blocks: of all threads one goes on at a time, and who waits costs no time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rota.run import Stop


def _closed() -> threading.Lock:
    """A gate that whoever comes waits at, until another thread opens it."""
    gate = threading.Lock()
    gate.acquire()
    return gate


@dataclass(eq=False)
class Parked:
    """A thread that waits in virtual time, deep in a handler."""

    until: float
    """When it goes on, on the clock's monotonic time; infinity for one that waits for the word to stop alone."""
    stop: Stop
    """It goes on as soon as it is told to stop, too."""
    gate: threading.Lock = field(default_factory=_closed)


class Timeline:
    """Whoever runs plays `turn` until it returns False. A turn that ends up in `park` leaves its thread there, and
    another thread plays on: so what takes time overlaps, as it does on servers, and yet no two threads ever run."""

    def __init__(self, turn: Callable[[], bool]) -> None:
        self._turn = turn
        self._spares: list[threading.Lock] = []
        self._is_over = False
        self._player: int | None = None
        self._error: BaseException | None = None
        self.parked: list[Parked] = []

    def play(self) -> None:
        """Until there is no turn any more. Raises what a turn raised, in whichever thread."""
        self._play()
        if self._error is not None:
            raise self._error

    def park(self, until: float, stop: Stop) -> None:
        """Let time pass, until `release` has this thread go on. From within a turn.

        Raises `RuntimeError` in a thread that does not play: whether it is before or after the others, nobody knows.
        """
        if self._is_over:
            raise RuntimeError("the simulation has ended: nothing waits in it any more")
        if threading.get_ident() != self._player:
            raise RuntimeError(
                "in a simulation, run.stop_event.wait is for the thread that calls the handler alone, and this is "
                "another: one that the handler has begun, or an event loop's. Give the job a handler without it, with "
                "handlers={...}"
            )
        parked = Parked(until, stop)
        with self._ending_at_ctrl_c():
            self.parked.append(parked)
            if self._spares:
                self._spares.pop().release()
            else:
                threading.Thread(target=self._play, name="rota-simulation", daemon=True).start()
            parked.gate.acquire()
            self._player = threading.get_ident()

    def release(self, parked: Parked) -> None:
        """Have a parked thread go on in place of this one, which goes on itself when it is needed again."""
        seat = _closed()
        with self._ending_at_ctrl_c():
            self.parked.remove(parked)
            self._spares.append(seat)
            parked.gate.release()
            seat.acquire()
            self._player = threading.get_ident()

    @contextmanager
    def _ending_at_ctrl_c(self) -> Iterator[None]:
        """While another thread plays, this one is not to go on: whoever called may take the error for a handler's."""
        try:
            yield
        except BaseException as error:
            self._is_over, self._error = True, error
            raise

    def _play(self) -> None:
        self._player = threading.get_ident()
        try:
            while not self._is_over and self._turn():
                pass
        except BaseException as error:  # noqa: BLE001 - it is the user's: `play` raises it
            self._error = self._error or error
        self._is_over = True
        # Nobody is parked then, but after an error: these go on to their end, and do not play any more. Each gate is
        # taken out before it is opened, for whoever it was comes here too.
        waiting = [*self._spares, *(parked.gate for parked in self.parked)]
        self._spares, self.parked = [], []
        for gate in waiting:
            gate.release()


class VirtualStop(Stop):
    """The word to stop. To wait for it takes virtual time: `run.stop_event.wait(60)` in a handler is a minute of it."""

    def __init__(self, monotonic: Callable[[], float], timeline: Timeline) -> None:
        super().__init__(monotonic)
        self._timeline = timeline

    @property
    def event(self) -> threading.Event:
        """Made for the first who asks, as any `Stop`'s."""
        if self._event is None:
            self._event = VirtualEvent(self, self._monotonic, self._timeline)
        return super().event


class VirtualEvent(threading.Event):
    """An event whose `wait` parks its thread."""

    def __init__(self, stop: Stop, monotonic: Callable[[], float], timeline: Timeline) -> None:
        super().__init__()
        self._stop, self._monotonic, self._timeline = stop, monotonic, timeline

    def wait(self, timeout: float | None = None) -> bool:
        """As any event's, in virtual time."""
        if not self.is_set() and (timeout is None or timeout > 0):
            self._timeline.park(float("inf") if timeout is None else self._monotonic() + timeout, self._stop)
        return self.is_set()
