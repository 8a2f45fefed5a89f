"""What a terminal shows, and what log lines look like."""

import io
import json
import logging
import subprocess
import sys

import pytest
from rich.console import Console

import rota
from rota.cli import output
from rota.cli.log_output import JsonFormatter, TextFormatter

ROWS = [["one", "", "short", "a long text in the last column"], ["two", "", "", "x [bold]y[/bold] :smile:"]]
COLUMNS = ("name", "void", "some", "long")


def shown(monkeypatch, width, *, terminal):
    written = io.StringIO()
    console = Console(
        file=written, width=width, force_terminal=terminal, color_system=None,
        highlight=False, markup=False, emoji=False, soft_wrap=True,
    )  # fmt: skip
    monkeypatch.setattr(output, "out", lambda: console)
    output.print_table(COLUMNS, ROWS)
    return written.getvalue()


WIDE = """\
NAME  SOME   LONG
one   short  a long text in the last column
two          x [bold]y[/bold] :smile:
"""


@pytest.mark.parametrize(("width", "terminal"), [(80, True), (43, True), (20, False)])
def test_a_table_that_fits_or_goes_to_a_file(monkeypatch, width, terminal):
    assert shown(monkeypatch, width, terminal=terminal) == WIDE


def test_columns_that_do_not_fit_stand_below(monkeypatch):
    assert shown(monkeypatch, 42, terminal=True) == (
        "NAME  SOME\none   short\n  long a long text in the last column\ntwo\n  long x [bold]y[/bold] :smile:\n"
    )
    assert shown(monkeypatch, 2, terminal=True).startswith("NAME\none\n  some short\n  long a long")


def record(**fields):
    made = logging.LogRecord("shop", logging.WARNING, "shop.py", 1, "%s is late", ("Ada",), None)
    made.created = 0.25
    vars(made).update(fields)
    return made


RUN = {"rota_job": "greet", "rota_run": "r-1", "rota_attempt": 2, "rota_queue": "work"}


def test_text_lines_end_with_the_run():
    form = TextFormatter(Console(file=io.StringIO()))
    assert form.format(record()) == "1970-01-01T00:00:00.250Z WARNING Ada is late"
    assert form.format(record(**RUN)) == "1970-01-01T00:00:00.250Z WARNING Ada is late  [greet #2 work r-1]"


def test_text_lines_have_colours_on_a_terminal_alone():
    assert "\x1b[" in TextFormatter(Console(file=io.StringIO(), force_terminal=True, color_system="standard")).format(
        record()
    )
    assert "\x1b[" not in TextFormatter(Console(file=io.StringIO(), force_terminal=True, no_color=True)).format(
        record()
    )


def test_json_lines_carry_the_run_and_what_handlers_add():
    read = json.loads(JsonFormatter().format(record(**RUN, order=7, odd={1})))
    assert read == {
        "time": "1970-01-01T00:00:00.250Z",
        "level": "warning",
        "logger": "shop",
        "message": "Ada is late",
        **RUN,
        "order": 7,
        "odd": "{1}",
    }


@pytest.mark.parametrize("form", [TextFormatter(Console(file=io.StringIO())), JsonFormatter()])
def test_exceptions_are_told(form):
    try:
        raise RuntimeError("no paper")
    except RuntimeError:
        assert "RuntimeError: no paper" in form.format(record(exc_info=sys.exc_info()))


def test_version_and_help(run):
    assert run("--version") == (0, f"rota {rota.__version__}\n", "")
    code, out, _ = run("--help")
    assert code == 0
    assert all(
        command in out
        for command in ("init", "check", "list", "next", "worker", "enqueue", "run", "runs", "show", "dead", "redrive")
    )
    assert run("-h")[1] == out
    assert "Usage: rota" in run()[1].replace("root", "rota")


def test_help_imports_nothing_heavy():
    program = (
        "import sys; sys.argv = ['rota', '--help']\n"
        "from rota.cli import main\n"
        "try: main()\n"
        "finally: print('heavy:', {'boto3', 'botocore', 'pydantic', 'rota.worker', 'rota.client'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Usage: rota" in ran.stdout
    assert "heavy: set()" in ran.stdout


def test_python_m_rota():
    ran = subprocess.run([sys.executable, "-m", "rota", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout == f"rota {rota.__version__}\n"
