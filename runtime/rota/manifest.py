"""What a user declares: queues, jobs and the manifest that lists them. Frozen data; no I/O, nothing of AWS."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal

from rota.errors import ManifestError, PayloadError
from rota.exclusion import Lock, Unique, fields_problem
from rota.retry import Retry
from rota.schedules import Schedule
from rota.validators import count_problem, duration_problem, name_problem

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    P = TypeVar("P", default=None)
else:
    # At run time the default says nothing, and the standard library's TypeVar has none before Python 3.13.
    from typing import TypeVar

    P = TypeVar("P")

MAX_VISIBILITY = timedelta(hours=12)
"""How long SQS keeps a received message hidden at the most, all extensions together.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html"""

MAX_DELAY = timedelta(minutes=15)
"""How long SQS can hold a message back when it is sent.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html"""

MAX_START_DEADLINE = timedelta(days=7)
"""How long a queue keeps a run."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue that workers consume; on AWS an SQS queue with a dead-letter queue of its own.

    Raises `ManifestError` for a value outside its limits.
    """

    name: str
    visibility_timeout: timedelta = timedelta(seconds=60)
    """How long SQS waits for word from a worker before it gives a run to another: the time a crash costs. From 2
    seconds to 12 hours; a job may take longer, for workers extend it while a handler runs."""
    max_deliveries: int = 20
    """After how many deliveries without a settled attempt a run goes to the dead-letter queue, from 1 to 1000. A
    backstop for runs that kill their worker: retries and hand-backs do not count towards it. Nor do put-backs, so the
    ledger counts the workers that died of a run on record, and gives it up after as many."""

    def __post_init__(self) -> None:
        _refuse(
            f"queue {self.name!r}",
            name_problem(self.name),
            duration_problem("visibility_timeout", self.visibility_timeout, least=2 * _SECOND, most=MAX_VISIBILITY),
            count_problem("max_deliveries", self.max_deliveries, least=1, most=1000),
        )


@dataclass(frozen=True, kw_only=True)
class Job(Generic[P]):
    """A named unit of work: a handler, the queue its runs go to and, if it has one, the schedule that makes them due.

    Raises `ManifestError` for a value outside its limits. What concerns payload and input is checked by `Manifest`,
    which names all the problems of all jobs at once.
    """

    name: str
    handler: str
    """The user's function, as "package.module:function"; imported by workers alone."""
    target: Queue
    payload: type[P] | None = None
    """The type of the handler's input, a dataclass or a pydantic model; None where it takes none."""
    input: P | None = None
    """The payload of scheduled runs."""
    schedule: Schedule | None = None
    retry: Retry = field(default_factory=Retry)
    timeout: timedelta | None = None
    """How long an attempt may take before it is told to stop, up to 12 hours; None for no limit but those of the queue.
    A thread cannot be killed: see `Run.stop_requested`. An async handler is cancelled."""
    isolation: Literal["thread", "process"] = "thread"
    """"process" runs the handler in a process of its own, which is killed when it does not heed the word to stop: at
    its deadline, or when its lease is lost. It costs a process for each slot that runs such a job."""
    lock: Lock | None = None
    """Which runs may not overlap, and what happens to those that would."""
    unique: Unique | None = None
    """Which enqueued runs are the same."""
    catch_up: Literal["all", "latest", "none"] = "all"
    """What becomes of occurrences that were fired while no worker ran, once one does. "all" runs each. "latest" skips
    one whose next is due already. "none" skips what starts more than 2 minutes late (or `start_deadline`)."""
    start_deadline: timedelta | None = None
    """A run that has not started so long after its instant (or after it was enqueued) is skipped; up to 7 days, no
    limit unless given. It bounds the wait for a lock as well."""
    enabled: bool = True
    """False keeps the schedule deployed and silent. Runs already enqueued, and new ones, still run."""
    description: str = ""
    """One line for people: shown by `rota list` and on AWS."""

    def __post_init__(self) -> None:
        _refuse(
            f"job {self.name!r}",
            name_problem(self.name),
            _handler_problem(self.handler),
            None if isinstance(self.target, Queue) else f"target must be a Queue; got {self.target!r}",
            None
            if self.schedule is None or isinstance(self.schedule, Schedule)
            else f"schedule must be a Cron, Every or Once; got {self.schedule!r}",
            None if isinstance(self.retry, Retry) else f"retry must be a Retry; got {self.retry!r}",
            None
            if self.timeout is None
            else duration_problem("timeout", self.timeout, least=_SECOND, most=MAX_VISIBILITY),
            None
            if self.isolation in ("thread", "process")
            else f'isolation must be "thread" or "process"; got {self.isolation!r}',
            None if isinstance(self.lock, Lock | None) else f"lock must be a Lock; got {self.lock!r}",
            None if isinstance(self.unique, Unique | None) else f"unique must be a Unique; got {self.unique!r}",
            None
            if self.catch_up in ("all", "latest", "none")
            else f'catch_up must be "all", "latest" or "none"; got {self.catch_up!r}',
            "catch_up is for occurrences, and the job has no schedule"
            if self.catch_up != "all" and self.schedule is None
            else None,
            None
            if self.start_deadline is None
            else duration_problem("start_deadline", self.start_deadline, least=_SECOND, most=MAX_START_DEADLINE),
        )

    @property
    def lock_key(self) -> str:
        """The key of its lock, fields of the payload in braces; its name unless the lock has another."""
        return self.name if self.lock is None or self.lock.key is None else self.lock.key


