"""What users install: both wheels, built from the sources as they are."""

import re
import shutil
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIP_WHEEL = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
PIP_WHEEL += ["wheel", "--no-deps", "--no-build-isolation"]


class Wheel:
    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            self.names = set(archive.namelist())
            metadata = next(name for name in self.names if name.endswith(".dist-info/METADATA"))
            self.metadata: Message = Parser().parsestr(archive.read(metadata).decode())
            entries = [name for name in self.names if name.endswith("entry_points.txt")]
            self.entry_points = archive.read(entries[0]).decode() if entries else ""

    def requirements(self, extra: str | None = None) -> set[str]:
        """The names of what it requires, of an extra or without any."""
        wanted = self.metadata.get_all("Requires-Dist", [])
        chosen = [
            one for one in wanted if (f"extra == '{extra}'" in one.replace('"', "'") if extra else "extra" not in one)
        ]
        return {re.split(r"[ <>=!~;\[]", one)[0].lower() for one in chosen}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Wheel]:
    folder = tmp_path_factory.mktemp("wheels")
    found = {}
    for source, package in (("runtime", "rota"), ("constructs", "rota_cdk")):
        # A copy: building must leave nothing in the sources, and two test processes must not meet there.
        copy = folder / source
        shutil.copytree(
            ROOT / source, copy, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "dist")
        )
        subprocess.run(
            [*PIP_WHEEL, "--wheel-dir", folder / "dist", copy],
            check=True,
        )
        (path,) = (folder / "dist").glob(f"{package}-*.whl")
        found[package] = Wheel(path)
    return found


@pytest.mark.parametrize(("package", "source"), [("rota", "runtime"), ("rota_cdk", "constructs")])
def test_a_wheel_holds_its_package_and_nothing_else(wheels: dict[str, Wheel], package: str, source: str) -> None:
    names = wheels[package].names
    folder = ROOT / source
    files = [path for path in (folder / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {str(path.relative_to(folder)) for path in files} == {name for name in names if ".dist-info/" not in name}
    assert f"{package}/py.typed" in names


def test_the_runtime_carries_what_it_writes_and_starts(wheels: dict[str, Wheel]) -> None:
    names = wheels["rota"].names
    templates = {"jobs.py", "handlers.py", "app.py", "cdk.json", "requirements.txt", "tests/test_synth.py"}
    assert {f"rota/cli/templates/{name}" for name in templates} <= names
    in_ministack = {
        "requirements.txt",
        "rota_launcher/__main__.py",
        "rota_launcher/fire.py",
        "in_lambda/sitecustomize.py",
    }
    assert {f"rota/testing/local_aws/in_ministack/{name}" for name in in_ministack} <= names
    assert not [name for name in names if name.startswith("tests/") or "/__pycache__/" in name]


def test_the_runtime_brings_its_command_and_its_pytest_plugin(wheels: dict[str, Wheel]) -> None:
    assert "[console_scripts]\nrota = rota.cli:main" in wheels["rota"].entry_points
    assert "[pytest11]\nrota = rota.testing.pytest_plugin" in wheels["rota"].entry_points


def test_the_constructs_bring_their_pytest_plugin(wheels: dict[str, Wheel]) -> None:
    assert "[pytest11]\nrota_cdk = rota_cdk.testing.pytest_plugin" in wheels["rota_cdk"].entry_points


def test_a_server_installs_neither_cdk_nor_what_tests_need(wheels: dict[str, Wheel]) -> None:
    server = wheels["rota"].requirements() | wheels["rota"].requirements("aws")
    assert {"cronsim", "pydantic", "tzdata", "boto3"} <= server
    assert not {"aws-cdk-lib", "constructs", "jsii", "moto", "pytest", "rota-cdk"} & server
    assert "boto3" not in wheels["rota"].requirements()
    assert not {"aws-cdk-lib", "constructs", "jsii"} & wheels["rota"].requirements("testing")


def test_the_constructs_want_the_runtime_of_their_own_version(wheels: dict[str, Wheel]) -> None:
    rota, rota_cdk = wheels["rota"].metadata, wheels["rota_cdk"].metadata
    assert rota["Version"] == rota_cdk["Version"]
    assert f"rota=={rota['Version']}" in rota_cdk.get_all("Requires-Dist", [])
    assert {"aws-cdk-lib", "constructs"} <= wheels["rota_cdk"].requirements()
    assert not {"boto3", "moto", "pytest"} & wheels["rota_cdk"].requirements()


def test_the_version_is_said_the_same_everywhere(wheels: dict[str, Wheel]) -> None:
    import rota

    assert rota.__version__ == wheels["rota"].metadata["Version"]
