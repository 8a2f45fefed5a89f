"""Small checks of single values. Each returns the problem as a sentence that says rule and value got, or None; `refuse`
raises them all."""

import re
from datetime import datetime, timedelta

from rota.errors import ManifestError

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
STAGE = re.compile(r"[a-z][a-z0-9]*")

MAX_NAME = 64
MAX_STAGE = 16


def name_problem(value: object, *, longest: int = MAX_NAME) -> str | None:
    """Names become parts of physical names on AWS, where '.' and '_' separate them from one another."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        return f"name must be lower-case letters, digits and single hyphens, starting with a letter; got {value!r}"
    if len(value) > longest:
        return f"name must be at most {longest} characters; got {len(value)} in {value!r}"
    return None


def stage_problem(value: object) -> str | None:
    """A stage has no hyphen: so `<manifest>-<stage>` is read back in one way only."""
    if not isinstance(value, str) or not STAGE.fullmatch(value) or len(value) > MAX_STAGE:
        return f"stage must be 1 to {MAX_STAGE} lower-case letters and digits, starting with a letter; got {value!r}"
    return None


def duration_problem(
    field: str, value: object, *, least: timedelta, most: timedelta, whole_seconds: bool = True
) -> str | None:
    if not isinstance(value, timedelta):
        return f"{field} must be a timedelta; got {value!r}"
    if not least <= value <= most:
        return f"{field} must be from {least} to {most}; got {value}"
    if whole_seconds and value % timedelta(seconds=1):
        return f"{field} must be a whole number of seconds; got {value}"
    return None


def count_problem(field: str, value: object, *, least: int, most: int) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        return f"{field} must be a whole number from {least} to {most}; got {value!r}"
    return None


def aware_problem(field: str, value: object) -> str | None:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        return f"{field} must be a datetime with a time zone, for example datetime(..., tzinfo=UTC); got {value!r}"
    return None


def refuse(subject: str, *problems: str | None) -> None:
    """Raises `ManifestError` that names `subject` and lists the problems; nothing where each is None."""
    found = [problem for problem in problems if problem]
    if found:
        raise ManifestError.of(subject, found)
