"""What a message of the trigger queue asks for: each job at each of its endpoints, as messages of their own."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from rota.envelope import Envelope, Post
from rota.errors import EnvelopeError

EVERY = "*"
"""Behind an endpoint and "/": every server."""


class RollCall(NamedTuple):
    """A question for later: which servers are there now, and which were asked?"""

    job: str
    endpoint: str
    asked: tuple[str, ...]
    """The ids of those that were there when the run was due."""
    run: str | None = None

    def encode(self) -> str:
        """The message body."""
        roll_call = {"endpoint": self.endpoint, "asked": list(self.asked)}
        written = {"rota": 1, "job": self.job, "run": self.run, "roll_call": roll_call}
        return json.dumps({name: value for name, value in written.items() if value is not None}, separators=(",", ":"))


class Unfit(NamedTuple):
    """What cannot be posted."""

    body: str
    reason: str
    envelope: Envelope | None = None
    """As far as it can be read."""


Part = Envelope | RollCall | Unfit
"""An `Envelope` here has its run's id and a `post` with one endpoint."""


def split(body: str, *, message_id: str, endpoints: Collection[str]) -> list[Part]:
    """The parts of a message, at least one: the same at each delivery. `message_id` is SQS's own, `endpoints` the names
    of the trigger's."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError) as error:
        return [Unfit(body=body, reason=f"not JSON: {error}")]
    if isinstance(read, dict) and "roll_call" in read:
        return [_roll_call(body, read)]
    if not isinstance(read, dict) or "jobs" not in read:
        return _of_one(body, message_id, endpoints)
    jobs = read.pop("jobs")
    if "job" in read:
        return [Unfit(body=body, reason="it has both a job and jobs")]
    if not isinstance(jobs, list) or not jobs:
        return [Unfit(body=body, reason=f"jobs must be a list of names or objects; got {jobs!r}")]
    several = len(jobs) > 1
    parts: list[Part] = []
    for job in jobs:
        whole = {**read, **(job if isinstance(job, dict) else {"job": job})}
        name = whole.get("job")
        # An id that they share would be one run's.
        if several and isinstance(whole.get("run"), str) and whole["run"] == read.get("run"):
            whole["run"] = f"{whole['run']}/{name}"
        parts += _of_one(
            json.dumps(whole, separators=(",", ":")), f"{message_id}/{name}" if several else message_id, endpoints
        )
    return parts


def _of_one(body: str, message_id: str, endpoints: Collection[str]) -> list[Part]:
    """The parts with one job: one for each endpoint."""
    try:
        envelope = Envelope.decode(body)
    except EnvelopeError as error:
        return [Unfit(body=body, reason=str(error))]
    post = envelope.post
    if post is None:
        if len(endpoints) != 1:
            known = ", ".join(sorted(endpoints)) or "none"
            reason = f'it does not say in "post" to which endpoint; this trigger has several ({known})'
            return [Unfit(body, reason, envelope)]
        post = Post(endpoints=tuple(endpoints))
    envelope = _identified(replace(envelope, endpoint=None), message_id)
    names = tuple(dict.fromkeys(post.endpoints))
    several = len(names) > 1
    return [
        replace(
            envelope,
            post=replace(post, endpoints=(name,)),
            # Those of "every server" get theirs when it is known who that is.
            run=_own_run(envelope, name) if several and server_of(name) != EVERY else envelope.run,
        )
        for name in names
    ]


def of_servers(envelope: Envelope, servers: Collection[str]) -> list[Envelope]:
    """A part for "every server" as one for each of these ids."""
    post = envelope.post
    assert post is not None  # noqa: S101 - it is a part
    names = [f"{endpoint_of(post.endpoints[0])}/{server}" for server in servers]
    return [replace(envelope, run=_own_run(envelope, name), post=replace(post, endpoints=(name,))) for name in names]


def endpoint_of(name: str) -> str:
    """The endpoint in "web", "web/*" and "web/10.0.1.5:8080"."""
    return name.partition("/")[0]


def server_of(name: str) -> str | None:
    """Behind it: "*", the id of a server, or None."""
    _, slash, server = name.partition("/")
    return server if slash else None


def _own_run(envelope: Envelope, name: str) -> str:
    """The run's id at one of several endpoints: that of an occurrence is the same at all."""
    return f"{envelope.run}" if envelope.scheduled_at is not None else f"{envelope.run}/{name}"


def _identified(envelope: Envelope, message_id: str) -> Envelope:
    """With its id. For a rule, the instant is the minute in which it fired, until a server knows better."""
    if envelope.scheduled_at is None and envelope.fired_at is not None:
        envelope = replace(envelope, scheduled_at=envelope.fired_at.replace(second=0, microsecond=0))
    if envelope.scheduled_at is not None:
        # Not without `fired_at`, which says that the instant is a guess.
        return replace(envelope.for_occurrence(envelope.scheduled_at), fired_at=envelope.fired_at)
    return envelope if envelope.run else replace(envelope, run=message_id)


def _roll_call(body: str, read: Mapping[str, Any]) -> Part:
    said, job, run = read["roll_call"], read.get("job"), read.get("run")
    if isinstance(said, dict) and isinstance(job, str) and isinstance(run, str | None):
        endpoint, asked = said.get("endpoint"), said.get("asked")
        if isinstance(endpoint, str) and isinstance(asked, list) and all(isinstance(one, str) for one in asked):
            return RollCall(job=job, endpoint=endpoint, asked=tuple(asked), run=run)
    return Unfit(body=body, reason="roll_call must have an endpoint and asked, a list of the ids of servers")
