"""Folders that must not become packages, for reasons that are easy to forget (docs: facts of CDK in Python)."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_folder_constructs_does_not_hide_the_package_constructs() -> None:
    code = "import constructs; print(constructs.__file__); constructs.Construct"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "site-packages" in done.stdout


def test_workspace_and_tests_are_no_packages() -> None:
    assert not (ROOT / "constructs/__init__.py").exists()
    assert not (ROOT / "runtime/__init__.py").exists()
    assert list((ROOT / "tests").rglob("__init__.py")) == []
    assert not (ROOT / "tests/constructs").exists()


def test_every_package_is_one() -> None:
    folders = {path.parent for part in ("runtime/rota", "constructs/rota_cdk") for path in (ROOT / part).rglob("*.py")}
    templates = ROOT / "runtime/rota/cli/templates"
    bare = [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()]
    in_ministack = ROOT / "runtime/rota/testing/local_aws/in_ministack"
    allowed = {templates, *templates.rglob("*"), in_ministack, in_ministack / "in_lambda"}
    assert [folder for folder in bare if ROOT / folder not in allowed] == []
