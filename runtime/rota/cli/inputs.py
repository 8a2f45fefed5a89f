"""Payloads as people type them."""

import json
from pathlib import Path
from typing import Any

from rota.errors import PayloadError
from rota.manifest import Job


def payload_of(job: Job[Any], text: str | None, *, example: str) -> Any:
    """The payload that a JSON `text` means; the job's input for None. Raises `PayloadError`, which ends with `example`
    where one is needed and none was given."""
    from rota import payloads

    if text is None and (job.payload is None or job.input is not None):
        return job.input
    try:
        read = json.loads("{}" if text is None else text)
    except ValueError as error:
        raise PayloadError(f"the payload is not JSON: {error}") from None
    if job.payload is None:
        return read  # which the client refuses
    try:
        return payloads.decode(job.payload, read)
    except PayloadError as error:
        hint = "" if text else f"; give it as JSON: {example}"
        raise PayloadError(f"job {job.name!r}: {error}{hint}") from None


def file_of(name: str) -> str:
    """What stands in a file. Raises `PayloadError` that names it."""
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PayloadError(f"{name!r} cannot be read: {error}") from None
