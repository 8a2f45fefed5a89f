"""`rota check`: every problem of a manifest at once."""

from collections.abc import Sequence

import typer

from rota.cli.findings import Finding, Findings, inspect_manifest
from rota.cli.loading import load_manifest
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestArgument
from rota.cli.output import out, print_json
from rota.cli.times import now
from rota.errors import ManifestError, ScheduleError


def check(manifest: ManifestArgument = DEFAULT_MANIFEST, as_json: JsonOption = False) -> None:
    """Check that handlers resolve, fit their payloads, and that schedules will fire.

    Prints every problem, and warnings apart. Exits 1 if there is a problem.
    """
    try:
        found = load_manifest(manifest)
    except (ManifestError, ScheduleError) as error:  # what the declarations themselves refuse
        findings = Findings(problems=_refused(error) or [Finding(manifest, str(error))])
        summary = ""
    else:
        findings = inspect_manifest(found, now())
        parts = [_count(len(found.jobs), "job")]
        parts += [_count(len(found.queues), "queue")] if found.queues or not found.endpoints else []
        parts += [_count(len(found.endpoints), "endpoint")] if found.endpoints else []
        summary = f"manifest {found.name!r}: {', '.join(parts)}"
    if as_json:
        print_json({"problems": _records(findings.problems), "warnings": _records(findings.warnings)})
    else:
        _print_findings("problem", findings.problems, "red")
        _print_findings("warning", findings.warnings, "yellow")
        if not findings.problems:
            out().print(f"{summary}, no problems", style="green")
    if findings.problems:
        raise typer.Exit(1)


def _refused(error: ManifestError | ScheduleError) -> list[Finding]:
    if not isinstance(error, ManifestError) or not error.subject:
        return []
    return [Finding(error.subject, problem) for problem in error.problems]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _records(findings: Sequence[Finding]) -> list[dict[str, str]]:
    return [{"subject": finding.subject, "message": finding.message} for finding in findings]


def _print_findings(what: str, findings: Sequence[Finding], style: str) -> None:
    if findings:
        out().print(_count(len(findings), what), style=f"bold {style}")
        for finding in findings:
            out().print(f"  {finding}")
