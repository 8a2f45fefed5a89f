"""Settles runs: acknowledges in batches, sends again, sends to the dead-letter queue."""

import logging
from threading import Condition

from rota.clock import Clock
from rota.errors import BackendError
from rota.queues.base import MAX_BATCH, MessageQueue, Outgoing
from rota.runner import Acknowledge, SendAgain, Verdict
from rota.worker.held import Held, Source
from rota.worker.keeper import Keeper

log = logging.getLogger("rota.worker")

LINGER = 0.08
"""Seconds after which the settler comes back for a batch that has not filled up; so an acknowledgement waits for up to
twice as long. With the request itself it stays under the 200 ms after which a killed process would have its finished
runs run again."""


class Settler:
    """Applies verdicts. What fails here is logged and left to SQS, which delivers the message again."""

    def __init__(self, sources: list[Source], keeper: Keeper, clock: Clock) -> None:
        self._keeper, self._clock = keeper, clock
        self._done: dict[Source, list[Held]] = {source: [] for source in sources}
        self._pending = Condition()
        self._resting = False
        self._stopping = False

    def settle(self, held: Held, verdict: Verdict) -> None:
        """Do what `verdict` says with the message of `held`."""
        action = verdict.settle
        if isinstance(action, Acknowledge):
            self._acknowledge(held)
            return
        if held.is_lost(self._clock.monotonic()):
            # The message is, or will be, another's: sending it again would make two of one.
            log.warning("a run of queue %s was lost before it failed; left to its new holder", held.source.name)
            self._keeper.forget(held)
            return
        if isinstance(action, SendAgain):
            delay = min(900, max(0, round(action.delay.total_seconds())))
            sent = self._send(held.source.messages, held, Outgoing(action.body, delay))
        else:
            sent = self._send(held.source.dead_letters, held, Outgoing(action.body, 0, action.attributes))
        # Send first, delete second: a crash in between costs a duplicate and never a loss.
        if sent:
            self._acknowledge(held)
        else:
            self._keeper.forget(held)

    def _send(self, queue: MessageQueue, held: Held, message: Outgoing) -> bool:
        try:
            refused = queue.send([message])
        except BackendError as error:
            log.error("a run of queue %s was not sent on, SQS will deliver it again: %s", held.source.name, error)
            return False
        if refused:
            log.error(
                "a run of queue %s was not sent on, SQS will deliver it again: %s", held.source.name, refused[0].reason
            )
        return not refused

    def _acknowledge(self, held: Held) -> None:
        with self._pending:
            done = self._done[held.source]
            done.append(held)
            if self._resting:
                self._resting = False
                self._pending.notify()
            if len(done) < MAX_BATCH:
                return
            self._done[held.source] = []
        # A full batch goes at once, on the thread that filled it: no hand-over to wait for.
        self._delete(held.source, done)

    def run(self) -> None:
        """Send what lingers, until stopped."""
        while (lingering := self._linger()) is not None:
            self._flush(lingering)

    def _linger(self) -> dict[Source, list[Held]] | None:
        """Wait; returns what has lingered long enough, or None when stopped and nothing is left.

        What is done meanwhile does not wake this thread: a wake-up costs more than the run it would be for.
        """
        with self._pending:
            while not any(self._done.values()):
                if self._stopping:
                    return None
                self._resting = True
                self._pending.wait()
            seen = {source: done for source, done in self._done.items() if done}
            self._pending.wait_for(lambda: self._stopping, LINGER)
            return dict(self._done) if self._stopping else seen

    def flush(self) -> None:
        """Acknowledge all that is done."""
        self._flush(dict(self._done))

    def _flush(self, batches: dict[Source, list[Held]]) -> None:
        for source, done in batches.items():
            with self._pending:
                if not done or self._done[source] is not done:
                    continue  # it has filled up, and gone
                self._done[source] = []
            self._delete(source, done)

    def stop(self) -> None:
        """End `run` once everything is acknowledged."""
        with self._pending:
            self._stopping = True
            self._pending.notify_all()

    def _delete(self, source: Source, done: list[Held]) -> None:
        try:
            refused = source.messages.delete([held.receipt for held in done])
        except BackendError as error:
            # boto3 has tried again already. These runs are done; SQS will deliver them once more.
            log.error(
                "%d finished runs of queue %s were not acknowledged, and will run again: %s",
                len(done),
                source.name,
                error,
            )
            refused = []
        if refused:
            log.error("%d finished runs of queue %s were refused, and will run again", len(refused), source.name)
        for held in done:
            self._keeper.forget(held)
