"""What lies in the dead-letter places of a queue, and how it becomes a run again: pure, but for the letters themselves.

Two places, three kinds of letter: what a worker sent (ready to run again, its reasons in attributes `rota.*`), what
SQS moved after too many deliveries (as it was), and what EventBridge could not deliver. docs/how-to/find-and-redrive.md
says which forms of the last are read, and where they are documented.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from rota.digests import payload_digest
from rota.envelope import VERSION, Envelope, instant_text, read_instant
from rota.errors import EnvelopeError
from rota.manifest import Job, Manifest
from rota.names import Names
from rota.occurrences import identified, payload_of
from rota.queues.base import Letter
from rota.targets import TRIGGER

_AND = ", "
"""Between the names of jobs that are due together; in no name."""

_NOWHERE = 'neither "post" in it nor its job says to which endpoint: the trigger would give it up at once'

WORKERS_DIED = "deliveries exhausted: worker died"
"""The reason of what SQS moved by itself."""


class Place(StrEnum):
    """Where a letter lies."""

    DEAD_LETTERS = "dead letters"
    UNDELIVERED = "undelivered"


@dataclass(frozen=True, kw_only=True)
class DeadRun:
    """A letter that has been read. Text may be empty where nothing is known."""

    letter: Letter
    place: Place
    queue: str
    job: str
    run: str
    attempts: str
    reason: str
    error: str
    traceback: str
    endpoint: str = ""
    """For whom it is, where it is for endpoints."""
    status: str = ""
    """What that answered at last."""
    again: Envelope | None
    """The run as it is to be sent again; None where it cannot be."""
    problem: str = ""
    """Why it cannot."""
    together: Mapping[str, Any] | None = None
    """The message, where it names several jobs, due together: sent again whole, for the trigger makes runs of it."""

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for two letters of the same run."""
        if self.again is None:
            return (self.place, self.letter.id)
        same = replace(self.again, redrives=0, redriven_by=None)
        return (self.place, same.encode() if same.run else self.letter.id)

    def sent_by(self, who: str) -> str:
        """The message body that sends it again. Only for a run that has `again`."""
        assert self.again is not None  # noqa: S101 - for mypy; said in the docstring
        if self.together is not None:
            return json.dumps({**self.together, "redrives": self.again.redrives, "redriven_by": who})
        return replace(self.again, redriven_by=who).encode()

    def is_of(self, job: str) -> bool:
        """Whether it is a run of that job, or becomes one among others."""
        return job in self.job.split(_AND)


def read(
    letter: Letter,
    *,
    place: Place,
    queue: str,
    manifest: Manifest,
    names: Names,
    together: Sequence[Sequence[str]] = (),
) -> DeadRun:
    """What a letter says. Never raises for what is in it. `together` is that of the settings."""
    if letter.moved:  # as it was: what stands beside it, if anything, is of an earlier time that it lay here
        letter = letter._replace(attributes={})
    said = letter.attributes
    again = seen = whole = None
    problem = ""
    try:
        if queue == TRIGGER.name:
            again, whole = _together(letter.body)
        if again is None and place is Place.UNDELIVERED:
            again, whole = _undelivered(letter, manifest, names, together)
        again = again or _dead_letter(letter)
        job = manifest.find(again.job)
        again = identified(again, job)
        if queue == TRIGGER.name and again.post is None and whole is None:
            seen, again = again, _addressed(again, job, manifest)
            problem = "" if again else _NOWHERE
    except EnvelopeError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 - whatever a letter holds, it is this letter's trouble alone
        problem = f"{type(error).__name__}: {error}"
    seen = again or seen
    return DeadRun(
        letter=letter,
        place=place,
        queue=queue,
        job=said.get("rota.job") or (seen.job if seen else ""),
        # Whole: beside the body, a long one is cut off.
        run=(seen.run if seen else None) or said.get("rota.run", ""),
        attempts=said.get("rota.attempts", ""),
        reason=_reason(said, place, problem),
        error=said.get("rota.error", ""),
        traceback=said.get("rota.traceback", ""),
        endpoint=said.get("rota.endpoint") or (", ".join(seen.post.endpoints) if seen and seen.post else ""),
        status=said.get("rota.status", ""),
        again=again,
        problem=problem,
        together=whole,
    )


def _reason(said: Mapping[str, str], place: Place, problem: str) -> str:
    if reason := said.get("rota.reason"):
        return reason
    if place is Place.DEAD_LETTERS:
        return f"cannot be read: {problem}" if problem else WORKERS_DIED
    told = ": ".join(text for text in (said.get("ERROR_CODE"), said.get("ERROR_MESSAGE")) if text)
    after = said.get("EXHAUSTED_RETRY_CONDITION")
    return (told or "EventBridge gave no reason") + (f" (after {after})" if after else "")


