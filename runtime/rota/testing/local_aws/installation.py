"""ministack in a virtual environment of its own: it pins botocore, so it is never a dependency of rota's."""

import sys
from collections.abc import Callable
from pathlib import Path

from rota.testing.local_aws.cache import build_once
from rota.testing.local_aws.commands import run
from rota.testing.local_aws.host import cache_folder, inherited_environment

MINISTACK_VERSION = "1.5.33"
_REQUIREMENTS = Path(__file__).with_name("in_ministack") / "requirements.txt"
_INSTALL_TIMEOUT = 900.0

Progress = Callable[[str], None]


def environment_folder() -> Path:
    """ministack's virtual environment; one for each of its versions and each Python that builds it."""
    python = f"py{sys.version_info.major}.{sys.version_info.minor}"
    return cache_folder() / f"ministack-{MINISTACK_VERSION}-{python}"


def ministack_python(progress: Progress) -> Path:
    """The Python that ministack is installed in, built on first use (about half a minute); `progress` is told so.

    Raises `LocalAwsError` with pip's last lines where that fails.
    """

    def build(folder: Path) -> None:
        progress(f"installing ministack {MINISTACK_VERSION} into {environment_folder()} (once)")
        env = inherited_environment()
        # A folder on PYTHONPATH could make pip believe that something is installed already.
        env.pop("PYTHONPATH", None)
        run("creating ministack's environment", [sys.executable, "-m", "venv", str(folder)], env=env, timeout=120)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        run("installing ministack", [*pip, "-r", str(_REQUIREMENTS)], env=env, timeout=_INSTALL_TIMEOUT)

    # Renaming breaks the paths inside bin/pip and the like, never bin/python, which is all that is used.
    return build_once(environment_folder(), build) / "bin" / "python"
