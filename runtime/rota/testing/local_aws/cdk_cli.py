"""Which CDK CLI to use, and how it is run."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from rota.testing.local_aws.cache import build_once
from rota.testing.local_aws.commands import run
from rota.testing.local_aws.errors import LocalAwsError
from rota.testing.local_aws.host import cache_folder, inherited_environment
from rota.testing.local_aws.installation import Progress

CLI_VERSION = "2.1148.1"
_INSTALL_TIMEOUT = 900.0
_WAY_OUT = "install Node.js 20 or later with npm (https://nodejs.org), and put it on PATH"


def find_cli(app_dir: Path, progress: Progress) -> Path:
    """The CDK CLI for the app in `app_dir`: the project's own, or one installed into the cache on first use.

    The project's own is the nearest ``node_modules/.bin/cdk`` from `app_dir` upwards, so that its pin counts. Raises
    `LocalAwsError` where Node is missing, or npm for the installation.
    """
    _require("node", "the CDK CLI needs Node.js")
    return project_cli(app_dir) or _cached_cli(progress)


def project_cli(app_dir: Path) -> Path | None:
    """The nearest ``node_modules/.bin/cdk`` from `app_dir` upwards."""
    here = app_dir.resolve()
    candidates = (folder / "node_modules" / ".bin" / "cdk" for folder in (here, *here.parents))
    return next((each for each in candidates if each.is_file()), None)


def run_cli(
    what: str, cli: Path, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float
) -> str:
    """Runs `cli` in `cwd` with `env` on top of this process's environment and returns its output.

    Raises `LocalAwsError` with its last lines if it fails or takes longer than `timeout` seconds.
    """
    quiet = ["--no-notices", "--no-color", "--ci"]
    return run(what, [str(cli), *arguments, *quiet], cwd=cwd, env=_environment(env), timeout=timeout)


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    own = {
        # The CLI keeps what it learns of accounts by key id: a dummy key's account has no place in the user's own file.
        "CDK_HOME": str(cache_folder() / "cdk-home"),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DISABLE_VERSION_CHECK": "1",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    }
    return inherited_environment() | own | dict(env)


def _cached_cli(progress: Progress) -> Path:
    folder = cache_folder() / f"cdk-{CLI_VERSION}"

    def build(unfinished: Path) -> None:
        npm = _require("npm", "there is no CDK CLI in a node_modules folder, and installing one needs npm")
        progress(f"installing the CDK CLI {CLI_VERSION} into {folder} (once)")
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(unfinished), f"aws-cdk@{CLI_VERSION}"]
        run("installing the CDK CLI", command, env=inherited_environment(), timeout=_INSTALL_TIMEOUT)

    return build_once(folder, build) / "node_modules" / ".bin" / "cdk"


def _require(program: str, why: str) -> str:
    found = shutil.which(program, path=inherited_environment()["PATH"])
    if found is None:
        raise LocalAwsError(f"{why}, and there is no {program!r} on PATH: {_WAY_OUT}")
    return found