def _together(body: str) -> tuple[Envelope, Mapping[str, Any]] | tuple[None, None]:
    """Of a message of the trigger's that names several jobs, what stands for it here, and the message."""
    try:
        read = _event(body, EnvelopeError())
    except EnvelopeError:
        return None, None
    if "roll_call" in read:
        raise EnvelopeError("it asks which servers there are, and is no run")
    return _whole(read) if "rota" in read and read.get("jobs") is not None else (None, None)


def _whole(read: Mapping[str, Any]) -> tuple[Envelope, Mapping[str, Any]]:
    if "job" in read:
        raise EnvelopeError("it has both a job and jobs")
    jobs = read["jobs"]
    names: list[Any] = (
        [job.get("job") if isinstance(job, dict) else job for job in jobs] if isinstance(jobs, list) else []
    )
    if not names or not all(isinstance(name, str) and name for name in names):
        raise EnvelopeError(f"jobs must be a list of names or objects; got {jobs!r}")
    common = {name: value for name, value in read.items() if name != "jobs"}
    stands_for = Envelope.decode(json.dumps({**common, "job": _AND.join(names)}))
    return replace(stands_for, redrives=stands_for.redrives + 1), read


def _addressed(envelope: Envelope, job: Job[Any] | None, manifest: Manifest) -> Envelope | None:
    """The same with the endpoints of its job, for the trigger knows no manifest; None where nobody says them."""
    if job is not None and job.post is not None:
        return replace(envelope, post=job.post)
    return envelope if len(manifest.endpoints) == 1 else None  # where there is one, it goes without saying


def _dead_letter(letter: Letter) -> Envelope:
    envelope = Envelope.decode(letter.body)
    # What a worker wrote counts the next redrive already; what SQS moved, and what lies as it came, does not.
    counted = "rota.reason" in letter.attributes and envelope.redrives > 0
    return _anew(envelope, redrives=envelope.redrives + (not counted))


def _anew(envelope: Envelope, *, redrives: int) -> Envelope:
    return replace(envelope, attempt=1, error=None, handed_back_at=None, not_before=None, redrives=redrives)


def _undelivered(
    letter: Letter, manifest: Manifest, names: Names, together: Sequence[Sequence[str]]
) -> tuple[Envelope, Mapping[str, Any] | None]:
    """The run that a rule or a schedule should have delivered; with the message, where it makes several jobs due."""
    try:
        envelope = Envelope.decode(letter.body)  # the target's input itself
    except EnvelopeError as unread:
        first, instants = _due(letter, manifest, names, unread)
        due = next((group for group in together if group[0] == first.name), ())
        jobs = [manifest.find(name) or name for name in due]
        if jobs:
            return _whole(_several(jobs, instants))
        envelope = _occurrence(first, instants)
    return _anew(envelope, redrives=envelope.redrives + 1), None


def _due(
    letter: Letter, manifest: Manifest, names: Names, unread: EnvelopeError
) -> tuple[Job[Any], Mapping[str, datetime]]:
    """Whose rule or schedule it is, and what that says of the time."""
    said = letter.attributes
    arn = said.get("SCHEDULE_ARN") or said.get("RULE_ARN")
    if not arn:
        raise EnvelopeError(f"{unread}; and no RULE_ARN or SCHEDULE_ARN beside it says whose it is")
    name = names.job_of(arn, [job.name for job in manifest.jobs])
    job = manifest.find(name) if name else None
    if job is None:
        raise EnvelopeError(f"{arn} belongs to no job of manifest {manifest.name!r}, deployment {names.deployment}")
    if "SCHEDULE_ARN" in said:
        return job, {"scheduled_at": read_instant("SCHEDULED_TIME", said.get("SCHEDULED_TIME"))}
    return job, {"fired_at": read_instant("time", _event(letter.body, unread).get("time"))}


def _occurrence(job: Job[Any], instants: Mapping[str, Any]) -> Envelope:
    digest = payload_digest(job.payload)
    return Envelope(job=job.name, payload=payload_of(job), digest=digest, post=job.post, **instants)


def _several(jobs: Sequence[Job[Any] | str], instants: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message that makes these due: each by itself, for what they had in common need not be so any more."""
    common = {"rota": VERSION, **{name: instant_text(moment) for name, moment in instants.items()}}
    own = [json.loads(_occurrence(job, {}).encode()) if isinstance(job, Job) else {"job": job} for job in jobs]
    return {**common, "jobs": [{name: value for name, value in each.items() if name != "rota"} for each in own]}


def _event(body: str, unread: EnvelopeError) -> Mapping[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise unread from None
    return event if isinstance(event, dict) else {}


def together(runs: Sequence[DeadRun]) -> list[tuple[DeadRun, int]]:
    """Each run once, with how many letters it has."""
    counts: dict[tuple[object, ...], tuple[DeadRun, int]] = {}
    for run in runs:
        first, count = counts.get(run.identity, (run, 0))
        counts[run.identity] = (first, count + 1)
    return list(counts.values())
