"""What must never be, counted. Each count names its offenders; docs/ledger.md is what it holds rota to."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from chaos.evidence import Call, Evidence


@dataclass(frozen=True, kw_only=True)
class Count:
    """Something that must not be, and where it was seen."""

    what: str
    seen: list[str]


def judge(evidence: Evidence) -> list[Count]:
    """All counts; each must be empty."""
    return [
        Count(what="runs lost", seen=list(_lost(evidence))),
        Count(what="runs without exactly one recorded completion", seen=list(_not_completed_once(evidence))),
        Count(what="two live holders of one run", seen=list(_together(evidence.calls, lambda call: call.run))),
        Count(what="two live holders of one lock", seen=list(_together(evidence.calls, lambda call: call.lock))),
        Count(what="stale writes accepted", seen=list(_stale(evidence))),
        Count(what="dead letters", seen=evidence.dead_letters),
        Count(what="messages left in the queue", seen=["a message"] * evidence.left),
        Count(what="servers that ended by themselves, or not when told", seen=evidence.mishaps),
    ]


def _lost(evidence: Evidence) -> Iterator[str]:
    """A run is not lost if the call that the ledger says completed it has returned, by the handlers' own log; or if it
    was skipped for a lock that another run waits for already, which is what the job asks for."""
    returned = {(call.run, call.token) for call in evidence.calls if call.returned}
    for run in sorted(evidence.sent):
        record = evidence.records.get(run)
        if record is None:
            yield f"{run}: not on record"
        elif record.state != "finished":
            yield f"{run}: still {record.state}"
        elif record.outcome == "succeeded":
            if (run, record.token) not in returned:
                yield f"{run}: succeeded on record, but no call with token {record.token} has returned"
        elif not (run in evidence.locked and record.outcome == "skipped" and "already waiting" in record.reason):
            yield f"{run}: {record.outcome}: {record.reason}"


def _not_completed_once(evidence: Evidence) -> Iterator[str]:
    for run in sorted(evidence.sent):
        record = evidence.records.get(run)
        outcomes = Counter(outcome for _, outcome in record.attempts) if record else Counter()
        skipped = record is not None and record.state == "finished" and record.outcome == "skipped"
        completions = outcomes["succeeded"] + skipped
        if completions != 1:
            told = ", ".join(f"{token} {outcome}" for token, outcome in record.attempts) if record else "not on record"
            yield f"{run}: {completions} ({told})"


def _together(calls: list[Call], key: Callable[[Call], str | None]) -> Iterator[str]:
    """Calls that were live at the same time, and should not have been."""
    by_key: defaultdict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if (found := key(call)) is not None:
            by_key[found].append(call)
    for found, together in sorted(by_key.items()):
        earlier: Call | None = None
        for call in sorted(together, key=lambda call: call.started):
            if earlier is not None and call.started < earlier.live_until and call.started < call.live_until:
                yield (
                    f"{found}: pid {earlier.pid} with token {earlier.token} lived until {earlier.live_until:.3f}, "
                    f"pid {call.pid} with token {call.token} started at {call.started:.3f}"
                )
            if earlier is None or call.live_until > earlier.live_until:
                earlier = call


def _stale(evidence: Evidence) -> Iterator[str]:
    yield from _out_of_order(evidence)
    yield from _after_a_fence(evidence)


def _out_of_order(evidence: Evidence) -> Iterator[str]:
    """In the order in which the data took them, tokens must not go down; nor may two calls write with the same one, for
    then no condition can tell the zombie."""
    for key, writes in sorted(evidence.writes.items()):
        for (before, first), (after, second) in pairwise(writes):
            if after < before:
                yield f"{key}: token {after} was accepted after {before}"
            elif after == before and first != second:
                yield f"{key}: two calls have written with token {after}"


def _after_a_fence(evidence: Evidence) -> Iterator[str]:
    """By the calls' own log: once a call has passed its fences, no write of an earlier one begins and is taken."""
    calls: defaultdict[str, list[Call]] = defaultdict(list)
    for call in evidence.calls:
        for key in filter(None, [f"run:{call.run}", call.lock]):
            calls[key].append(call)
    for call in evidence.calls:
        for key, asked in call.accepted:
            newer = next((one for one in calls[key] if one.token > call.token and one.fenced < asked), None)
            if newer is not None:
                yield (
                    f"{key}: pid {call.pid} with token {call.token} began a write at {asked:.3f} that was accepted, "
                    f"pid {newer.pid} with token {newer.token} had passed its fences at {newer.fenced:.3f}"
                )
