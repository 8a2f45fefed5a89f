"""The threads of a started worker: which there are, and in which order they stop."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from rota.clock import Clock
from rota.runner import Runner
from rota.worker.held import Source
from rota.worker.keeper import Keeper
from rota.worker.poller import Poller
from rota.worker.settler import Settler
from rota.worker.waiting_room import WaitingRoom

log = logging.getLogger("rota.worker")


class Crew:
    """A poller for each queue, the slots, a keeper and a settler."""

    def __init__(
        self, sources: list[Source], runner: Runner, clock: Clock, *, slots: int, long_poll: timedelta
    ) -> None:
        self._runner, self._clock = runner, clock
        self._room = WaitingRoom(slots, sources)
        self._keeper = Keeper(self._room, clock)
        self._settler = Settler(sources, self._keeper, clock)
        self._pollers = [
            Poller(source, self._room, self._keeper, clock, long_poll=long_poll.total_seconds()) for source in sources
        ]
        # Eight looks a visibility timeout find what is due at its half with time to try again.
        interval = min(1.0, *(source.visibility / 8 for source in sources))
        self._keeping = _thread("keeper", lambda: self._keeper.run(interval))
        self._settling = _thread("settler", self._settler.run)
        self._working = [_thread(f"slot-{number}", self._work) for number in range(slots)]
        self._polling = [_thread(f"poll-{p.source_name}", p.run) for p in self._pollers]

    def _work(self) -> None:
        while (held := self._room.take()) is not None:
            started = self._clock.monotonic()
            try:
                verdict = self._runner.run(held.body, queue=held.source.name, stop=held.stop)
                self._settler.settle(held, verdict)
            except Exception:
                log.exception("a run of queue %s was not settled; SQS will deliver it again", held.source.name)
                self._keeper.forget(held)
            finally:
                self._room.leave(held, self._clock.monotonic() - started)

    def stop(self, grace: float) -> bool:
        """Stop the work before the heartbeats. Returns whether all work has ended within `grace` seconds."""
        end = self._clock.monotonic() + grace
        for poller in self._pollers:
            poller.stop()
        self._keeper.give_back(self._room.close())
        for thread in [*self._working, *self._polling]:
            thread.join(max(0.0, end - self._clock.monotonic()))
        if any(thread.is_alive() for thread in self._working):
            for held in self._keeper.held:
                held.stop.request("the grace time of the stopping worker has ended")
            # While their threads live, these runs stay ours: keeper and settler go on until the process ends.
            return False
        self._settler.stop()
        self._settling.join()
        self._keeper.stop()
        self._keeping.join()
        self._runner.close()
        return True

    def give_back_running(self) -> None:
        """For the end of the process: nothing of what is in hand can go on, so another server may have it at once."""
        self._settler.flush()
        self._keeper.give_back(self._keeper.held)


def _thread(role: str, target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name=f"rota-{role}", daemon=True)
    thread.start()
    return thread
