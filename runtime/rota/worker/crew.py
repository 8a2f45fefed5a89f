"""The threads of a started worker: which there are, and in which order they stop."""

import logging
import sys
from datetime import timedelta

from rota.clock import Clock
from rota.runner import Runner
from rota.upkeep.renewer import Renewer
from rota.upkeep.roles import Role
from rota.worker.health import Health, examine
from rota.worker.held import Held, Source
from rota.worker.keeper import Keeper, by_source
from rota.worker.poller import Poller
from rota.worker.settler import Settler
from rota.worker.waiting_room import WaitingRoom
from rota.worker.watcher import Watcher

log = logging.getLogger("rota.worker")

DRAIN = 5.0
"""Seconds that acknowledgements under way may take when the process ends."""

RECORD = 2.0
"""Seconds that the outcomes of commands may take which have ended after the grace time."""


class Crew:
    """A poller and a settler for each queue, the slots, a keeper, a renewer and a watcher."""

    def __init__(
        self, sources: list[Source], runner: Runner, clock: Clock, *, slots: int, grace: timedelta, long_poll: timedelta
    ) -> None:
        self._runner, self._clock, self._grace = runner, clock, grace.total_seconds()
        self._stopping = False
        self._room = WaitingRoom(slots, sources, clock)
        self._keeper = Keeper(self._room, clock, self._hand_back)
        self._settlers = {source: Settler(source, self._keeper, clock) for source in sources}
        self._pollers = {
            source: Poller(source, self._room, self._keeper, settler, clock, long_poll=long_poll.total_seconds())
            for source, settler in self._settlers.items()
        }
        # Eight looks a visibility timeout find what is due at its half with time to try again.
        interval = min(1.0, *(source.visibility / 8 for source in sources))
        self._keeping = Role("keeper", lambda: self._keeper.run(interval), clock)
        self._renewer = Renewer(self._keeper, clock)
        self._renewing = Role("renewer", lambda: self._renewer.run(1.0), clock)
        self._watcher = Watcher(self._keeper, self._room, clock)
        self._watching = Role("watcher", lambda: self._watcher.run(interval / 2), clock)
        self._settling = [Role(f"settle-{source.name}", it.run, clock) for source, it in self._settlers.items()]
        self._working = [Role(f"slot-{number}", self._work, clock) for number in range(slots)]
        self._polling = [Role(f"poll-{source.name}", it.run, clock) for source, it in self._pollers.items()]

    def _work(self) -> None:
        while (held := self._room.take()) is not None:
            try:
                if held.is_lost(self._clock.monotonic()):  # while it waited: nobody could be asked to extend it
                    self._keeper.forget(held)
                    continue
                verdict = self._runner.run(held.body, queue=held.source.name, stop=held.stop, message=held.message)
                self._settlers[held.source].settle(held, verdict)
            except BaseException as error:
                log.exception("a run of queue %s was not settled; SQS will deliver it again", held.source.name)
                self._keeper.forget(held)
                if not isinstance(error, Exception):
                    raise
            finally:
                self._room.leave(held)

    def _hand_back(self, unstarted: list[Held]) -> None:
        for source, batch in by_source(unstarted):
            self._settlers[source].hand_back(batch)

    def health(self) -> Health:
        """How it is; from any thread, also while it stops. Takes no lock and makes no request."""
        return examine(
            pollers={source.name: poller for source, poller in self._pollers.items()},
            running=self._room.running,
            roles=[self._keeping, self._renewing, self._watching, *self._settling, *self._working, *self._polling],
            slots=len(self._working),
            grace=self._grace,
            stopping=self._stopping,
            ledger_failing_since=self._renewer.failing_since,
            clock=self._clock,
        )

    def stop(self, grace: float) -> bool:
        """Stop the work before the heartbeats. Returns whether all runs have ended within `grace` seconds; may be
        called again while they have not."""
        self._stopping = True
        end = self._clock.monotonic() + grace
        first = [*self._working, *self._polling]
        for role in first:
            role.end()
        for poller in self._pollers.values():
            poller.stop()
        self._keeper.give_back(self._room.close())
        for role in first:
            role.join(max(0.0, end - self._clock.monotonic()))
        if any(role.alive for role in self._working):
            for held in self._keeper.held:
                held.stop.request("the grace time of the stopping worker has ended")
            if not self._commands_end():
                # While their threads live, these runs stay ours: keeper and settlers go on until the process ends.
                return False
        for role, settler in zip(self._settling, self._settlers.values(), strict=True):
            role.end()
            settler.stop()
        for role in self._settling:
            role.join()
        heartbeats = (self._keeping, self._keeper), (self._renewing, self._renewer), (self._watching, self._watcher)
        for role, heartbeat in heartbeats:
            role.end()
            heartbeat.stop()
            role.join()
        if "rota.isolation" in sys.modules:  # some handler ran in a process of its own
            sys.modules["rota.isolation"].close()
        for settler in self._settlers.values():
            settler.drain(DRAIN)  # what the keeper was handing back
        if open_polls := sum(role.alive for role in self._polling):
            log.warning("%d polls are still open: what they catch stays hidden for a visibility timeout", open_polls)
        return True

    def _commands_end(self) -> bool:
        """Wait for commands, which can be killed, and for their outcomes. Whether nothing runs any more."""
        commands = sys.modules.get("rota.commands")
        if commands is not None and commands.wait_for_told():
            end = self._clock.monotonic() + RECORD
            for role in self._working:
                role.join(max(0.0, end - self._clock.monotonic()))
        return not any(role.alive for role in self._working)

    def give_back_running(self) -> None:
        """For the end of the process: nothing of what is in hand can go on, so another server may have it at once."""
        for settler in self._settlers.values():
            settler.drain(DRAIN)
        self._keeper.give_back(self._keeper.held)
