"""Servers in virtual time: the parts of a worker that do its work, without the threads that wait for it."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import inf

from rota.leases import LONGEST
from rota.queues.base import Letter, Outgoing
from rota.queues.memory import MemoryQueue
from rota.runner import Runner
from rota.targets import TRIGGER
from rota.testing.clock import FakeClock
from rota.testing.simulation.arguments import Interval
from rota.testing.simulation.endpoints import posts_of
from rota.testing.simulation.fired import Fired
from rota.testing.simulation.patience import Patience, envelope_of, run_of
from rota.testing.simulation.record import Recorder
from rota.testing.simulation.timeline import Timeline, VirtualStop
from rota.upkeep.renewer import Renewer
from rota.upkeep.words import tell
from rota.verdicts import DeadLetter, SendAgain, Verdict
from rota.worker.held import Held, Source
from rota.worker.keeper import Keeper
from rota.worker.settler import Settler
from rota.worker.waiting_room import WaitingRoom

_NEVER = inf
_OVER = "the simulation has ended"
_UNTIL_SETTLED = 10**12  # seconds: no server dies here, and to extend it all the time would cost real time
_HEARS_AFTER = LONGEST.total_seconds() / 3
"""When a worker renews, and hears that its run is to make room for a newer one."""


class Fleet:
    """All servers of a manifest, each with `concurrency` runs at once. `fired` is what arrives by itself, `outages`
    when nobody receives, `horizon` the instant at which all ends, `cancels` whether some job's runs cancel others: they
    hear of it when their leases, which do not end, are renewed."""

    def __init__(
        self,
        sources: Sequence[Source],
        queues: Mapping[str, MemoryQueue],
        runner: Runner,
        recorder: Recorder,
        clock: FakeClock,
        *,
        servers: int,
        concurrency: int,
        fired: Sequence[Fired],
        outages: Sequence[Interval],
        horizon: datetime,
        cancels: bool,
    ) -> None:
        self._runner, self._recorder, self._clock, self._cancels = runner, recorder, clock, cancels
        self._servers, self._slots = servers, servers * concurrency
        self._queues = queues
        self._sources = {source.name: source for source in sources}
        self._origin = clock.now()
        self._fired = iter(fired)
        self._next = next(self._fired, None)
        self._outages = [(self._seconds(down), self._seconds(up)) for down, up in outages]
        self._ends, self._horizon = horizon, self._seconds(horizon)
        self._timeline = Timeline(self._turn)
        self._running = 0
        self._renew_at = _NEVER
        self._patience = Patience()
        self._keeper = Keeper(WaitingRoom(self._slots, sources, clock), clock, lambda _: None)
        self._renewer = Renewer(self._keeper, clock)
        self._settlers = {source.name: Settler(source, self._keeper, clock) for source in sources}
        for settler in self._settlers.values():
            settler.stop()  # so that it settles at once, for there is nobody who comes back for a batch

    def play(self) -> None:
        """Everything, to the end."""
        self._timeline.play()

    def _seconds(self, moment: datetime) -> float:
        """An instant on the monotonic clock, which began with the simulation."""
        return (moment - self._origin).total_seconds()

    def _turn(self) -> bool:
        """Do one thing that is due now, or move the clock to the next that is. False at the end."""
        now = self._clock.monotonic()
        if self._timeline.parked and (self._look(now) or self._go_on(now)):
            return True
        while self._next is not None and self._seconds(self._next.at) <= now:
            self._sources[self._next.queue].messages.send([Outgoing(self._next.body)])
            self._next = next(self._fired, None)
        if self._receive(now):
            return True
        soonest = self._soonest(now)
        if soonest > self._horizon:
            return self._abandon(soonest)
        # In whole microseconds, as the clock shows them; at least one, or it would never get there.
        self._clock.advance(timedelta(microseconds=max(1, round(soonest * 1_000_000) - round(now * 1_000_000))))
        return True

    # What is in hand

    def _look(self, now: float) -> bool:
        """Renew and tell what is in hand, as a worker's renewer and watcher do."""
        if now < self._look_at():
            return False
        if now >= self._renew_at:
            self._renew_at = _NEVER
            for held in self._keeper.held:
                if held.stop.claim is not None and held.stop.claim.record.lock is not None:
                    held.stop.claim.renew_at = now
            self._renewer.look()
        for held in self._keeper.held:
            if held.stop.due is not None and now >= held.stop.due:
                tell(held, logging.WARNING, "its deadline has passed")
        return True

    def _look_at(self) -> float:
        """When it has to be looked at next."""
        stops = [held.stop for held in self._keeper.held]
        return min([self._renew_at, *(stop.due for stop in stops if stop.due is not None and stop.reason is None)])

    def _go_on(self, now: float) -> bool:
        """Let the first go on whose time has passed, or who was told to stop."""
        for parked in self._timeline.parked:
            if parked.until <= now or parked.stop.reason is not None:
                self._timeline.release(parked)
                return True
        return False

    def _abandon(self, soonest: float) -> bool:
        """End what has not ended; nothing that becomes of it counts."""
        if self._recorder.is_open:
            self._leave()
            self._recorder.close()
        for parked in self._timeline.parked:
            parked.stop.request(_OVER)
        return bool(self._timeline.parked) and self._go_on(soonest)

    def _leave(self) -> None:
        """Put on record what has not been received."""
        in_hand = {(held.source.name, held.message) for held in self._keeper.held}
        for name, source in self._sources.items():
            for letter in self._queues[name].peek():
                if (name, letter.id) in in_hand:
                    continue
                for one in self._posts(source, letter) or [letter]:
                    if not self._give_up(source, one, self._ends):
                        self._recorder.leave(run_of(envelope_of(one), name))

    # What arrives

    def _receive(self, now: float) -> bool:
        if self._running >= self._slots or not self._recorder.is_open or self._up_at(now) > now:
            return False
        for name in list(self._sources):
            source = self._sources[name]
            queue = self._queues[name]
            if queue.next_at <= now and (letters := queue.letters(1, _UNTIL_SETTLED)):
                self._sources[name] = self._sources.pop(name)  # the others are asked first next time
                self._deliver(source, letters[0])
                return True
        return False

    def _deliver(self, source: Source, letter: Letter) -> None:
        if posts := self._posts(source, letter):
            source.messages.send([Outgoing(post.body) for post in posts])
        if posts or self._give_up(source, letter, self._clock.now()):
            source.messages.delete([letter.receipt])
            return
        monotonic = self._clock.monotonic
        held = Held(source, letter.body, letter.receipt, monotonic(), monotonic, message=letter.id)
        held.stop = VirtualStop(monotonic, self._timeline)
        began: list[datetime] = []

        def begin() -> None:
            began.append(now := self._clock.now())
            if held.stop.run is not None:
                self._recorder.begin(held.stop.run, now)

        held.extend(_NEVER)
        self._keeper.keep([held])
        self._running += 1
        try:
            verdict: Verdict = self._runner.run(
                held.body,
                queue=source.name,
                stop=held.stop,
                message=held.message,
                begins=begin,
            )
            if held.stop.run is not None:
                self._recorder.note(held.stop.run, verdict, began, self._clock.now())
            if self._cancels and isinstance(verdict.settle, SendAgain):
                self._renew_at = min(self._renew_at, monotonic() + _HEARS_AFTER)
            if self._recorder.is_open:
                self._settlers[source.name].settle(held, verdict)
        finally:
            self._running -= 1

    def _posts(self, source: Source, letter: Letter) -> list[Letter]:
        """A message for endpoints as one for each; none of any other."""
        if source.name != TRIGGER.name:
            return []
        posts = posts_of(letter, self._servers)
        for post in posts:
            self._patience.count(post, letter)
        return [letter._replace(body=post.encode()) for post in posts]

    def _give_up(self, source: Source, letter: Letter, now: datetime) -> bool:
        """Whether a run has waited for too long to be received; it is put on record."""
        if (given_up := self._patience.given_up(source.name, letter, now)) is None:
            return False
        self._recorder.note(given_up.run, given_up.verdict, [], given_up.at)
        if isinstance(settle := given_up.verdict.settle, DeadLetter):
            source.dead_letters.send([Outgoing(settle.body, 0, settle.attributes)])
        return True

    # What comes next

    def _soonest(self, now: float) -> float:
        parked = self._timeline.parked
        soonest = min((one.until for one in parked), default=_NEVER)
        if parked:
            soonest = min(soonest, self._look_at())
        if self._next is not None:
            soonest = min(soonest, self._seconds(self._next.at))
        if self._running < self._slots and self._recorder.is_open:
            visible = min((queue.next_at for queue in self._queues.values()), default=_NEVER)
            soonest = min(soonest, self._up_at(max(visible, now)))
        return soonest

    def _up_at(self, moment: float) -> float:
        """When messages are received that can be received at `moment`."""
        return max((up for down, up in self._outages if down <= moment < up), default=moment)
