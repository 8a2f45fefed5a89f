"""Writes what was found as a jobs.py: formatted as `ruff format` leaves it, and importing no more than it uses."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from rota.importing import literals
from rota.importing.found import CronText, Found, FoundJob, Remark, When
from rota.importing.names import job_name

_INDENT = "    "


@dataclass(frozen=True)
class Said:
    """A remark as it is told: of a job, where it is about one."""

    place: str
    job: str | None
    text: str
    left_out: bool = False
    """Whether it is the reason why something is not declared."""


@dataclass(frozen=True)
class Written:
    """A jobs.py, and what there is to say about it."""

    text: str
    said: tuple[Said, ...]
    jobs: int
    """How many are declared."""

    @property
    def left_out(self) -> int:
        """How much of the source is not declared and would have to be."""
        return sum(said.left_out for said in self.said)


@dataclass(frozen=True)
class _Named:
    """A job, with what it and its queue are called in the file."""

    job: FoundJob
    name: str
    variable: str
    queue: str

    @property
    def said(self) -> list[Said]:
        problem = [Said(self.job.place, self.name, self.job.problem, left_out=True)] if self.job.problem else []
        return [*problem, *(Said(self.job.place, self.name, remark) for remark in self.job.remarks)]


def write(found: Found, *, manifest: str, queue: str, source: str) -> Written:
    """The declarations of all that was found. `queue` is for jobs that name none; `source` is told at the top."""
    queues = _queues(each.queue or queue for each in found if isinstance(each, FoundJob))
    entries = list(_named(found, queues, queue))
    named = [each for each in entries if isinstance(each, _Named)]
    said = [one for each in entries for one in (each.said if isinstance(each, _Named) else [_general(each)])]
    declared = [each for each in named if not each.job.problem]
    used = {each.queue for each in declared}
    queue_lines = [
        f"{variable} = Queue(name={literals.text(name)})" for name, variable in queues.values() if variable in used
    ]
    blocks = ["\n".join(lines) for lines in _blocks(entries)]
    body = "\n\n".join([*(["\n".join(queue_lines)] if used else []), *blocks, _manifest(manifest, named)])
    return Written(f"{_head(source, [each.job for each in declared])}\n\n{body}\n", tuple(said), len(declared))


def _queues(wanted: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Name and variable of each queue, by what the source calls it."""
    queues: dict[str, tuple[str, str]] = {}
    for each in dict.fromkeys(wanted):
        name = job_name(each, [name for name, _ in queues.values()])
        queues[each] = name, literals.variable(name, ["manifest", "timedelta"])
    return queues


def _named(found: Found, queues: dict[str, tuple[str, str]], queue: str) -> Iterator[Remark | _Named]:
    names: set[str] = set()
    reserved = ["manifest", "timedelta", *(variable for _, variable in queues.values())]
    for each in found:
        if isinstance(each, Remark):
            yield each
            continue
        name = job_name(each.name, names)
        names.add(name)
        yield _Named(each, name, literals.variable(name, reserved), queues[each.queue or queue][1])


def _general(remark: Remark) -> Said:
    return Said(remark.place, None, remark.text, remark.left_out)


def _blocks(entries: Sequence[Remark | _Named]) -> Iterator[list[str]]:
    """What stands together: remarks in a row, a job with what is said of it."""
    for of_jobs, group in groupby(entries, lambda entry: isinstance(entry, _Named)):
        lines = [_lines(entry) for entry in group]
        yield from lines if of_jobs else [[line for remark in lines for line in remark]]


def _lines(entry: Remark | _Named) -> list[str]:
    """A remark as a comment; a job below its source and what is not carried over."""
    if isinstance(entry, Remark):
        return literals.comment(f"{entry.place}: {entry.text}")
    job, declaration = entry.job, _declaration(entry)
    lines = literals.comment(f"{job.place}: {job.source}")
    lines += literals.comment(f"Left out: {job.problem}") if job.problem else []
    lines += [line for remark in job.remarks for line in literals.comment(f"- {remark}")]
    return lines + (literals.comment(declaration) if job.problem else [declaration])


def _declaration(named: _Named) -> str:
    job = named.job
    fields = [
        ("name", literals.text(named.name)),
        ("handler", literals.text(job.handler) if job.handler else None),
        ("command", literals.words(job.command, _INDENT, "command=") if job.command else None),
        ("target", named.queue),
        ("schedule", _schedule(job.when)),
        ("retry", f"Retry(attempts={job.attempts})" if job.attempts else None),
        ("timeout", literals.interval(job.timeout) if job.timeout else None),
        ("lock", _lock(job.overlap) if job.overlap else None),
        ("catch_up", '"latest"' if job.only_latest else None),
        ("start_deadline", literals.interval(job.start_deadline) if job.start_deadline else None),
        ("enabled", None if job.enabled else "False"),
        ("description", literals.text(job.description) if job.description else None),
    ]
    lines = [f"{_INDENT}{field}={value}," for field, value in fields if value is not None]
    return "\n".join([f"{named.variable} = Job(", *lines, ")"])


def _schedule(when: When | None) -> str | None:
    if when is None:
        return None
    if isinstance(when, timedelta):
        return f"Every({literals.interval(when)})"
    arguments = [literals.text(when.expression)]
    if when.time_zone != "UTC":
        arguments.append(f"time_zone={literals.text(when.time_zone)}")
    if when.only_days:
        arguments.append(f"excluding=lambda at: at.day not in {{{', '.join(map(str, when.only_days))}}}")
    return literals.call("Cron", arguments, _INDENT, "schedule=")


def _lock(overlap: str) -> str:
    return "Lock()" if overlap == "skip" else f"Lock(overlap={literals.text(overlap)})"


def _manifest(name: str, jobs: Sequence[_Named]) -> str:
    lines = [f"{'# ' if each.job.problem else ''}{each.variable}," for each in jobs]
    listed = ["jobs=[", *(f"{_INDENT}{line}" for line in lines), "],"] if lines else ["jobs=[],"]
    return "\n".join(
        ["manifest = Manifest(", *(f"{_INDENT}{line}" for line in [f"name={literals.text(name)},", *listed]), ")"]
    )


def _head(source: str, declared: Sequence[FoundJob]) -> str:
    return "\n".join(
        [
            '"""What was scheduled elsewhere, as rota was able to read it; to be edited.',
            "",
            "Commands run as the worker does: in its folder, with its user and its environment.",
            '"""',
            "",
            *literals.comment(f"Written by: {source}"),
            "",
            *_imports(declared),
        ]
    )


def _imports(declared: Sequence[FoundJob]) -> list[str]:
    used = {
        "Cron": any(isinstance(job.when, CronText) for job in declared),
        "Every": any(isinstance(job.when, timedelta) for job in declared),
        "Job": bool(declared),
        "Lock": any(job.overlap for job in declared),
        "Manifest": True,
        "Queue": bool(declared),
        "Retry": any(job.attempts for job in declared),
    }
    takes_time = any(isinstance(job.when, timedelta) or job.timeout or job.start_deadline for job in declared)
    return [
        *(["from datetime import timedelta", ""] if takes_time else []),
        f"from rota import {', '.join(name for name, is_used in used.items() if is_used)}",
    ]
