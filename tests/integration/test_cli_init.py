"""What `rota init` writes works as it is: its own tests, and its jobs on the local AWS."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ROTA_"))},
    "CDK_VALIDATION": "false",
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    "PYTHONUNBUFFERED": "1",
}


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "my-shop"
    subprocess.run([sys.executable, "-m", "rota", "init", str(folder)], env=ENVIRONMENT, check=True)
    return folder


def test_its_tests_pass(application: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(command, cwd=application, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout


def test_one_command_shows_a_job_run_on_the_local_aws(application: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "try_it.py"], cwd=application, env=ENVIRONMENT, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        end = time.monotonic() + 300
        while "greet succeeded" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert "hello, you" in log.read_text()
    assert "Traceback" not in log.read_text()
