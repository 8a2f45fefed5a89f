"""The documentation holds what it says: its tests exist, its links lead somewhere, its code compiles."""

import ast
import importlib.util
import os
import re
import sys
from functools import cache
from pathlib import Path

import pytest

from rota import Manifest
from rota.envelope import Envelope
from rota.trigger.split import split

ROOT = Path(__file__).parents[2]
NOT_OURS = {".git", ".venv", "node_modules", "cdk.out", "templates", "dist"}


def _pages() -> list[Path]:
    found = []
    for folder, inside, files in os.walk(ROOT):
        inside[:] = [name for name in inside if name not in NOT_OURS]
        found += [Path(folder, name) for name in files if name.endswith(".md")]
    return sorted(found)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """The code blocks of a language, each with the line it begins at."""
    text = page.read_text(encoding="utf-8")
    blocks = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [(text.count("\n", 0, block.start(1)), block.group(1)) for block in blocks]


@cache
def _anchors(page: Path) -> set[str]:
    """The ids that GitHub gives to the headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


PAGES = _pages()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in _anchors(target), f"{link}: no heading is called so"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_python_blocks_compile(page: Path) -> None:
    for line, block in _blocks(page, "python"):
        compile("\n" * line + block, page, "exec")


MANIFESTS = [block for _, block in _blocks(ROOT / "README.md", "python") if block.startswith("# jobs.py")]


@pytest.mark.parametrize("block", MANIFESTS, ids=["of a queue", "of an endpoint"])
def test_the_manifests_of_the_readme_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: str) -> None:
    path = tmp_path / "jobs.py"
    path.write_text(block, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("jobs_of_the_readme", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    assert isinstance(module.manifest, Manifest)


def test_the_readme_names_both_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text


def test_every_envelope_of_the_wire_format_is_read() -> None:
    blocks = _blocks(ROOT / "docs/wire-format.md", "json")
    assert blocks
    for _, block in blocks:
        for part in split(block, message_id="m-1", endpoints=["web"]):
            assert isinstance(part, Envelope), part


def test_every_test_that_a_feature_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/features.md").read_text(encoding="utf-8"))
    assert named
    for path, test in named:
        assert test in _functions(ROOT / path), f"{path} has no {test}"


def test_every_feature_names_a_test() -> None:
    rows = re.findall(r"^\| \d+ \|.*$", (ROOT / "docs/features.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows
    assert [row for row in rows if "::test_" not in row] == []


def test_the_index_of_decisions_is_complete() -> None:
    index = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
    decisions = [path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md")]
    assert [name for name in decisions if name not in index] == []


@cache
def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
