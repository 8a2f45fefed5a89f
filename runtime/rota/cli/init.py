"""`rota init`: a small application to start from."""

import re
import shlex
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

import rota
from rota.cli.loading import NotFoundError
from rota.cli.options import JsonOption
from rota.cli.output import out, print_json, print_table
from rota.errors import RotaError
from rota.validators import name_problem

FILES = (
    "jobs.py",
    "handlers.py",
    "app.py",
    "try_it.py",
    "tests/test_synth.py",
    "cdk.json",
    "package.json",
    "pyproject.toml",
    "requirements.txt",
    "README.md",
)
"""What is written, each from the template of the same name."""

COMMANDS = {
    "pip install -r requirements.txt": "",
    "rota check": "what is wrong, all at once",
    "python try_it.py": "see the jobs run, on a local AWS",
}
"""What to type next, and why."""


class WillNotOverwriteError(RotaError):
    """The files to write are there already."""


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to; made if it is not there.")] = Path(),
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The manifest's name; that of the folder unless given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a small application that deploys as it is."""
    manifest = name or re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
    if problem := name_problem(manifest, longest=32):
        raise NotFoundError(f"{problem}; choose one: rota init {shlex.quote(str(folder))} --name my-jobs")
    if there := [file for file in FILES if (folder / file).exists()]:
        raise WillNotOverwriteError(
            f"{folder} has {', '.join(there)} already; choose another folder: rota init {manifest}-jobs"
        )
    for file in FILES:
        _write(folder / file, _template(file, manifest))
    commands = dict(COMMANDS)
    if folder.resolve() != Path.cwd():
        commands = {f"cd {shlex.quote(str(folder))}": "", **commands}
    if as_json:
        print_json({"manifest": manifest, "folder": str(folder), "files": list(FILES), "next": list(commands)})
        return
    out().print(f"{manifest}: {len(FILES)} files in {folder.resolve()}", style="green")
    print_table(("next", ""), list(commands.items()))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _template(file: str, manifest: str) -> str:
    from rota.testing.local_aws.cdk_cli import CLI_VERSION

    text = resources.files("rota.cli").joinpath("templates", file).read_text(encoding="utf-8")
    stack = "".join(part.capitalize() for part in manifest.split("-"))
    for word, value in {"name": manifest, "stack": stack, "rota": rota.__version__, "cdk": CLI_VERSION}.items():
        text = text.replace(f"{{{{{word}}}}}", value)
    return text
