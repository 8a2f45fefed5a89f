"""How a worker is: whether it can do its work, and if not, why."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from rota.clock import Clock
from rota.run import Stop
from rota.upkeep.roles import Role
from rota.upkeep.words import HEED, told_for
from rota.worker.held import Held
from rota.worker.poller import Poller

SILENCE = 60.0
"""Seconds beyond its long poll for which a queue may leave polls unanswered: two tries with a service that hangs."""


@dataclass(frozen=True, kw_only=True)
class QueueHealth:
    """How the polling of a queue goes. Times in seconds."""

    answered_ago: float | None
    """Since a poll was last answered, empty or not; None before the first."""
    silent_for: float
    """For how long polls have gone unanswered; 0 while all is well. Waiting for a free slot is not counted."""
    waits_for_slot: bool
    """Whether it is not polled now, because no slot is free."""
    error: str | None
    """What the last poll failed with; None if it was answered."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """How a worker is at one moment: `Worker.health()`."""

    ok: bool
    """Whether all is well: it runs, its queues answer, its slots are not stuck."""
    state: str
    """`running`; `not started`, `starting`, `stopping` or `stopped`, which are not ok; `off` by `ROTA_WORKER`, which
    is."""
    causes: tuple[str, ...] = ()
    """Why it is not ok, a sentence each, with queue, job, run and since when. Empty where it is."""
    must_restart: bool = False
    """Whether only a new process can mend it: a slot has been stuck for longer than the grace time, or a thread of the
    worker's keeps dying. `rota worker` exits then."""
    queues: Mapping[str, QueueHealth] = field(default_factory=dict)
    """By their declared names."""
    slots: int = 0
    """How many there are: its concurrency."""
    running: int = 0
    """How many of them run something, the stuck ones included."""
    stuck: int = 0
    """How many of them run what was told to stop, and did not."""
    restarts: Mapping[str, int] = field(default_factory=dict)
    """How many times threads of the worker died and were started again, of those that did."""
    ledger_failing_for: float | None = None
    """Seconds for which leases could not be renewed; None where they could. Told, and no cause: runs whose lease ends
    are told to stop."""

    @property
    def http_status(self) -> int:
        """200 where it is ok, 503 where not: what load balancers go by."""
        return 200 if self.ok else 503

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


def examine(
    *,
    pollers: Mapping[str, Poller],
    running: Iterable[Held],
    roles: Iterable[Role],
    slots: int,
    grace: float,
    stopping: bool,
    ledger_failing_since: float | None,
    clock: Clock,
) -> Health:
    """The health of a worker that has been started. Asks nobody and waits for nothing."""
    now, running, roles = clock.monotonic(), list(running), list(roles)
    queues = {name: _of_queue(poller, now) for name, poller in pollers.items()}
    stuck = [(held, told) for held in running if (told := told_for(held, now)) > HEED]
    stuck.sort(key=lambda one: -one[1])
    dying = [trouble for role in roles if (trouble := role.trouble(now))]
    causes = [*dying, *(_stuck(held, told, clock) for held, told in stuck)]
    if stopping:
        causes.append("the worker is stopping")
    else:
        causes += [
            f"queue {name} has answered no poll for {queue.silent_for:.0f} s, since {_since(queue.silent_for, clock)}"
            + (f": {queue.error}" if queue.error else "")
            for name, queue in queues.items()
            if queue.silent_for > pollers[name].long_poll + SILENCE
        ]
    return Health(
        ok=not causes,
        state="stopping" if stopping else "running",
        causes=tuple(causes),
        must_restart=bool(dying) or any(told > max(grace, HEED) for _, told in stuck),
        queues=queues,
        slots=slots,
        running=len(running),
        stuck=len(stuck),
        restarts={role.name: role.deaths for role in roles if role.deaths},
        ledger_failing_for=None if ledger_failing_since is None else now - ledger_failing_since,
    )


def _of_queue(poller: Poller, now: float) -> QueueHealth:
    answered_at = poller.answered_at
    return QueueHealth(
        answered_ago=None if answered_at is None else now - answered_at,
        silent_for=poller.silent_for(now),
        waits_for_slot=poller.waits_for_slot,
        error=poller.error,
    )


def _stuck(held: Held, told: float, clock: Clock) -> str:
    return (
        f"a slot is stuck: {_whose(held.stop)} of queue {held.source.name} was told to stop {told:.0f} s ago, "
        f"at {_since(told, clock)}, and still runs: {held.stop.reason}"
    )


def _whose(stop: Stop) -> str:
    run = stop.run
    return "a run" if run is None else f"job {run.job}, run {run.id}"


def _since(seconds: float, clock: Clock) -> str:
    return f"{clock.now() - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
