"""The threads of a started worker: which there are, and in which order they stop."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from rota.clock import Clock
from rota.runner import Runner
from rota.worker.held import Held, Source
from rota.worker.keeper import Keeper, by_source
from rota.worker.poller import Poller
from rota.worker.renewer import Renewer
from rota.worker.settler import Settler
from rota.worker.waiting_room import WaitingRoom

log = logging.getLogger("rota.worker")

THREAD_PREFIX = "rota-"
"""How the names of rota's threads begin."""

DRAIN = 5.0
"""Seconds that acknowledgements under way may take when the process ends."""


class Crew:
    """A poller and a settler for each queue, the slots, and a keeper."""

    def __init__(
        self, sources: list[Source], runner: Runner, clock: Clock, *, slots: int, long_poll: timedelta
    ) -> None:
        self._runner, self._clock = runner, clock
        self._room = WaitingRoom(slots, sources, clock)
        self._keeper = Keeper(self._room, clock, self._hand_back)
        self._settlers = {source: Settler(source, self._keeper, clock) for source in sources}
        self._pollers = {
            source: Poller(source, self._room, self._keeper, settler, clock, long_poll=long_poll.total_seconds())
            for source, settler in self._settlers.items()
        }
        # Eight looks a visibility timeout find what is due at its half with time to try again.
        interval = min(1.0, *(source.visibility / 8 for source in sources))
        self._keeping = _thread("keeper", lambda: self._keeper.run(interval))
        self._renewer = Renewer(self._keeper, clock)
        self._renewing = _thread("renewer", lambda: self._renewer.run(1.0))
        self._settling = [_thread(f"settle-{source.name}", it.run) for source, it in self._settlers.items()]
        self._working = [_thread(f"slot-{number}", self._work) for number in range(slots)]
        self._polling = [_thread(f"poll-{source.name}", it.run) for source, it in self._pollers.items()]

    def _work(self) -> None:
        while (held := self._room.take()) is not None:
            try:
                if held.is_lost(self._clock.monotonic()):  # while it waited: nobody could be asked to extend it
                    self._keeper.forget(held)
                    continue
                verdict = self._runner.run(held.body, queue=held.source.name, stop=held.stop)
                self._settlers[held.source].settle(held, verdict)
            except Exception:
                log.exception("a run of queue %s was not settled; SQS will deliver it again", held.source.name)
                self._keeper.forget(held)
            finally:
                self._room.leave(held)

    def _hand_back(self, unstarted: list[Held]) -> None:
        for source, batch in by_source(unstarted):
            self._settlers[source].hand_back(batch)

    def stop(self, grace: float) -> bool:
        """Stop the work before the heartbeats. Returns whether all runs have ended within `grace` seconds; may be
        called again while they have not."""
        end = self._clock.monotonic() + grace
        for poller in self._pollers.values():
            poller.stop()
        self._keeper.give_back(self._room.close())
        for thread in [*self._working, *self._polling]:
            thread.join(max(0.0, end - self._clock.monotonic()))
        if any(thread.is_alive() for thread in self._working):
            for held in self._keeper.held:
                held.stop.request("the grace time of the stopping worker has ended")
            # While their threads live, these runs stay ours: keeper and settlers go on until the process ends.
            return False
        for settler in self._settlers.values():
            settler.stop()
        for thread in self._settling:
            thread.join()
        self._keeper.stop()
        self._keeping.join()
        self._renewer.stop()
        self._renewing.join()
        for settler in self._settlers.values():
            settler.drain(DRAIN)  # what the keeper was handing back
        if open_polls := sum(thread.is_alive() for thread in self._polling):
            log.warning("%d polls are still open: what they catch stays hidden for a visibility timeout", open_polls)
        return True

    def give_back_running(self) -> None:
        """For the end of the process: nothing of what is in hand can go on, so another server may have it at once."""
        for settler in self._settlers.values():
            settler.drain(DRAIN)
        self._keeper.give_back(self._keeper.held)


def _thread(role: str, target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name=f"{THREAD_PREFIX}{role}", daemon=True)
    thread.start()
    return thread
