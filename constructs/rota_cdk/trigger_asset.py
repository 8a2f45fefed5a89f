"""The trigger's code as an asset: of the installed `rota`, the modules that it imports and nothing else."""

import hashlib
from collections.abc import Mapping
from importlib.abc import Traversable
from importlib.resources import files
from pathlib import Path

from aws_cdk import AssetHashType, Stage
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from rota import __version__

HANDLER = "rota.trigger.function.handler"

MODULES = (
    "rota",
    "rota.envelope",
    "rota.errors",
    "rota.keys",
    "rota.signature",
    "rota.trigger",
    "rota.trigger.aws",
    "rota.trigger.config",
    "rota.trigger.fleet",
    "rota.trigger.function",
    "rota.trigger.http",
    "rota.trigger.letters",
    "rota.trigger.outcomes",
    "rota.trigger.posting",
    "rota.trigger.queue",
    "rota.trigger.reports",
    "rota.trigger.request",
    "rota.trigger.servers",
    "rota.trigger.sigv4",
    "rota.trigger.split",
    "rota.trigger.telemetry",
    "rota.trigger.trigger",
)
"""What `rota.trigger.function` imports of rota, when it is imported or later."""


def code(scope: Construct) -> lambda_.AssetCode:
    """The asset. Its hash is of names and contents alone, so that no other machine deploys it again."""
    contents = read(files("rota"))
    digest = hash_of(contents)
    # Beside the assets of the app, not in a place that is cleared: with staging off, CDK takes it from there.
    folder = Path(_outdir(scope)) / f"rota-trigger-{digest[:16]}"
    write(contents, folder)
    return lambda_.Code.from_asset(str(folder), asset_hash=digest, asset_hash_type=AssetHashType.CUSTOM)


def read(package: Traversable) -> Mapping[str, bytes]:
    """The files by their paths, in their order. `package` is the folder of `rota`, wherever it is installed."""
    # Of rota itself the version, which requests tell: what users import of it is not there.
    found = {"rota/__init__.py": f'__version__ = "{__version__}"\n'.encode()}
    for module in MODULES[1:]:
        parts = module.split(".")[1:]
        place = package.joinpath(*parts)
        is_package = place.is_dir()
        source = place.joinpath("__init__.py") if is_package else package.joinpath(*parts[:-1], f"{parts[-1]}.py")
        found["/".join(["rota", *parts]) + ("/__init__.py" if is_package else ".py")] = source.read_bytes()
    return dict(sorted(found.items()))


def hash_of(contents: Mapping[str, bytes]) -> str:
    """SHA-256 of names and contents."""
    digest = hashlib.sha256()
    for path, text in contents.items():
        digest.update(f"{path} {len(text)}\n".encode() + text)
    return digest.hexdigest()


def write(contents: Mapping[str, bytes], folder: Path) -> None:
    """Writes the files into `folder`, readable for all whatever the umask, for Lambda runs as somebody else."""
    for path, text in contents.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text)
        place.chmod(0o644)
    for made in [folder, *(found for found in folder.rglob("*") if found.is_dir())]:
        made.chmod(0o755)


def _outdir(scope: Construct) -> str:
    stage = Stage.of(scope)
    if stage is None:
        raise ValueError("a FanoutTrigger belongs into a stack of an App")
    return stage.asset_outdir
