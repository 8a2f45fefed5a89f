"""Keeps hold of what is in hand: extends visibility, in batches."""

import logging
from collections.abc import Callable, Iterable
from threading import Event

from rota.clock import Clock
from rota.targets import MAX_VISIBILITY
from rota.worker.held import Held, Source
from rota.worker.waiting_room import WaitingRoom

log = logging.getLogger("rota.worker")

LONGEST = MAX_VISIBILITY.total_seconds() - 5
"""Seconds for which a message can be held from its receipt on, less the time that a request takes."""


class Keeper:
    """The heartbeat of a worker, for all its queues. `hand_back` is given what has waited too long."""

    def __init__(self, room: WaitingRoom, clock: Clock, hand_back: Callable[[list[Held]], None]) -> None:
        self._room, self._clock, self._hand_back = room, clock, hand_back
        self._held: dict[int, Held] = {}
        self._stop = Event()

    def keep(self, caught: list[Held]) -> None:
        """Hold these from now on."""
        # Single operations on a dict are atomic; no lock is shared with the threads that run jobs.
        for held in caught:
            self._held[id(held)] = held

    def forget(self, held: Held) -> None:
        """Hold it no longer: it is settled, or left to return by itself."""
        self._held.pop(id(held), None)
        held.stop.run = held.stop.claim = None  # or each run would be a cycle, left to the garbage collector

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
        for (source, seconds), batch in self._due(now).items():
            self._extend(source, seconds, batch)
        self._hand_back_what_waits(now)

    def _hand_back_what_waits(self, now: float) -> None:
        """The durations promised that these start sooner. Another server may be idle: let it have them."""
        stale = [held for held in self.held if now - held.received_at > held.source.patience]
        if withdrawn := [held for held in stale if self._room.withdraw(held)]:
            self._hand_back(withdrawn)

    def _due(self, now: float) -> dict[tuple[Source, int], list[Held]]:
        """What has used half of its visibility, by the seconds to ask for: fewer at the end of what SQS allows."""
        due: dict[tuple[Source, int], list[Held]] = {}
        for held in self.held:
            left, visibility = held.visible_at - now, held.source.visibility
            seconds = int(min(visibility, held.received_at + LONGEST - now))
            # What is lost stays lost: its receipt might still be taken, and be another's by now.
            if 0 < left <= visibility / 2 and seconds > left:
                due.setdefault((held.source, seconds), []).append(held)
        return due

    def _extend(self, source: Source, seconds: int, batch: list[Held]) -> None:
        by_receipt = {held.receipt: held for held in batch}
        asked_at = self._clock.monotonic()
        try:
            lost = source.messages.change_visibility(list(by_receipt), seconds)
        except Exception as error:  # noqa: BLE001 - whatever it is, other queues wait for their extensions
            log.warning("visibility in queue %s was not extended, will be tried again: %s", source.name, error)
            return
        for receipt, held in by_receipt.items():
            if receipt not in lost:
                held.extend(asked_at + seconds)
            elif not held.done:
                held.lose()

    def give_back(self, unsettled: list[Held]) -> None:
        """Make messages visible at once, and hold them no longer; not those whose verdict is being carried out."""
        for held in unsettled:
            # Lost first, then looked at: a slot that settles it meanwhile says so first, and then looks whether it is
            # lost. So one of the two sees the other.
            held.lose()
            self.forget(held)
        for source, batch in by_source(held for held in unsettled if not held.done):
            try:
                source.messages.change_visibility([held.receipt for held in batch], 0)
            except Exception as error:  # noqa: BLE001 - whatever it is, the stop goes on
                log.warning("%d runs return to queue %s by themselves only: %s", len(batch), source.name, error)


def by_source(helds: Iterable[Held]) -> Iterable[tuple[Source, list[Held]]]:
    """The messages of each queue."""
    batches: dict[Source, list[Held]] = {}
    for held in helds:
        batches.setdefault(held.source, []).append(held)
    return batches.items()
