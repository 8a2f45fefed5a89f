"""What is done with one message: split it, post it, or call the roll."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from rota.envelope import Envelope, read_instant
from rota.errors import EnvelopeError
from rota.trigger.aws import Aws, AwsError
from rota.trigger.config import EndpointConfig, TriggerConfig
from rota.trigger.fleet import ROLL_CALL_AFTER, Fleet
from rota.trigger.letters import dead_as_it_came, letter
from rota.trigger.outcomes import (
    FIRST_SENT,
    RUNNING_SINCE,
    UNKNOWN_SINCE,
    UNKNOWN_THERE,
    DeadLetter,
    Delivery,
    Hide,
    SendAgain,
    Verdict,
    judge,
    left,
    not_due,
    too_late,
)
from rota.trigger.posting import Poster, message_id
from rota.trigger.queue import TriggerQueue
from rota.trigger.request import Answer, NoAnswer, Place
from rota.trigger.split import EVERY, Part, RollCall, Unfit, endpoint_of, server_of, split
from rota.trigger.telemetry import Telemetry

Remaining = Callable[[], float]
"""Seconds that the function has left."""


class Trigger:
    """One deployment's. Safe to share among threads."""

    def __init__(
        self, config: TriggerConfig, *, queue: TriggerQueue, poster: Poster, aws: Aws, telemetry: Telemetry
    ) -> None:
        self._config, self._queue, self._poster = config, queue, poster
        self._fleet = Fleet(config, queue, aws, telemetry)
        self.telemetry = telemetry
        """Its own."""

    def handle(self, record: Mapping[str, Any], remaining: Remaining) -> bool:
        """Whether the message is done with; else it stays in the queue. `record` is as Lambda brings it. Raises what
        goes wrong: then it comes again when its visibility ends."""
        parts = split(record["body"], message_id=record["messageId"], endpoints=self._config.endpoints)
        if len(parts) > 1:
            return self._split_up(record, parts)
        [part] = parts
        if isinstance(part, Unfit):
            return self._bury(record, part)
        if isinstance(part, RollCall):
            done = self._fleet.call(part, _received(record))
            return done or self._hide(record, ROLL_CALL_AFTER)
        return self._run(record, part, remaining)

    def _split_up(self, record: Mapping[str, Any], parts: list[Part]) -> bool:
        """Each part as a message of its own: all, or the message comes again, and they with the same ids."""
        runs = [part for part in parts if isinstance(part, Envelope)]
        letters = [letter(run) for run in runs]
        if not all(one.fits for one in letters):
            return self._bury(record, Unfit(body=record["body"], reason="too large to be split"))
        self._queue.send(letters)
        for part in parts:
            if isinstance(part, Unfit):
                self._bury(record, part)
        self.telemetry.tell(
            "split", message=record["messageId"], jobs=sorted({run.job for run in runs}), into=len(runs)
        )
        return True

    def _bury(self, record: Mapping[str, Any], part: Unfit) -> bool:
        made = dead_as_it_came(part.body, part.reason, part.envelope)
        # As it came, SQS has taken it.
        self._queue.bury(made if made.fits else dead_as_it_came(record["body"], part.reason, part.envelope))
        # No dimension is empty: CloudWatch would drop the metric.
        self.telemetry.tell(
            "dead-lettered",
            "ERROR",
            {"DeadLettered": 1},
            message=record["messageId"],
            **({"job": part.envelope.job, "run": part.envelope.run} if part.envelope else {"job": "unknown"}),
            endpoint="unknown",
            reason=part.reason,
        )
        return True

    def _run(self, record: Mapping[str, Any], part: Envelope, remaining: Remaining) -> bool:
        name, now = _name(part), time.time()
        endpoint = self._config.endpoints.get(endpoint_of(name))
        sent = record.get("attributes", {}).get("SentTimestamp")
        sent_at = int(sent) / 1000 if sent else now
        delivery = Delivery(part, endpoint, now, sent_at, _received(record), _marks(record))
        if unposted := not_due(delivery) or too_late(delivery):
            self._tell(record, part, unposted)
            return self._settle(record, part, unposted)
        began = time.monotonic()
        every = server_of(name) == EVERY
        came = self._fleet.ask_every(part, endpoint_of(name)) if every else self._post(part, name, endpoint, remaining)
        if came is None and every:
            return True
        delivery = delivery._replace(now=time.time())
        verdict = judge(came, delivery) if came else left(delivery)
        metrics = {} if every else {"Posted": 1, "Duration": round((time.monotonic() - began) * 1000, 1)}
        # Told first, should SQS not answer.
        self._tell(record, part, verdict, metrics, came.status if isinstance(came, Answer) else None)
        return self._settle(record, part, verdict)

    def _post(
        self, part: Envelope, name: str, endpoint: EndpointConfig | None, remaining: Remaining
    ) -> Answer | NoAnswer | None:
        """What came of it; None where its server has left."""
        if endpoint is None:
            known = ", ".join(sorted(self._config.endpoints)) or "none"
            return NoAnswer(f"the trigger knows no endpoint {endpoint_of(name)!r} (it has {known})", most=UNKNOWN_THERE)
        server = server_of(name)
        try:
            place = Place.of(endpoint) if server is None else self._fleet.place(endpoint, server)
            said = letter(replace(part, post=None, endpoint=name, not_before=None, handed_back_at=None)).body
            came = self._poster.post(place, message_id(part, name), said.encode(), remaining)
        except AwsError as error:
            came = NoAnswer(str(error))
        silent = server is not None and isinstance(came, NoAnswer) and not came.begun
        return None if silent and self._fleet.has_left(part, name) else came

    def _settle(self, record: Mapping[str, Any], part: Envelope, verdict: Verdict) -> bool:
        settle = verdict.settle
        if isinstance(settle, Hide):
            return self._hide(record, settle.seconds)
        if isinstance(settle, SendAgain | DeadLetter) and not settle.letter.fits:
            why = f"too large to be written again: {verdict.reason}"
            return self._bury(record, Unfit(body=record["body"], reason=why, envelope=part))
        if isinstance(settle, SendAgain):
            self._queue.send([settle.letter])
        elif isinstance(settle, DeadLetter):
            self._queue.bury(settle.letter)
        return True

    def _hide(self, record: Mapping[str, Any], seconds: int) -> bool:
        self._queue.hide(record["receiptHandle"], seconds)
        return False

    def _tell(
        self,
        record: Mapping[str, Any],
        part: Envelope,
        verdict: Verdict,
        metrics: Mapping[str, float] | None = None,
        status: int | None = None,
    ) -> None:
        settle, name = verdict.settle, _name(part)
        counted = {**(metrics or {}), **({verdict.metric: 1} if verdict.metric else {})}
        level = "INFO" if verdict.metric in (None, "Succeeded") else "WARNING"
        if isinstance(settle, DeadLetter):
            counted["DeadLettered"], level = 1, "ERROR"
        self.telemetry.tell(
            "posted" if metrics else "put off",
            level,
            counted,
            job=part.job,
            run=part.run,
            endpoint=endpoint_of(name),
            server=server_of(name),
            message=record["messageId"],
            attempt=part.attempt,
            received=_received(record),
            status=status,
            reason=verdict.reason,
            then=type(settle).__name__,
            seconds=settle.seconds if isinstance(settle, Hide) else None,
            ms=counted.get("Duration"),
        )


def _name(part: Envelope) -> str:
    assert part.post is not None  # noqa: S101 - split() gives each one
    return part.post.endpoints[0]


def _marks(record: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for name in (RUNNING_SINCE, UNKNOWN_SINCE, FIRST_SENT):
        said = record.get("messageAttributes", {}).get(name, {}).get("stringValue")
        with contextlib.suppress(EnvelopeError):  # none, or not of this trigger
            found[name] = read_instant(name, said).timestamp()
    return found


def _received(record: Mapping[str, Any]) -> int:
    return max(1, int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)))
