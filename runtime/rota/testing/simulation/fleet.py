"""Servers in virtual time: the parts of a worker that do its work, without the threads that wait for it."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from rota.envelope import Envelope
from rota.queues.base import Message, Outgoing
from rota.queues.memory import MemoryQueue
from rota.runner import Runner
from rota.targets import TRIGGER
from rota.testing.clock import FakeClock
from rota.testing.simulation.fired import Fired, addressed
from rota.testing.simulation.record import Recorder
from rota.testing.simulation.timeline import Timeline, VirtualStop
from rota.upkeep.renewer import Renewer
from rota.upkeep.words import tell
from rota.verdicts import Verdict
from rota.worker.held import Held, Source
from rota.worker.keeper import Keeper
from rota.worker.settler import Settler
from rota.worker.waiting_room import WaitingRoom

_NEVER = math.inf
_OVER = "the simulation has ended"

Interval = tuple[datetime, datetime]


class _LockHolders:
    """What is in hand and holds a lock. No other lease could be taken over: nobody dies here, nothing comes twice."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    @property
    def held(self) -> list[Held]:
        return [held for held in self._keeper.held if held.stop.claim and held.stop.claim.record.lock is not None]


class Fleet:
    """All servers of a manifest, each with `concurrency` runs at once. `fired` is what arrives by itself, `outages`
    when nobody receives, `horizon` the instant at which all ends, `cancels` whether some job's runs cancel others: then
    a renewal, which hears of it, is not put off."""

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
        self._horizon = self._seconds(horizon)
        self._timeline = Timeline(self._turn)
        self._running = 0
        self._looked = -_NEVER
        self._keeper = Keeper(WaitingRoom(self._slots, sources, clock), clock, lambda _: None)
        self._renewer = Renewer(_LockHolders(self._keeper), clock)
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
        # Rounded up to what the clock can show, or it would never get there.
        self._clock.advance(timedelta(microseconds=max(1, math.ceil((soonest - now) * 1_000_000))))
        return True

    # What is in hand

    def _look(self, now: float) -> bool:
        """Renew and tell what is in hand, as a worker's renewer and watcher do."""
        if now < self._look_at():
            return False
        self._looked = now
        self._renewer.look()
        for held in self._keeper.held:
            if held.stop.due is not None and now >= held.stop.due:
                tell(held, logging.WARNING, "its deadline has passed")
        return True

    def _look_at(self) -> float:
        """When it has to be looked at next; once a second at the most."""
        due = _NEVER
        for held in self._keeper.held:
            stop = held.stop
            if stop.due is not None and stop.reason is None:
                due = min(due, stop.due)
            if stop.claim is not None and stop.claim.record.lock is not None:
                due = min(due, stop.claim.renew_at if self._cancels else stop.claim.held_until - 1)
        return max(due, self._looked + 1)

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
            self._recorder.close()
        for parked in self._timeline.parked:
            parked.stop.request(_OVER)
        return bool(self._timeline.parked) and self._go_on(soonest)

    # What arrives

    def _receive(self, now: float) -> bool:
        if self._running >= self._slots or not self._recorder.is_open or self._up_at(now) > now:
            return False
        for name in list(self._sources):
            source = self._sources[name]
            queue = self._queues[name]
            if queue.next_at <= now and (messages := queue.receive(1, 0)):
                self._sources[name] = self._sources.pop(name)  # the others are asked first next time
                self._deliver(source, messages[0])
                return True
        return False

    def _deliver(self, source: Source, message: Message) -> None:
        if source.name == TRIGGER.name and self._split(source, message):
            return
        monotonic = self._clock.monotonic
        held = Held(source, message.body, message.receipt, monotonic(), monotonic, message=message.id)
        held.stop = VirtualStop(monotonic, self._timeline)
        began: list[datetime] = []

        def begin() -> None:
            began.append(now := self._clock.now())
            if held.stop.run is not None:
                self._recorder.begin(held.stop.run, now)

        held.extend(_NEVER)  # as its queue has it: see `Simulation`
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
            if self._recorder.is_open:
                self._settlers[source.name].settle(held, verdict)
        finally:
            self._running -= 1

    def _split(self, source: Source, message: Message) -> bool:
        """What a client has enqueued for endpoints: one message each, as the trigger makes them."""
        envelope = Envelope.decode(message.body)
        if envelope.endpoint is not None or envelope.post is None:
            return False
        named = addressed(envelope.post.endpoints, self._servers)
        bodies = [replace(envelope, post=None, endpoint=name).encode() for name in named]
        source.messages.send([Outgoing(body) for body in bodies])
        source.messages.delete([message.receipt])
        return True

    # What comes next

    def _soonest(self, now: float) -> float:
        parked = self._timeline.parked
        soonest = min((one.until for one in parked), default=_NEVER)
        if parked:
            soonest = min(soonest, self._look_at())
        if self._next is not None:
            soonest = min(soonest, self._seconds(self._next.at))
        if self._running < self._slots:
            visible = min((queue.next_at for queue in self._queues.values()), default=_NEVER)
            soonest = min(soonest, self._up_at(max(visible, now)))
        return soonest

    def _up_at(self, moment: float) -> float:
        """When messages are received that can be received at `moment`."""
        return max((up for down, up in self._outages if down <= moment < up), default=moment)
