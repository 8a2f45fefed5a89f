"""What the logs say, put together: the calls of the handler, and what happened to their processes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

NEVER = float("inf")


@dataclass
class Call:
    """One call of the handler. Times are of the machine's monotonic clock."""

    id: str
    run: str
    lock: str | None
    token: int
    pid: int
    started: float
    fenced: float = NEVER
    """When it had passed its fences: the data had taken a write of all its keys."""
    told: float = NEVER
    """When it saw that it should stop."""
    ended: float = NEVER
    returned: bool = False
    accepted: list[tuple[str, float]] = field(default_factory=list)
    """Key and begin of the writes that the data took."""
    refused: int = 0
    """Writes that it did not take."""
    live_until: float = NEVER
    """See `judge`: when it was no holder any more, whether it knew or not."""
    killed: bool = False
    """Whether its process was killed while it ran."""
    stopped: bool = False
    """Whether its process was stopped while it ran, or between its claim and its start."""


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A process that stood still."""

    pid: int
    begin: float
    end: float


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the ledger has of a run."""

    state: str
    outcome: str | None
    reason: str
    token: int
    attempts: list[tuple[int, str]]
    """Token and outcome of each that is over, in their order."""

    @classmethod
    def read(cls, item: Mapping[str, Any]) -> "Record":
        """The record of an item; docs/ledger.md."""
        return cls(
            state=item["state"],
            outcome=item.get("outcome"),
            reason=item.get("reason", ""),
            token=int(item.get("token", 0)),
            attempts=[(int(one["token"]), one["outcome"]) for one in item.get("history", ())],
        )


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that the judge looks at."""

    sent: set[str]
    """Ids of the runs."""
    locked: set[str]
    """Those of them that need a lock: they may be skipped, where another waits for it already."""
    records: Mapping[str, Record]
    """By run id."""
    calls: list[Call]
    writes: Mapping[str, list[tuple[int, str]]]
    """Token and call of the writes that the data took, in their order, by key."""
    dead_letters: list[str] = field(default_factory=list)
    left: int = 0
    """Messages that were still in the queue at the end."""
    mishaps: list[str] = field(default_factory=list)
    """Processes that ended by themselves, or not when told."""


def read_calls(lines: Iterable[Mapping[str, Any]], events: list[dict[str, Any]], epoch: float) -> list[Call]:
    """The calls of the handlers' log, with what the harness did to their processes.

    `epoch` is the wall clock when the monotonic one was 0: tokens are milliseconds, and so tell when a call was
    claimed.
    """
    calls: dict[str, Call] = {}
    for line in lines:
        if line["event"] == "up":
            continue
        if line["event"] == "started":
            names = ("run", "lock", "token", "pid")
            calls[line["call"]] = Call(id=line["call"], started=line["at"], **{name: line[name] for name in names})
            continue
        call = calls[line["call"]]
        if line["event"] in ("fenced", "told"):
            setattr(call, line["event"], line["at"])
        elif line["event"] == "ended":
            call.ended, call.returned = line["at"], line["how"] == "returned"
        elif line["event"] == "accepted":
            call.accepted.append((line["key"], line["asked"]))
        elif line["event"] == "refused":
            call.refused += 1
    stops, kills = read_stops(events), [event for event in events if event["event"] == "killed"]
    for call in calls.values():
        _limit(call, stops, kills, epoch)
    return list(calls.values())


def read_stops(events: list[dict[str, Any]]) -> list[Stop]:
    """The stops that the harness's own log tells of; one that was never continued lasts."""
    stops = []
    for number, event in enumerate(events):
        if event["event"] == "stopped":
            later = (it["at"] for it in events[number:] if it["event"] == "continued" and it["pid"] == event["pid"])
            stops.append(Stop(pid=event["pid"], begin=event["at"], end=next(later, NEVER)))
    return stops


def _limit(call: Call, stops: list[Stop], kills: list[dict[str, Any]], epoch: float) -> None:
    """Until when the call is that of a live holder.

    To the first of: its end; the word to stop, once it has seen it; the death of its process; the begin of a stop that
    is longer than the lease (all are): nobody renews it then, so it has ended before the process goes on.
    """
    call.live_until = min(call.ended, call.told)
    for kill in kills:
        if kill["pid"] == call.pid and call.started <= kill["at"] < call.ended:
            call.killed = True
            call.live_until = min(call.live_until, kill["at"])
    # A claim may be older than the start of its handler, by a stop. A process that stands still claims nothing, so the
    # middle of the stop tells before from after, however coarse the time in the token is.
    claimed = min(call.started, call.token / 1000 - epoch) if call.token else call.started
    for stop in stops:
        if (
            stop.pid == call.pid
            and claimed < (stop.begin + min(stop.end, stop.begin + 20)) / 2
            and stop.begin < call.ended
        ):
            call.stopped = True
            call.live_until = min(call.live_until, max(call.started, stop.begin))
