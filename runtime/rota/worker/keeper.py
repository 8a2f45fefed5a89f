"""Keeps hold of what is in hand: extends visibility in batches, and tells a run that it must stop."""

import logging
from collections.abc import Iterable
from threading import Event

from rota.clock import Clock
from rota.errors import BackendError
from rota.worker.held import Held, Source
from rota.worker.waiting_room import WaitingRoom

log = logging.getLogger("rota.worker")


class Keeper:
    """The heartbeat of a worker, for all its queues."""

    def __init__(self, room: WaitingRoom, clock: Clock) -> None:
        self._room, self._clock = room, clock
        self._held: dict[int, Held] = {}
        self._stop = Event()

    def keep(self, caught: list[Held]) -> None:
        """Hold these from now on."""
        # Single operations on a dict are atomic; no lock is shared with the threads that run jobs.
        for held in caught:
            self._held[id(held)] = held

    def forget(self, held: Held) -> None:
        """Hold it no longer: it is settled, or left to return by itself."""
        held.settled = True
        self._held.pop(id(held), None)

    @property
    def held(self) -> list[Held]:
        """Everything in hand."""
        return list(self._held.values())

    def run(self, interval: float) -> None:
        """Look after everything in hand each `interval` seconds, until stopped."""
        while not self._stop.wait(interval):
            try:
                self.look()
            except Exception:
                log.exception("the keeper goes on after an error of its own")

    def stop(self) -> None:
        """End `run`."""
        self._stop.set()

    def look(self) -> None:
        """One look at everything in hand."""
        now = self._clock.monotonic()
        due: list[Held] = []
        stale: list[Held] = []
        for held in self.held:
            if held.stop.due is not None and now >= held.stop.due:
                held.stop.request("its deadline has passed")
            if held.is_lost(now):
                self._tell_lost(held)
            elif now - held.received_at > held.source.visibility and self._room.withdraw(held):
                stale.append(held)
            elif held.visible_at - now <= held.source.visibility / 2:
                due.append(held)
        # The durations promised that these start sooner. Another server may be idle: let it have them.
        self.give_back(stale)
        for source, batch in _by_source(due):
            self._extend(source, batch)

    def _extend(self, source: Source, batch: list[Held]) -> None:
        by_receipt = {held.receipt: held for held in batch if not held.settled}
        asked_at = self._clock.monotonic()
        try:
            lost = source.messages.change_visibility(list(by_receipt), source.visibility)
        except BackendError as error:
            log.warning("visibility in queue %s was not extended, will be tried again: %s", source.name, error)
            return
        for receipt, held in by_receipt.items():
            if receipt not in lost:
                held.visible_at = asked_at + source.visibility
            elif not held.settled:
                held.lose()
                self._tell_lost(held)

    def _tell_lost(self, held: Held) -> None:
        if self._room.withdraw(held):
            self.forget(held)
        elif held.stop.reason is None:
            log.warning("a run of queue %s has lost its message: another server may run it", held.source.name)
        held.stop.request("another server may own this run: its message was not extended in time")

    def give_back(self, unstarted: list[Held]) -> None:
        """Make messages visible at once, and hold them no longer."""
        for held in unstarted:
            self.forget(held)
        for source, batch in _by_source(unstarted):
            try:
                source.messages.change_visibility([held.receipt for held in batch], 0)
            except BackendError as error:
                log.warning("%d runs return to queue %s by themselves only: %s", len(batch), source.name, error)


def _by_source(helds: list[Held]) -> Iterable[tuple[Source, list[Held]]]:
    batches: dict[Source, list[Held]] = {}
    for held in helds:
        batches.setdefault(held.source, []).append(held)
    return batches.items()
