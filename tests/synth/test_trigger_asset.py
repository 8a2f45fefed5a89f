"""The trigger's code as it is deployed: what it needs and no more, and the same wherever it is deployed from."""

import ast
import json
import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from aws_cdk import App, Stack

from rota_cdk import FanoutTrigger, UrlEndpoint, trigger_asset

PLACE = {"web": UrlEndpoint("https://example.com")}


@pytest.fixture
def staged(tmp_path):
    """The code, as CDK uploads it."""
    app = App(outdir=str(tmp_path / "cdk.out"), builtin_cloud_formation_validation=False)
    FanoutTrigger(Stack(app, "Test"), "Trigger", endpoints=PLACE)
    (folder,) = (tmp_path / "cdk.out").glob("asset.*")
    return folder


def _imported(folder, *modules):
    """The modules of rota that a fresh interpreter has after importing these from `folder` alone."""
    program = (
        f"import sys, json; sys.path.insert(0, {str(folder)!r})\n"
        f"import {', '.join(modules)}\n"
        "print(json.dumps(sorted(name for name in sys.modules if name.partition('.')[0] == 'rota')))"
    )
    # -S and -I: neither site-packages nor the current folder, where another rota may be.
    done = subprocess.run([sys.executable, "-ISB", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_importing_the_handler_takes_all_of_it_and_nothing_else(staged):
    # What is imported where it is needed counts too: it is imported here as well.
    later = {name for name in trigger_asset.MODULES if name in _wanted(staged)}

    assert _imported(staged, "rota.trigger.function", *later) == list(trigger_asset.MODULES)
    assert later | {"rota", "rota.trigger", "rota.trigger.function"} == set(trigger_asset.MODULES)
    assert list(trigger_asset.MODULES) == sorted(trigger_asset.MODULES)


def _wanted(folder):
    """The modules of rota that statements in these files import, at their beginning or later; for type checkers left
    out."""
    found = set()
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
                node.body = []
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("rota."):
                found |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
            elif isinstance(node, ast.Import):
                found |= {name.name for name in node.names}
    return found


def test_it_holds_the_files_of_those_modules_and_no_caches(staged):
    there = {path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file()}

    assert there == set(trigger_asset.read(files("rota")))
    assert all(path.endswith(".py") for path in there)


def test_it_has_at_most_100_kb_unzipped(staged):
    assert sum(path.stat().st_size for path in staged.rglob("*") if path.is_file()) <= 100 * 1024


def test_lambda_may_read_it_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        trigger_asset.write(trigger_asset.read(files("rota")), tmp_path / "staged")
    finally:
        os.umask(before)

    for path in [tmp_path / "staged", *(tmp_path / "staged").rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


def test_its_hash_is_the_same_wherever_rota_is_installed(tmp_path):
    package = tmp_path / "site-packages" / "rota"
    shutil.copytree(Path(str(files("rota"))), package, ignore=shutil.ignore_patterns("__pycache__"))
    for place in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        (place / "__pycache__").mkdir()
        (place / "__pycache__" / "junk.cpython-311.pyc").write_bytes(b"junk")
        (place / ".DS_Store").write_bytes(b"junk")
    for path in package.rglob("*.py"):
        os.utime(path, (1, 1))

    here, there = trigger_asset.read(files("rota")), trigger_asset.read(package)
    assert list(there.items()) == list(here.items())
    assert trigger_asset.hash_of(there) == trigger_asset.hash_of(here)


@pytest.mark.parametrize("change", ["contents", "name", "border"])
def test_any_change_of_it_is_another_hash(change):
    before = {"rota/a.py": b"one", "rota/b.py": b"two"}
    after = {
        "contents": {"rota/a.py": b"One", "rota/b.py": b"two"},
        "name": {"rota/c.py": b"one", "rota/b.py": b"two"},
        "border": {"rota/a.py": b"onet", "rota/b.py": b"wo"},
    }[change]

    assert trigger_asset.hash_of(after) != trigger_asset.hash_of(before)


def test_two_apps_deploy_one_asset(staged, tmp_path):
    app = App(outdir=str(tmp_path / "elsewhere"), builtin_cloud_formation_validation=False)
    FanoutTrigger(Stack(app, "Other"), "Another", manifest="store", endpoints=PLACE)

    assert [path.name for path in (tmp_path / "elsewhere").glob("asset.*")] == [staged.name]


def test_it_is_there_also_where_nothing_is_staged(tmp_path):
    context = {"aws:cdk:disable-asset-staging": True}
    app = App(outdir=str(tmp_path / "cdk.out"), context=context, builtin_cloud_formation_validation=False)
    FanoutTrigger(Stack(app, "Test"), "Trigger", endpoints=PLACE)

    (listed,) = (tmp_path / app.synth().directory).glob("Test.assets.json")
    (asset,) = [
        found["source"]["path"]
        for found in json.loads(listed.read_text())["files"].values()
        if found["source"]["packaging"] == "zip"
    ]
    assert (listed.parent / asset / "rota" / "trigger" / "function.py").is_file()
