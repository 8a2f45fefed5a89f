"""`assert_scheduled`: what makes a job due, as a template has it, held against the declaration."""

from collections.abc import Iterator, Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk.assertions import Template

from rota.manifest import Job
from rota.names import Names
from rota.schedules import Schedule
from rota_cdk import delivery, expressions
from rota_cdk.rota import Rota
from rota_cdk.testing.arns import OWN
from rota_cdk.testing.found import TARGET, UNDELIVERED, Found, found_in, messages_in

Where = Template | Stack | Rota | Sequence[Template]


def assert_scheduled(where: Where, job: Job[Any], *, stage: str | None = None) -> None:
    """Fails unless rules or schedules make `job` due as it is declared: each of its expressions once, its zone, enabled
    or not, on the event bus or in the group and with the role that make it fire, without dates that end it, delivered
    to its queue (or the trigger's) with a message that names it, its instant and its payload, its flexible window, all
    of the time to deliver, and somewhere to go for what cannot be.

    `where` is a template, several of them, a stack, or a `Rota`: with shards, the job's own is found among its stacks.
    Of a stack and a `Rota` the account and region are known, and its queue must be there; of a template they are not.
    `stage` says which one is meant where a template has several of the same manifest.

    Raises `AssertionError` that lists what is there instead; `ValueError` for a job without a schedule.
    """
    __tracebackhide__ = True
    if job.schedule is None:
        raise ValueError(f"job {job.name!r} has no schedule: nothing makes it due but who enqueues it")
    stack, templates = _templates(where, job)
    named = [found for template in templates for found in found_in(template).get(job.name, ())]
    mine = [found for found in named if _is_meant(found, where, stage)]
    problems = list(_problems(job, job.schedule, mine, stack)) if mine else [_missing(where, templates, stage)]
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise AssertionError(f"job {job.name!r} is not scheduled as it is declared:\n{lines}")


def _templates(where: Where, job: Job[Any]) -> tuple[Stack | None, Sequence[Template]]:
    """Those to look at, and whose they are where that is known."""
    if isinstance(where, Rota):
        where = Stack.of(where.jobs.get(job.name, where))
    if isinstance(where, Stack):
        return where, [Template.from_stack(where)]
    return None, [where] if isinstance(where, Template) else where


def _is_meant(found: Found, where: Where, stage: str | None) -> bool:
    if isinstance(where, Rota) and found.deployment != where.ledger.names.deployment:
        return False
    return stage is None or found.deployment.endswith(f"-{stage}")


def _missing(where: Where, templates: Sequence[Template], stage: str | None) -> str:
    jobs = {
        name
        for template in templates
        for name, those in found_in(template).items()
        if any(_is_meant(found, where, stage) for found in those)
    }
    there = ", ".join(map(repr, sorted(where.jobs if isinstance(where, Rota) else jobs)))
    if there or isinstance(where, Rota):
        return f"no rule or schedule names it; there are those of {there or 'no job'}"
    return (
        "no rule or schedule names it; there are those of no job. With shards, jobs are in stacks of their own: give "
        "the fixture rota_templates, the template of each of rota.shards, or the Rota itself"
    )


def _problems(job: Job[Any], schedule: Schedule, mine: Sequence[Found], stack: Stack | None) -> Iterator[str]:
    if len(there := sorted({found.deployment for found in mine})) > 1:
        stages = [deployment.rpartition("-")[2] for deployment in there]
        way_out = f"stage={stages[0]!r}" if stages.count(stages[0]) == 1 else "its Rota in place of the template"
        yield f"it is there in {', '.join(there)}; say which one is meant: {way_out}"
        return
    expected, got = sorted(schedule.aws_expressions()), sorted(found.expression for found in mine)
    if expected != got:
        yield f"expressions: expected {', '.join(expected)}; there is {', '.join(got)}"
    for found in mine:
        traits, message = _traits(job, schedule, found), _message(job, found)
        compared = [
            *((name, wanted, found.traits[name]) for name, wanted in traits.items()),
            *_fields(message, found.messages[job.name]),
            *_places(found, stack),
        ]
        for name, wanted, is_there in compared:
            if wanted != is_there:
                yield f"{found.name}: {name}: expected {wanted}; there is {is_there}"


def _traits(job: Job[Any], schedule: Schedule, found: Found) -> dict[str, Any]:
    """What is expected of its `traits`."""
    manifest, _, stage = found.deployment.rpartition("-")
    names = Names(manifest, stage)
    window = schedule.flexible_window
    both = {
        "zone": schedule.time_zone,
        "state": "ENABLED" if job.enabled else "DISABLED",
        TARGET: names.queue(job.queue.name),
        UNDELIVERED: names.undelivered(job.queue.name),
        "flexible window": window and f"{window.total_seconds() / 60:.0f} min",
        "attempts to deliver": delivery.MAX_ATTEMPTS,
        "seconds to deliver in": delivery.MAX_AGE_SECONDS,
    }
    if found.is_rule:
        # Of a schedule's rules, those of any other bus never fire.
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
        return both | {"event bus": "default"}
    # The role lets in who is in this group. Dates are none of rota's: start and end count when a run is claimed.
    return both | {"group": names.deployment, "role": "one", "start date": None, "end date": None}


def _message(job: Job[Any], found: Found) -> dict[str, Any]:
    """What it is expected to send."""
    if found.is_rule:
        return dict(messages_in(expressions.rule_template((job,)), expressions.FIRED_AT)[job.name])
    return dict(messages_in(expressions.schedule_input((job,)), {})[job.name])


def _fields(wanted: dict[str, Any], there: Any) -> Iterator[tuple[str, Any, Any]]:
    for name in sorted(wanted.keys() | there.keys()):
        yield name, wanted.get(name), there.get(name)


def _places(found: Found, stack: Stack | None) -> Iterator[tuple[str, str, str]]:
    """Where its ARNs lead. A template does not say whose it is: in one they only have to agree."""
    for part in ("account", "region"):
        known = getattr(stack, part, None)
        given = {getattr(arn, part) for arn in found.arns} - {""}
        there = {OWN if place == known else place for place in given}
        if stack is not None or len(there) > 1:
            yield part, OWN, " and ".join(sorted(there))
