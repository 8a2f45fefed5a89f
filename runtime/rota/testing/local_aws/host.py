"""The one place of the local AWS that reads this process's environment."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """Where ministack and the CDK CLI are installed: ``$ROTA_CACHE``, ``$XDG_CACHE_HOME/rota`` or ``~/.cache/rota``.

    The folder need not exist. An empty variable counts as unset.
    """
    if own := os.environ.get("ROTA_CACHE"):
        return Path(own).absolute()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared).absolute() / "rota"
    return Path.home() / ".cache" / "rota"


def inherited_environment() -> dict[str, str]:
    """This process's environment for a child: without its AWS settings, and with this interpreter's folder first.

    A profile or session token of the user's must reach neither ministack nor a deploy to it. ``python`` in a cdk.json
    means the interpreter that runs the test, activated or not.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return kept


def no_proxy() -> str:
    """The value of ``NO_PROXY`` that keeps loopback out of the user's proxy, after what is excluded already."""
    present = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    return ",".join(filter(None, [present, "127.0.0.1", "localhost"]))
