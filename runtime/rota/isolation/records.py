"""Log records on their way from a child to its parent: plain data, for anything else may not arrive."""

import datetime
import decimal
import logging
import uuid
from typing import Any

_AS_THEY_ARE = {
    *(str, int, float, bool, type(None), bytes),
    *(datetime.datetime, datetime.date, datetime.timedelta, decimal.Decimal, uuid.UUID),
}

_format = logging.Formatter()


def carried(record: logging.LogRecord) -> dict[str, Any]:
    """The attributes of a record, the message with its arguments in it, the traceback as text, other objects told."""
    attributes = dict(record.__dict__)
    if record.args:
        attributes["msg"], attributes["args"] = _message(record), None
    if record.exc_info:
        attributes["exc_text"] = record.exc_text or _traceback(record)
        attributes["exc_info"] = None
    return {name: _plain(value) for name, value in attributes.items()}


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - as in `logging`, a wrong format must not fail the run
        return f"{record.msg} {_plain(record.args)} (cannot be formatted: {error})"


def _traceback(record: logging.LogRecord) -> str | None:
    try:
        return _format.formatException(record.exc_info) if isinstance(record.exc_info, tuple) else None
    except Exception:  # noqa: BLE001 - a user's exception may not be able to tell what it is
        return "(traceback cannot be told)"


def _plain(value: Any, depth: int = 10) -> Any:
    if type(value) in _AS_THEY_ARE:
        return value
    try:
        if depth and type(value) is dict:
            return {_plain(key, depth - 1): _plain(one, depth - 1) for key, one in value.items()}
        if depth and type(value) in (list, tuple, set):
            return [_plain(one, depth - 1) for one in value]
        return "".join(("", str(value)))
    except Exception:  # noqa: BLE001 - as above
        return f"<{type(value).__name__} that cannot be told>"
