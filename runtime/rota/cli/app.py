"""The commands, put together; and the one place where an error of rota's becomes a line and an exit code."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import rota
from rota.cli.calendar import calendar
from rota.cli.check import check
from rota.cli.dead import dead
from rota.cli.enqueue import enqueue
from rota.cli.import_jobs import import_jobs
from rota.cli.init import init
from rota.cli.keys import keys
from rota.cli.list import list_jobs
from rota.cli.next import next_occurrences
from rota.cli.output import print_error
from rota.cli.proof import proof
from rota.cli.redrive import redrive
from rota.cli.run import run
from rota.cli.runs import runs
from rota.cli.show import show
from rota.cli.worker import worker
from rota.errors import RotaError

CANNOT_RUN = 2
"""The exit code for what a command cannot start with: no manifest, no settings, no credentials."""


class _Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except RotaError as error:
            print_error(error)
            raise typer.Exit(CANNOT_RUN) from None


def _version(asked: bool) -> None:
    if asked:
        print(f"rota {rota.__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _rota(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Python jobs and crons for fleets of servers on AWS."""


app.command("init")(init)
app.command("check")(check)
app.command("list")(list_jobs)
app.command("next")(next_occurrences)
app.command("proof")(proof)
app.command("calendar")(calendar)
app.command("worker")(worker)
app.command("enqueue")(enqueue)
app.command("run")(run)
app.command("runs")(runs)
app.command("show")(show)
app.command("dead")(dead)
app.command("redrive")(redrive)
app.add_typer(keys, name="keys")
app.add_typer(import_jobs, name="import")
