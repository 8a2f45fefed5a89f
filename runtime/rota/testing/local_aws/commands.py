"""Running another program to its end, with its output kept for the error message."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from rota.testing.local_aws.errors import LocalAwsError

_TAIL_LINES = 30


def tail(text: str, lines: int = _TAIL_LINES) -> str:
    """The last `lines` non-empty lines of `text`."""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def run(what: str, command: Sequence[str], *, env: Mapping[str, str], timeout: float, cwd: Path | None = None) -> str:
    """Runs `command` and returns its output, stderr included. `what` is what it does, for the error.

    Raises `LocalAwsError` with the last lines of the output if it cannot start, exits other than 0, or takes longer
    than `timeout` seconds. Whichever way this ends, the command and the processes it started end with it.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - a list of our own, no shell
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as problem:
        raise LocalAwsError(f"{what} failed: cannot run {command[0]}: {problem}") from problem
    try:
        output, _ = process.communicate(timeout=timeout)
    except BaseException as problem:
        # Not yet waited for, so the group's id cannot have been given to another.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        if isinstance(problem, subprocess.TimeoutExpired):
            raise LocalAwsError(f"{what} took longer than {timeout:g} s; its last lines:\n{tail(output)}") from None
        raise
    if process.returncode != 0:
        raise LocalAwsError(f"{what} failed (exit {process.returncode}); its last lines:\n{tail(output)}")
    return output
