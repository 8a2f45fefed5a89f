"""Folders that are built once and then shared by every process of the user."""

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rota.testing.local_aws.errors import LocalAwsError

Build = Callable[[Path], None]


def build_once(folder: Path, build: Build) -> Path:
    """`folder`, which `build` fills the first time; that it exists means that it is complete.

    `build` gets an empty folder beside it, renamed when it returns: what fails or is killed half-way is never used, and
    is removed by the next attempt. Processes that come at once wait for the one that builds. Raises `LocalAwsError`
    where the cache cannot be written, and whatever `build` raises.
    """
    if folder.exists():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(folder.name + ".lock")):
            if not folder.exists():
                _build(folder, build)
    except OSError as problem:
        raise LocalAwsError(
            f"cannot install into {folder}: {problem}; name a folder that can be written in ROTA_CACHE"
        ) from problem
    return folder


def _build(folder: Path, build: Build) -> None:
    # One fixed name: only the holder of the lock comes here, so what is there was left by a process that died.
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        build(unfinished)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # The lock goes with the process that holds it. The file stays: removed, two processes could hold a lock each.
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
