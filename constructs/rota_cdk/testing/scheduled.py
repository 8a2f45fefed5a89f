"""`assert_scheduled`: what makes a job due, as a template has it, held against the declaration."""

from collections.abc import Iterator, Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk.assertions import Template

from rota.manifest import Job
from rota.names import Names
from rota.occurrences import payload_of
from rota.schedules import Schedule
from rota_cdk.rota import Rota
from rota_cdk.testing.found import Found, found_in

Where = Template | Stack | Rota | Sequence[Template]


def assert_scheduled(where: Where, job: Job[Any], *, stage: str | None = None) -> None:
    """Fails unless rules or schedules make `job` due as it is declared: each of its expressions once, its zone, enabled
    or not, delivered to its queue (or the trigger's) with a message that names it and its payload, its flexible window,
    and somewhere to go for what cannot be delivered.

    `where` is a template, several of them, a stack, or a `Rota`: with shards, the job's own is found among its stacks.
    `stage` says which one is meant where a template has several of the same manifest.

    Raises `AssertionError` that lists what is there instead; `ValueError` for a job without a schedule.
    """
    __tracebackhide__ = True
    if job.schedule is None:
        raise ValueError(f"job {job.name!r} has no schedule: nothing makes it due but who enqueues it")
    everything = [found for template in _templates(where, job) for found in found_in(template)]
    named = [found for found in everything if stage is None or found.deployment.endswith(f"-{stage}")]
    mine = [found for found in named if job.name in found.messages]
    if problems := list(_problems(job, job.schedule, mine, named)):
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise AssertionError(f"job {job.name!r} is not scheduled as it is declared:\n{lines}")


def _templates(where: Where, job: Job[Any]) -> list[Template]:
    if isinstance(where, Rota):
        made = where.jobs.get(job.name)
        return [Template.from_stack(Stack.of(made))] if made else []
    if isinstance(where, Stack):
        return [Template.from_stack(where)]
    return [where] if isinstance(where, Template) else list(where)


def _problems(job: Job[Any], schedule: Schedule, mine: Sequence[Found], all_: Sequence[Found]) -> Iterator[str]:
    if not mine:
        there = sorted({name for found in all_ for name in found.messages})
        yield f"no rule or schedule names it; there are those of {', '.join(map(repr, there)) or 'no job'}"
        return
    if len(stages := sorted({found.deployment for found in mine})) > 1:
        yield f"it is there in {', '.join(stages)}; say which one is meant: stage={stages[0].rpartition('-')[2]!r}"
        return
    expected, got = sorted(schedule.aws_expressions()), sorted(found.expression for found in mine)
    if expected != got:
        yield f"expressions: expected {', '.join(expected)}; there is {', '.join(got)}"
    for found in mine:
        for name, wanted, there in _compared(job, schedule, found):
            if wanted != there:
                yield f"{found.name}: {name}: expected {wanted}; there is {there}"


def _compared(job: Job[Any], schedule: Schedule, found: Found) -> Iterator[tuple[str, Any, Any]]:
    """What is expected of it, and what it has."""
    manifest, _, stage = found.deployment.rpartition("-")
    names = Names(manifest, stage)
    message = found.messages[job.name]
    yield "zone", schedule.time_zone, found.zone
    yield "state", "ENABLED" if job.enabled else "DISABLED", found.state
    yield "target", names.queue(job.queue.name), found.target
    yield "payload", payload_of(job), message.get("payload")
    yield "post", job.post.encode() if job.post else None, message.get("post")
    window = schedule.flexible_window
    yield "flexible window", window and f"{window.total_seconds() / 60:.0f} min", found.window
    yield "what cannot be delivered goes to", names.undelivered(job.queue.name), found.dead_letters
