"""Settles the runs of one queue: acknowledges in batches, sends again, sends to the dead-letter queue."""

import logging
import math
from threading import Condition, Lock

from rota import logs
from rota.clock import Clock
from rota.queues.base import MAX_BATCH, MAX_DELAY, MessageQueue, Outgoing
from rota.verdicts import Acknowledge, Leave, SendAgain, Verdict
from rota.worker.held import Held, Source
from rota.worker.keeper import Keeper

log = logging.getLogger("rota.worker")

LINGER = 0.06
"""Seconds after which the settler comes back for a batch that has not filled up; so an acknowledgement waits for up to
twice as long. With the request itself it stays under the 200 ms after which a killed process would have its finished
runs run again."""

PAUSE = 1.0
"""Seconds between tries while the service does not take acknowledgements."""


class Settler:
    """Applies verdicts. What cannot be sent on is left to SQS, which delivers the message again."""

    def __init__(self, source: Source, keeper: Keeper, clock: Clock) -> None:
        self._source, self._keeper, self._clock = source, keeper, clock
        self._done: list[Held] = []
        lock = Lock()
        self._changed = Condition(lock)
        self._deleted = Condition(lock)
        self._deleting = 0
        self._failing = False
        self._resting = False
        self._stopping = False

    def settle(self, held: Held, verdict: Verdict) -> None:
        """Do what `verdict` says with the message of `held`."""
        held.done = True  # before it is asked whether it is lost; see Keeper.give_back
        action = verdict.settle
        if isinstance(action, Acknowledge):
            self._acknowledge([held])
            return
        with logs.of_run(held.stop.run):
            if isinstance(action, Leave):
                log.warning("a run of queue %s is left to the queue: %s", self._source.name, verdict.reason)
                self._keeper.forget(held)
            elif held.is_lost(self._clock.monotonic()) and not verdict.on_record:
                # The message is, or will be, another's: sending it again would make two of one.
                log.warning("a run of queue %s was lost before it failed; left to its new holder", self._source.name)
                self._keeper.forget(held)
            elif isinstance(action, SendAgain):
                # Rounded up: what comes too early is only put back, for two more requests.
                delay = min(MAX_DELAY, max(0, math.ceil(action.delay.total_seconds())))
                self._send_on(self._source.messages, [held], [Outgoing(action.body, delay)])
            else:
                self._send_on(self._source.dead_letters, [held], [Outgoing(action.body, 0, action.attributes)])

    def hand_back(self, unstarted: list[Held]) -> None:
        """Give messages back as new ones, at once. Made visible instead, each would come nearer to the dead-letter
        queue by a delivery that was none of its doing."""
        for held in unstarted:
            held.done = True
        self._send_on(self._source.messages, unstarted, [Outgoing(held.body) for held in unstarted])

    def _send_on(self, queue: MessageQueue, batch: list[Held], messages: list[Outgoing]) -> None:
        """Send first, delete second: a crash in between costs a duplicate and never a loss."""
        try:
            refused = {failure.place: failure.reason for failure in queue.send(messages)}
        except Exception as error:  # noqa: BLE001 - whatever it is, these must not be held for ever
            refused = dict.fromkeys(range(len(batch)), str(error))
        for place, reason in refused.items():
            log.error("a run of queue %s was not sent on, SQS will deliver it again: %s", self._source.name, reason)
            self._keeper.forget(batch[place])
        self._acknowledge([held for place, held in enumerate(batch) if place not in refused])

    def _acknowledge(self, batch: list[Held]) -> None:
        with self._changed:
            self._done += batch
            if self._resting:
                self._resting = False
                self._changed.notify_all()
            # Once stopping, there may be nobody left who comes back for it.
            if not self._stopping and (len(self._done) < MAX_BATCH or self._failing):
                return
            full = self._begin()
        # A full batch goes at once, on the thread that filled it: no hand-over to wait for.
        self._delete(full)

    def run(self) -> None:
        """Send what lingers, until stopped."""
        while (lingering := self._linger()) is not None:
            if lingering:
                self._delete(lingering)

    def _linger(self) -> list[Held] | None:
        """Wait; returns what has lingered long enough, or None when stopped and nothing is left.

        What is done meanwhile does not wake this thread: a wake-up costs more than the run it would be for.
        """
        with self._changed:
            while not self._done:
                if self._stopping:
                    return None
                self._resting = True
                self._changed.wait()
            seen = self._done
            self._changed.wait_for(lambda: self._stopping, PAUSE if self._failing else LINGER)
            if self._done and (self._done is seen or self._stopping):
                return self._begin()
        return []  # it has filled up, and gone

    def _begin(self) -> list[Held]:
        """Take what is done, to delete it."""
        batch, self._done = self._done, []
        self._deleting += 1
        return batch

    def _delete(self, batch: list[Held]) -> None:
        failed: set[str] = set()
        try:
            if batch:
                failed = set(self._source.messages.delete([held.receipt for held in batch]))
        except Exception as error:  # noqa: BLE001 - these runs are done; the keeper holds them for another try
            failed = {held.receipt for held in batch}
            log.warning("finished runs of queue %s were not acknowledged yet: %s", self._source.name, error)
        now = self._clock.monotonic()
        again = [held for held in batch if held.receipt in failed and not held.is_lost(now) and not self._stopping]
        if lost := len(failed) - len(again):
            says = "%d finished runs of queue %s were not acknowledged: those that are not on record will run again"
            log.error(says, lost, self._source.name)
        for held in batch:
            if held not in again:
                self._keeper.forget(held)
        with self._changed:
            if again and self._resting:
                self._resting = False
                self._changed.notify_all()
            self._done += again
            if batch:
                self._failing = bool(failed)
            self._deleting -= 1
            self._deleted.notify_all()  # only `drain` waits for it: the settler sleeps on

    def drain(self, seconds: float) -> None:
        """Acknowledge all that is done, and wait up to `seconds` for requests of other threads."""
        with self._changed:
            batch = self._begin()
        self._delete(batch)
        with self._changed:
            self._deleted.wait_for(lambda: not self._deleting, seconds)

    def stop(self) -> None:
        """End `run` once everything is acknowledged."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
