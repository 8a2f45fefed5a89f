"""Whether there is such a program."""

import shutil
from collections.abc import Sequence
from pathlib import Path


def missing(command: Sequence[str]) -> str | None:
    """Why this process could not start the command from its working directory, as far as that can be known; or None."""
    program = command[0]
    if shutil.which(program):
        return None
    if "/" not in program:
        return f"there is no program {program!r} in PATH"
    found = Path(program)
    if found.is_dir():
        return f"{program!r} is a directory"
    if found.exists():
        return f"{program!r} is not executable; chmod +x {program}"
    return f"there is no {program!r} in {Path.cwd()}" if not found.is_absolute() else f"there is no {program!r}"
