"""The Python interpreter to start processes with: not always `sys.executable`."""

import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"(python|pypy)[\d.]*[dt]*", re.IGNORECASE)
_PATIENCE = 20.0
"""Seconds that one may take to say its version."""


def interpreter() -> str:
    """The path of one, of this process's version. Raises `OSError`, with the way out, where none is found.

    Under uWSGI `sys.executable` is uWSGI, in a frozen application that application, and where Python is embedded it may
    be empty: then the one that belongs to this process's environment or installation.
    """
    for candidate in dict.fromkeys(_candidates()):
        if _is_one(candidate):
            return candidate
    raise OSError(
        f"no Python interpreter was found: sys.executable is {sys.executable!r}, and neither {sys.prefix} nor "
        f"{sys.base_prefix} has one; set sys.executable to its path"
    )


def _candidates() -> Iterator[str]:
    yield sys.executable or ""  # None where the system does not tell
    names = (f"python{sys.version_info[0]}.{sys.version_info[1]}", "python3")
    # The environment's before the installation's: its packages are there.
    for prefix in (sys.prefix, sys.base_prefix):
        yield from (str(Path(prefix, "bin", name)) for name in names)
    yield getattr(sys, "_base_executable", None) or ""  # beside the library that it was found with


def _is_one(path: str) -> bool:
    # By its name first: an application that is started a second time may do anything.
    if not _NAME.fullmatch(Path(path).name):
        return False
    try:
        return _version(path) == str(sys.version_info[:2])
    except (OSError, subprocess.TimeoutExpired):
        return False


@functools.cache
def _version(path: str) -> str:
    asked = [path, "-I", "-S", "-c", "import sys; print(sys.version_info[:2])"]
    said = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603 - one of this installation's
    return said.stdout.decode(errors="replace").strip()
