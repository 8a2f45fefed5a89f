"""The command line: one file a command, on typer and rich. What is heavy is imported by the command that needs it."""


def main() -> None:
    """The `rota` command."""
    from rota.cli.app import app

    app(prog_name="rota")
