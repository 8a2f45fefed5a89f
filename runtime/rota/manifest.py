"""What a user declares: jobs, and the manifest of them; their targets are in `rota.targets`. Frozen data; no I/O."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal

from rota import windows
from rota.argv import command_problems
from rota.envelope import Post
from rota.errors import ManifestError, PayloadError
from rota.exclusion import Lock, Unique, fields_problem
from rota.retry import Retry
from rota.schedules import Schedule
from rota.targets import MAX_VISIBILITY, TRIGGER, Endpoint, EveryServer, Queue, Target
from rota.validators import duration_problem, name_problem, refuse

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    P = TypeVar("P", default=None)
else:
    # At run time the default says nothing, and the standard library's TypeVar has none before Python 3.13.
    from typing import TypeVar

    P = TypeVar("P")

MAX_START_DEADLINE = timedelta(days=7)
"""How long a queue keeps a run."""

_SECOND = timedelta(seconds=1)
_RETRY = Retry()


@dataclass(frozen=True, kw_only=True)
class Job(Generic[P]):
    """A named unit of work: a handler, the target of its runs and, if it has one, the schedule that makes them due.

    Raises `ManifestError` for a value outside its limits. What concerns payload and input is checked by `Manifest`,
    which names all the problems of all jobs at once.
    """

    name: str
    handler: str = ""
    """The user's function, as "package.module:function"; imported by the servers that run it alone. To be left out only
    where these are of another language (`Endpoint(ledger=False)`), and where there is a `command`."""
    command: Sequence[str] | None = None
    """In place of a handler, a program to run and its arguments, such as `["./bin/report", "--daily"]`: in a process of
    its own, without a shell, in the working directory of the server. At most 131,071 bytes in all."""
    target: Target
    payload: type[P] | None = None
    """The type of the handler's input, a dataclass or a pydantic model; None where it takes none."""
    input: P | None = None
    """The payload of scheduled runs."""
    schedule: Schedule | None = None
    retry: Retry = _RETRY
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
    """What becomes of occurrences that start more than 2 minutes late, as after an outage: "all" runs each, "latest"
    skips one whose next is due already, "none" skips them all (or those later than `start_deadline`)."""
    start_deadline: timedelta | None = None
    """A run that has not started so long after its instant (or after it was enqueued) is skipped; up to 7 days, no
    limit unless given. It bounds the wait for a lock as well."""
    idempotent: bool = False
    """Whether it does no harm to run it again when nobody knows whether it ran: an endpoint that did not answer, and no
    ledger that could tell. False sends such a run to the dead letters, for a person to decide."""
    enabled: bool = True
    """False keeps the schedule deployed and silent. Runs already enqueued, and new ones, still run."""
    description: str = ""
    """One line for people: shown by `rota list` and on AWS."""

    def __post_init__(self) -> None:
        if isinstance(self.target, Sequence) and not isinstance(self.target, str):
            object.__setattr__(self, "target", tuple(self.target))
        target_problem = _target_problem(self.target)
        is_elsewhere = not target_problem and self._is_elsewhere
        wrong_command = self._command_problems(is_elsewhere=is_elsewhere)
        if self.command is not None and not wrong_command:
            object.__setattr__(self, "command", tuple(self.command))
        refuse(
            f"job {self.name!r}",
            name_problem(self.name),
            target_problem,
            _handler_problem(self.handler) if self.handler or not (is_elsewhere or self.command is not None) else None,
            *wrong_command,
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
            windows.unapplied_problem(self.schedule)
            if is_elsewhere and not self.handler and isinstance(self.schedule, Schedule)
            else None,
            None
            if self.start_deadline is None
            else duration_problem("start_deadline", self.start_deadline, least=_SECOND, most=MAX_START_DEADLINE),
        )

    def _command_problems(self, *, is_elsewhere: bool) -> list[str]:
        return command_problems(
            self.command,
            handler=self.handler,
            takes_input=self.payload is not None or self.input is not None,
            isolation=self.isolation,
            is_elsewhere=is_elsewhere,
        )

    @property
    def _is_elsewhere(self) -> bool:
        """Whether servers of other languages alone run it."""
        return bool(self.endpoints) and not any(endpoint.ledger for endpoint in self.endpoints)

    @property
    def targets(self) -> tuple[Queue | Endpoint | EveryServer, ...]:
        """Its target, or each of them."""
        return (self.target,) if isinstance(self.target, Queue | Endpoint | EveryServer) else tuple(self.target)

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints among its targets, each once, in their order; none for a job of a queue."""
        declared = (one.endpoint if isinstance(one, EveryServer) else one for one in self.targets)
        return tuple(dict.fromkeys(one for one in declared if isinstance(one, Endpoint)))

    @property
    def queue(self) -> Queue:
        """The queue that its messages go to: its target, or for endpoints that of the trigger."""
        return self.target if isinstance(self.target, Queue) else TRIGGER

    @property
    def post(self) -> Post | None:
        """What the trigger has to know of it; None for a job of a queue."""
        if isinstance(self.target, Queue):
            return None
        return Post(
            endpoints=tuple(target.name for target in self.targets),
            timeout=self.timeout.total_seconds() if self.timeout else None,
            start_deadline=(self.start_deadline + self.leeway).total_seconds() if self.start_deadline else None,
            attempts=self.retry.attempts,
            idempotent=self.idempotent,
        )

    @property
    def leeway(self) -> timedelta:
        """How much later than its instant a run may start that is not late: by its jitter and its flexible window."""
        given = (self.schedule.jitter, self.schedule.flexible_window) if self.schedule else ()
        return sum((each for each in given if each is not None), timedelta())

    @property
    def lock_key(self) -> str:
        """The key of its lock, fields of the payload in braces; its name unless the lock has another."""
        return self.name if self.lock is None or self.lock.key is None else self.lock.key


@dataclass(frozen=True)
class Manifest:
    """The immutable list of jobs that one application has; its queues and endpoints are those that the jobs name.

    `name` is part of every physical name on AWS: at most 32 lower-case letters, digits and hyphens.

    Raises `ManifestError` that lists every problem: names used twice, a queue or an endpoint declared in two ways, a
    payload that is neither a dataclass nor a pydantic model, an input that is missing or does not fit its payload.
    """

    _: KW_ONLY
    name: str
    jobs: Sequence[Job[Any]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "jobs", tuple(self.jobs))
        if strangers := [job for job in self.jobs if not isinstance(job, Job)]:
            refuse(f"manifest {self.name!r}", *(f"jobs must be of Job; got {stranger!r}" for stranger in strangers))
        problems = [problem for problem in (name_problem(self.name, longest=32),) if problem]
        problems += self._twice()
        for job in self.jobs:
            problems += [f"job {job.name!r}: {problem}" for problem in _input_problems(job) or _key_problems(job)]
        problems += self._locks_at_odds()
        if problems:
            raise ManifestError.of(f"manifest {self.name!r}", problems)

    def _twice(self) -> list[str]:
        jobs = Counter(job.name for job in self.jobs)
        problems = [f"job {name!r} is declared {count} times" for name, count in jobs.items() if count > 1]
        named = {
            "queue": [queue.name for queue in self.queues],
            "endpoint": [endpoint.name for endpoint in self.endpoints],
        }
        for kind, names in named.items():
            problems += [
                f"{kind} {name!r} is declared in {names.count(name)} different ways; "
                "declare it once and share the object"
                for name in dict.fromkeys(names)
                if names.count(name) > 1
            ]
        if self.endpoints and any(queue.name == TRIGGER.name for queue in self.queues):
            problems.append(f"queue {TRIGGER.name!r}: runs for endpoints wait in one of this name; call it otherwise")
        return problems

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
        """The queues that workers consume, each once, in the order of the jobs."""
        return tuple(dict.fromkeys(job.target for job in self.jobs if isinstance(job.target, Queue)))

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints of the jobs, each once, in the order of the jobs."""
        return tuple(dict.fromkeys(endpoint for job in self.jobs for endpoint in job.endpoints))

    @cached_property
    def _by_name(self) -> dict[str, Job[Any]]:
        return {job.name: job for job in self.jobs}

    def find(self, name: str) -> Job[Any] | None:
        """The job of that name, or None."""
        return self._by_name.get(name)


def _target_problem(target: object) -> str | None:
    if isinstance(target, Queue | Endpoint | EveryServer):
        return None
    several = target if isinstance(target, tuple) else ()
    if not several or not all(isinstance(one, Endpoint | EveryServer) for one in several):
        return (
            "target must be a Queue, an Endpoint, EveryServer(endpoint), or a sequence of the last two; "
            f"got {list(several) if several else target!r}"
        )
    names = [one.name for one in several]
    twice = next((name for name in names if names.count(name) > 1), None)
    return None if twice is None else f"target names {twice!r} {names.count(twice)} times; once is enough"


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
