"""`rota import`: a jobs.py to edit, from what others scheduled."""

import importlib
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from rota.cli.init import WillNotOverwriteError
from rota.cli.loading import NotFoundError, users_code
from rota.cli.options import JsonOption
from rota.cli.output import err, print_json
from rota.importing.declarations import Said, Written, write
from rota.importing.found import Found
from rota.validators import name_problem

LEFT_OUT = 1
"""The exit code where something of the source is not declared."""

import_jobs = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})


def _name(value: str) -> str:
    if problem := name_problem(value, longest=32):
        raise typer.BadParameter(problem)
    return value


_File = Annotated[str, typer.Argument(metavar="FILE", help="The file; - for stdin.")]
_Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="The files; - for stdin.")]
_Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write there; stdout unless given.")
]
_Force = Annotated[bool, typer.Option("--force", help="Overwrite it.")]
_Name = Annotated[str, typer.Option("--name", metavar="NAME", callback=_name, help="What to call the manifest.")]
_Queue = Annotated[str, typer.Option("--queue", metavar="NAME", callback=_name, help="The queue of the jobs.")]
_Zone = Annotated[
    str | None, typer.Option("--time-zone", metavar="ZONE", help="The zone of schedules that name none; else UTC.")
]


@import_jobs.callback()
def _import() -> None:
    """Write a jobs.py from schedules of others.

    Says on stderr what is not carried over, and exits 1 where a job could not be declared: it stands in the file as a
    comment, with the reason.
    """


@import_jobs.command()
def crontab(
    file: _File,
    *,
    system: Annotated[
        bool | None,
        typer.Option("--system/--user", help="Whether it has a column of users, as /etc/crontab has."),
    ] = None,
    output: _Output = None,
    force: _Force = False,
    name: _Name = "jobs",
    queue: _Queue = "work",
    time_zone: _Zone = None,
    as_json: JsonOption = False,
) -> None:
    """Read a crontab: crontab -l | rota import crontab -"""
    from rota.importing.crontab import read_crontab

    if system is None and file != "-" and _is_of_the_system(Path(file)):
        system = True
    found = read_crontab(_text(file), system=system, time_zone=time_zone)
    _finish(write(found, manifest=name, queue=queue, source=_source("crontab", file)), output, force, as_json)


@import_jobs.command()
def celery(
    app: Annotated[str, typer.Argument(metavar="APP", help="Where the application is, as module:attribute.")],
    *,
    output: _Output = None,
    force: _Force = False,
    name: _Name = "jobs",
    queue: _Queue = "work",
    time_zone: _Zone = None,
    as_json: JsonOption = False,
) -> None:
    """Read the beat schedule of a Celery application, which is imported."""
    from rota.importing.celery_beat import read_celery

    with users_code():
        found = read_celery(_object(app), where=app, time_zone=time_zone)
    _finish(write(found, manifest=name, queue=queue, source=_source("celery", app)), output, force, as_json)


@import_jobs.command()
def kubernetes(
    files: _Files,
    *,
    output: _Output = None,
    force: _Force = False,
    name: _Name = "jobs",
    queue: _Queue = "work",
    time_zone: _Zone = None,
    as_json: JsonOption = False,
) -> None:
    """Read CronJobs: kubectl get cronjobs -o yaml | rota import kubernetes -"""
    from rota.importing.kubernetes import read_kubernetes

    found = _all(files, lambda text, file: read_kubernetes(text, source=file, time_zone=time_zone))
    _finish(write(found, manifest=name, queue=queue, source=_source("kubernetes", *files)), output, force, as_json)


@import_jobs.command()
def github(
    files: _Files,
    *,
    output: _Output = None,
    force: _Force = False,
    name: _Name = "jobs",
    queue: _Queue = "work",
    as_json: JsonOption = False,
) -> None:
    """Read workflows of GitHub Actions: rota import github .github/workflows/*.yml"""
    from rota.importing.github_actions import read_github

    found = _all(files, lambda text, file: read_github(text, source=file))
    _finish(write(found, manifest=name, queue=queue, source=_source("github", *files)), output, force, as_json)


def _is_of_the_system(file: Path) -> bool:
    """Whether a crontab is where those with a column of users are, or a copy of that tree."""
    whole = file.resolve()
    return whole.parts[-2:] == ("etc", "crontab") or "cron.d" in whole.parent.parts


def _all(files: list[str], read: Callable[[str, str], Found]) -> Found:
    return tuple(entry for file in files for entry in read(_text(file), "stdin" if file == "-" else file))


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFoundError(f"{'stdin' if file == '-' else repr(file)} cannot be read: {error}") from None


def _object(where: str) -> Any:
    module, _, attribute = where.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for name in (attribute or "app").split("."):
            found = getattr(found, name)
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        raise NotFoundError(
            f"{where!r} cannot be imported: {type(error).__name__}: {error}; name it as module:attribute, in the "
            "folder and the environment where it runs"
        ) from error
    return found


def _source(*words: str) -> str:
    return shlex.join(["rota", "import", *words])


def _finish(written: Written, output: Path | None, force: bool, as_json: bool) -> None:
    if output:
        if output.exists() and not force:
            raise WillNotOverwriteError(f"{output} is there already; write elsewhere, or add --force")
        try:
            output.write_text(written.text, encoding="utf-8")
        except OSError as error:
            raise NotFoundError(f"{str(output)!r} cannot be written: {error}") from None
    if as_json:
        print_json(
            {
                "file": str(output) if output else None,
                "text": None if output else written.text,
                "jobs": written.jobs,
                "left_out": written.left_out,
                "remarks": [vars(said) for said in written.said],
            }
        )
    else:
        if not output:
            print(written.text, end="")
        _tell(written)
    if written.left_out:
        raise typer.Exit(LEFT_OUT)


def _tell(written: Written) -> None:
    console = err()
    for said in written.said:
        console.print(_line(said), style="yellow" if said.left_out else "dim")
    remarks = len(written.said) - written.left_out
    parts = [_count(written.jobs, "job"), *([f"{written.left_out} left out"] if written.left_out else [])]
    console.print(", ".join([*parts, _count(remarks, "remark")]), style="bold")


def _line(said: Said) -> str:
    subject = f"{said.place}, job {said.job!r}" if said.job else said.place
    return f"{subject}: {'left out: ' if said.left_out else ''}{said.text}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