@dataclass(frozen=True)
class Manifest:
    """The immutable list of jobs that one application has; its queues are those that the jobs name.

    `name` is part of every physical name on AWS: at most 32 lower-case letters, digits and hyphens.

    Raises `ManifestError` that lists every problem: names used twice, a queue declared in two ways, a payload that is
    neither a dataclass nor a pydantic model, an input that is missing or does not fit its payload.
    """

    _: KW_ONLY
    name: str
    jobs: Sequence[Job[Any]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "jobs", tuple(self.jobs))
        if strangers := [job for job in self.jobs if not isinstance(job, Job)]:
            _refuse(f"manifest {self.name!r}", *(f"jobs must be of Job; got {stranger!r}" for stranger in strangers))
        problems = [problem for problem in (name_problem(self.name, longest=32),) if problem]
        problems += self._twice()
        for job in self.jobs:
            problems += [f"job {job.name!r}: {problem}" for problem in _input_problems(job) or _key_problems(job)]
        problems += self._locks_at_odds()
        if problems:
            raise ManifestError.of(f"manifest {self.name!r}", problems)

    def _twice(self) -> list[str]:
        jobs = [job.name for job in self.jobs]
        queues = [queue.name for queue in dict.fromkeys(job.target for job in self.jobs)]
        problems = [
            f"job {name!r} is declared {jobs.count(name)} times" for name in dict.fromkeys(jobs) if jobs.count(name) > 1
        ]
        return problems + [
            f"queue {name!r} is declared in {queues.count(name)} different ways; declare it once and share the object"
            for name in dict.fromkeys(queues)
            if queues.count(name) > 1
        ]

    def _locks_at_odds(self) -> list[str]:
        limits: dict[tuple[str | None, str], set[int]] = {}
        for job in self.jobs:
            if job.lock is not None:
                limits.setdefault((job.lock.provider, job.lock_key), set()).add(job.lock.limit)
        return [
            f"lock {key!r} is declared with limits {' and '.join(map(str, sorted(found)))}; it can have one"
            for (_, key), found in limits.items()
            if len(found) > 1
        ]

    @cached_property
    def queues(self) -> tuple[Queue, ...]:
        """The queues of the jobs, each once, in the order of the jobs."""
        return tuple(dict.fromkeys(job.target for job in self.jobs))

    @cached_property
    def _by_name(self) -> dict[str, Job[Any]]:
        return {job.name: job for job in self.jobs}

    def find(self, name: str) -> Job[Any] | None:
        """The job of that name, or None."""
        return self._by_name.get(name)


def _refuse(subject: str, *problems: str | None) -> None:
    found = [problem for problem in problems if problem]
    if found:
        raise ManifestError.of(subject, found)


def _handler_problem(handler: object) -> str | None:
    module, colon, function = handler.partition(":") if isinstance(handler, str) else ("", "", "")
    if colon and all(part.isidentifier() for part in [*module.split("."), *function.split(".")]):
        return None
    return f"handler must read 'package.module:function'; got {handler!r}"


def _key_problems(job: Job[Any]) -> list[str]:
    """Which fields of lock and unique keys the payload lacks."""
    keys = {"lock": job.lock_key if job.lock else "", "unique": job.unique.key if job.unique else ""}
    problems = {field: fields_problem(key, job.payload) for field, key in keys.items()}
    return [f"{field}: {problem}" for field, problem in problems.items() if problem]


def _input_problems(job: Job[Any]) -> list[str]:
    """What is wrong with a job's payload and input. Imports pydantic only where there is a payload."""
    if job.payload is None:
        return [] if job.input is None else [f"input is {job.input!r}, but the job declares no payload type"]
    from rota import payloads

    if problem := payloads.type_problem(job.payload):
        return [problem]
    try:
        if job.input is not None:
            payloads.encode(job.payload, job.input)
        elif job.schedule is not None and not payloads.has_default(job.payload):
            return [
                (
                    f"payload {job.payload.__name__} needs a value, and a scheduled run has none; "
                    f"give input={job.payload.__name__}(...)"
                )
            ]
    except PayloadError as error:
        return [str(error) if job.input is None else f"input: {error}"]
    return []
