"""An environment of the benchmark's own, so that no peer is ever a dependency of rota's. Standard library alone."""

import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
_VENV = HERE / ".venv"
_READY = _VENV / ".ready"
SOLUTIONS_CONSTRUCTS = _VENV / "solutions_constructs"
"""Packages that cannot stand beside the others: to be put on PYTHONPATH."""
_READ = [
    HERE / "requirements.txt",
    HERE / "synth" / "solutions_constructs.txt",
    HERE / "package.json",
    HERE / "package-lock.json",
    ROOT / "runtime" / "pyproject.toml",
    ROOT / "constructs" / "pyproject.toml",
]


def enter() -> None:
    """Go on in the benchmark's environment; made on first use, and again when what it is made of has changed."""
    if not _READY.exists() or any(source.stat().st_mtime > _READY.stat().st_mtime for source in _READ):
        _make()
    if Path(sys.prefix).resolve() != _VENV:
        os.chdir(ROOT)
        python = str(_VENV / "bin" / "python")
        os.execv(python, [python, "-m", "benchmarks", *sys.argv[1:]])


def _make() -> None:
    print(
        "installing the peers into benchmarks/.venv and the SQS endpoint into benchmarks/node_modules (once)",
        flush=True,
    )
    venv.create(_VENV, with_pip=True, clear=True)
    pip = [_VENV / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    rota = ["-e", f"{ROOT / 'runtime'}[aws]", "-e", ROOT / "constructs"]
    subprocess.run([*pip, "-r", HERE / "requirements.txt", *rota], check=True)
    apart = ["--target", SOLUTIONS_CONSTRUCTS, "-r", HERE / "synth" / "solutions_constructs.txt"]
    subprocess.run([*pip, *apart], check=True)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=HERE, check=True)
    _READY.touch()
