"""Makes one command of the `run:` steps of a workflow's job, or says why that is none.

A script that is cut, or that lacks what GitHub fills in, is another script: it is left out, with the reason.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from rota.importing.documents import items, mapping, others
from rota.importing.shell import variables_of

_SHELLS = {
    None: ("bash", "-e", "-c"),
    "bash": ("bash", "-eo", "pipefail", "-c"),
    "sh": ("sh", "-e", "-c"),
}
"""How steps are run, by the `shell` they name."""

_OF_GITHUB = re.compile(r"(?<![A-Za-z0-9_])(?:(?:ACTIONS|GITHUB|RUNNER)_[A-Z]\w*|(?<=\$)CI\b|(?<=\$\{)CI\b)")
"""A variable that GitHub sets, named in whatever language the script is.
https://docs.github.com/en/actions/reference/workflows-and-actions/variables#default-environment-variables"""

_WHATEVER_HAPPENED = "always()", "!cancelled()"
_UNCONDITIONAL = "success()", "true", *_WHATEVER_HAPPENED


@dataclass(frozen=True)
class Steps:
    """What became of the steps."""

    command: tuple[str, ...] = ()
    problem: str | None = None
    remarks: tuple[str, ...] = ()


def is_conditional(of: dict[Any, Any]) -> bool:
    """Whether a job or a step has an `if` that may turn out false."""
    return "if" in of and _condition(of) not in _UNCONDITIONAL


def read_steps(workflow: dict[Any, Any], job: dict[Any, Any]) -> Steps:
    """The argv of the `run:` steps of a job."""
    steps = [(_title(number, mapping(step)), mapping(step)) for number, step in enumerate(items(job.get("steps")), 1)]
    uses = [str(step["uses"]) for _, step in steps if "uses" in step]
    defaults = {**_defaults(workflow), **_defaults(job)}
    runs = [(title, {**defaults, **step}) for title, step in steps if "run" in step]
    script = _script([step for _, step in runs])
    remarks = [f"not carried: {', '.join(uses)}"] if uses else []
    remarks += [remark for title, step in runs for remark in _not_carried(title, step)]
    remarks += [
        f"it names ${name}, set in its env, which is not carried; set it where workers run"
        for name in variables_of(script)
        if any(name in mapping(of.get("env")) for of in (workflow, job, *(step for _, step in runs)))
    ]
    usual = "pwsh" if "windows" in str(job.get("runs-on")) else None
    named = [step.get("shell", usual) for _, step in runs]
    shells = {None if shell is None else str(shell) for shell in named}
    if not runs:
        return Steps((), "it has no run: steps that could be a command; write one, or a handler", tuple(remarks))
    if len(shells) > 1 or not shells <= set(_SHELLS):
        said = f"its steps are for {', '.join(sorted(map(str, shells)))}: write its command"
        return Steps((), said, tuple(remarks))
    problem = next(chain(_between(steps), _problems(workflow, job, runs)), None)
    return Steps((*_SHELLS[shells.pop()], script), problem, tuple(remarks))


def _between(steps: list[tuple[str, dict[Any, Any]]]) -> Iterator[str]:
    """What the script would lack in its midst. What is before it prepares a runner, and what is after it comes too late
    to change it."""
    runs = [index for index, (_, step) in enumerate(steps) if "run" in step]
    for title, step in steps[runs[0] : runs[-1]]:
        if "uses" in step:
            yield f"{title} uses {step['uses']} between its run: steps, which no worker does: write the command"


def _problems(workflow: dict[Any, Any], job: dict[Any, Any], runs: list[tuple[str, dict[Any, Any]]]) -> Iterator[str]:
    if "matrix" in mapping(job.get("strategy")):
        yield "GitHub runs it once for each of its matrix: write a job for each"
    if "${{" in str(job.get("strategy")):
        yield "GitHub fills in ${{ }} in its strategy, and may run it several times: write a job for each"
    for title, step in runs:
        if is_conditional(step):
            yield f"{title} runs only if {_condition(step)}, and the others always: write the command"
        if (goes_on := str(step.get("continue-on-error", "false"))).lower() != "false":
            yield f"{title} has continue-on-error: {goes_on}, and here a step that fails ends it: write the command"
        if "${{" in _script([step]):
            yield f"GitHub fills in ${{{{ }}}} in {title}: write what it stands for"
        if found := _OF_GITHUB.search(_script([step])):
            yield f"{title} names {found[0]}, which GitHub sets and a worker does not: write the command without it"
    for where, of in (("of the workflow", workflow), ("of its job", job), *((f"of {title}", of) for title, of in runs)):
        if "${{" in str(env := of.get("env")):
            filled = ", ".join(name for name, value in mapping(env).items() if "${{" in str(value))
            yield f"GitHub fills in ${{{{ }}}} in the env {where} ({filled}): set it where workers run, write the job"


def _not_carried(title: str, step: dict[Any, Any]) -> Iterator[str]:
    if _condition(step) in _WHATEVER_HAPPENED:
        yield f"{title} runs on GitHub after a step that failed too, and here it does not"
    if rest := others(step, "name", "id", "if", "run", "shell", "working-directory", "continue-on-error"):
        yield f"{title}: not carried: {', '.join(rest)}"


def _condition(of: dict[Any, Any]) -> str:
    """What stands in its `if`, which may do without `${{ }}`."""
    written = str(of.get("if", "")).strip()
    bare = re.fullmatch(r"\$\{\{(.*?)\}\}", written, re.DOTALL)
    return (bare[1] if bare else written).strip()


def _title(number: int, step: dict[Any, Any]) -> str:
    return f"step {number} ({step['name']})" if "name" in step else f"step {number}"


def _defaults(of: dict[Any, Any]) -> dict[Any, Any]:
    return mapping(mapping(of.get("defaults")).get("run"))


def _script(steps: list[dict[Any, Any]]) -> str:
    """The steps as one script: in a shell of its own each, for a `cd` is forgotten at its end."""
    scripts = []
    for step in steps:
        folder = step.get("working-directory")
        lines = [f"cd {shlex.quote(str(folder))}"] if folder else []
        scripts.append("\n".join([*lines, str(step["run"]).strip("\n")]))
    return scripts[0] if len(scripts) == 1 else "\n".join(f"(\n{script}\n)" for script in scripts)
