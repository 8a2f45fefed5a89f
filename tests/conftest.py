"""What all tests share: hypothesis without a clock; a PostgreSQL for those that ask for one, the real server, of its
own, for the session."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does: no test is about that.
settings.register_profile("rota", deadline=None)
settings.load_profile("rota")

LAUNCHER = """
import json, os, shutil, signal, subprocess, sys, threading

def end_with_tests():
    os.read(0, 1)
    told.set()
    server.send_signal(signal.SIGQUIT)  # its "immediate" shutdown: the data is thrown away

owner, *command = sys.argv[1:]
told = threading.Event()
server = subprocess.Popen(command, stdin=subprocess.DEVNULL, **json.loads(owner))
threading.Thread(target=end_with_tests, daemon=True).start()
code = server.wait()
if told.is_set():  # else its log says why
    shutil.rmtree(os.getcwd(), ignore_errors=True)
sys.exit(code)
"""
"""Starts the server that its arguments say, and ends it, and its folder, at a word or the end of the process that holds
the other end of its standard input: a SIGKILL of the tests leaves nothing behind."""


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The conninfo of a running PostgreSQL, which listens on a socket in a folder of its own and nowhere else."""
    programs = _programs()
    # Not pytest's folder: nobody but its owner may enter that, and PostgreSQL refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="rota-postgresql-", dir="/tmp"))  # a socket's path has 107 bytes at most
    owner: dict[str, Any] = {}
    if os.geteuid() == 0:
        owner = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
        shutil.chown(folder, "nobody")
    launcher = None
    log = folder / "log"
    try:
        made = subprocess.run(
            [programs / "initdb", "-D", "data", "-U", "rota", "--auth=trust", "--encoding=UTF8", "--locale=C", "-N"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            **owner,
        )
        assert made.returncode == 0, f"initdb said:\n{made.stdout}{made.stderr}"
        with log.open("wb") as output:
            options = ["-D", "data", "-k", str(folder), "-h", "", "-F", "-c", "shared_buffers=16MB"]
            launcher = subprocess.Popen(
                [sys.executable, "-c", LAUNCHER, json.dumps(owner), programs / "postgres", *options],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        conninfo = f"host={folder} user=rota dbname=postgres"
        _wait(conninfo, launcher, log)
        yield conninfo
    finally:
        if launcher is not None:
            launcher.communicate(b"end", timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    """The folder of initdb and postgres. Debian keeps them out of PATH, by version."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: int(one.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    for folder in [*folders, *([Path(on_path).resolve().parent] if on_path else [])]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    pytest.fail(
        "this test needs a PostgreSQL server: apt-get install postgresql, or brew install postgresql; looked in "
        "/usr/lib/postgresql/*/bin and PATH",
        pytrace=False,
    )


def _wait(conninfo: str, launcher: subprocess.Popen[bytes], log: Path) -> None:
    """Until it answers."""
    import psycopg

    end = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(conninfo).close()
        except psycopg.OperationalError as error:
            if launcher.poll() is not None or time.monotonic() > end:
                pytest.fail(f"PostgreSQL does not answer: {error}\n{log.read_text()}", pytrace=False)
            time.sleep(0.05)
        else:
            return
