"""Log lines of `rota worker`, for people or for machines. Those of a run carry job, run id, attempt and queue."""

import json
import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum

import typer
from rich.console import Console

from rota.cli.output import err

_COLOURS = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


class LogLevel(StrEnum):
    """From which level on records are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a record is written."""

    TEXT = "text"
    JSON = "json"


def configure(level: LogLevel, form: LogFormat) -> None:
    """Log everything of this process: text to stderr, JSON to stdout."""
    handler: logging.Handler
    if form is LogFormat.JSON:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonFormatter())
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(TextFormatter(err()))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for chatty in ("botocore", "boto3", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class TextFormatter(logging.Formatter):
    """Time, level, message, and at the end [job #attempt queue run id]; shorter and in colours on a terminal."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._terminal = console.is_terminal
        self._colours = console.color_system is not None and not console.no_color

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, and the traceback below it if it has one."""
        time = f"{datetime.fromtimestamp(record.created):%H:%M:%S}" if self._terminal else _time(record)  # noqa: DTZ006
        level = self._paint(f"{record.levelname:<7}", fg=_COLOURS.get(record.levelno))
        shown = f"{self._paint(time, dim=True)} {level} {record.getMessage()}"
        if run := _run(record):
            shown += "  " + self._paint(run, dim=True)
        if record.exc_info:
            shown += "\n" + self.formatException(record.exc_info)
        return shown

    def _paint(self, text: str, *, fg: str | None = None, dim: bool | None = None) -> str:
        return typer.style(text, fg=fg, dim=dim) if self._colours else text


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with the fields of the run and whatever a handler gave as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        written = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{key: value for key, value in vars(record).items() if key not in _STANDARD},
        }
        if record.exc_info:
            written["exception"] = self.formatException(record.exc_info)
        return json.dumps(written, default=str)


def _run(record: logging.LogRecord) -> str:
    """The fields that `rota.logs` gives the records of a run; "" for any other record."""
    fields = vars(record)
    return "[{rota_job} #{rota_attempt} {rota_queue} {rota_run}]".format(**fields) if "rota_run" in fields else ""


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
