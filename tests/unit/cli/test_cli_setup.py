"""A machine or an application that is not set up: each lack is a line with what to type next, exit code 2."""

import json
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

COMMANDS = pytest.mark.parametrize("command", [["worker"], ["enqueue", "tick"]], ids=["worker", "enqueue"])


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")


@pytest.fixture
def region(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


@pytest.fixture
def refused(application, run, monkeypatch):
    """Runs a command that cannot start; gives what it says."""
    monkeypatch.setattr("logging.basicConfig", lambda **_: None)  # the logging of pytest stays as it is

    def call(*command):
        code, out, err = run(*command)
        assert (code, out) == (2, "")
        said = [line for line in err.splitlines() if line != "noise from the application"]
        assert len(said) == 1, err
        return said[0]

    return call


@COMMANDS
def test_no_region(refused, keys, command):
    assert refused(*command) == (
        "error: no AWS region is set; type: export AWS_DEFAULT_REGION=eu-west-1 (or `aws configure`)"
    )


@COMMANDS
def test_no_credentials(refused, region, command):
    assert refused(*command) == "error: no AWS credentials are found; type: aws configure (or `aws sso login`)"


@COMMANDS
def test_half_of_the_credentials(refused, region, monkeypatch, command):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    assert refused(*command).endswith("missing: AWS_SECRET_ACCESS_KEY; type: aws configure")


@COMMANDS
def test_a_profile_that_is_not_there(refused, region, monkeypatch, command):
    monkeypatch.setenv("AWS_PROFILE", "nope")
    assert refused(*command) == "error: The config profile (nope) could not be found; type: aws configure"


@COMMANDS
def test_credentials_that_have_expired(refused, keys, region, monkeypatch, command):
    ssm = boto3.client("ssm")
    with Stubber(ssm) as stub:
        stub.add_client_error("get_parameter", "ExpiredTokenException")
        monkeypatch.setattr("rota.aws.parameters.client", lambda service: ssm)
        said = refused(*command)
    assert said.startswith("error: AWS does not accept these credentials (ExpiredTokenException); type: aws configure")


@COMMANDS
def test_no_settings(refused, keys, region, command):
    with mock_aws():
        assert refused(*command) == (
            "error: there is no parameter /rota/shop/default in this account and region; type: cdk deploy "
            "(or choose another stage with ROTA_STAGE)"
        )


@COMMANDS
def test_settings_of_a_version_to_come(refused, keys, region, command):
    with mock_aws():
        boto3.client("ssm").put_parameter(Name="/rota/shop/default", Value='{"version": 2}', Type="String")
        assert refused(*command) == (
            "error: parameter /rota/shop/default has settings version 2, and this rota reads version 1: install the "
            "rota of the deployment, `pip install --upgrade rota`, or deploy again, `cdk deploy`"
        )


@COMMANDS
def test_settings_that_are_none(refused, monkeypatch, command):
    monkeypatch.setenv("ROTA_SETTINGS", "{")
    said = refused(*command)
    assert said.startswith("error: ROTA_SETTINGS does not hold rota settings")
    assert said.endswith("deploy again: `cdk deploy`")


@COMMANDS
def test_settings_without_the_queue(refused, keys, region, monkeypatch, command):
    settings = {"version": 1, "manifest": "shop", "stage": "default", "queues": {}}
    monkeypatch.setenv("ROTA_SETTINGS", json.dumps(settings))
    assert refused(*command).endswith("(it has none); deploy it: `cdk deploy`")


@COMMANDS
def test_a_stage_that_cannot_be(refused, keys, region, monkeypatch, command):
    monkeypatch.setenv("ROTA_STAGE", "my-stage")
    assert refused(*command).startswith("error: ROTA_STAGE: stage must be 1 to 16 lower-case letters and digits")


MANIFEST_COMMANDS = pytest.mark.parametrize(
    "command", [["check"], ["list"], ["worker"], ["next", "-m"], ["enqueue", "tick", "-m"]], ids=lambda c: c[0]
)


@MANIFEST_COMMANDS
@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("nope:m", ("there is no module 'nope' in {folder}; name your manifest as module:attribute, or start a new "
                   "application: rota init")),
        ("jobs.py", "'jobs.py' is a file; name the module: jobs:manifest"),
        ("jobs:nope", "there is no 'jobs:nope'; name it as jobs:manifest"),
        ("handlers", "there is no 'handlers'; declare it: Manifest(name=..., jobs=[...])"),
        ("jobs:tick", "'jobs:tick' is of type Job, not a rota.Manifest; name it as jobs:manifest"),
        ("broken", ("module 'broken' cannot be imported: ModuleNotFoundError: No module named 'nope' "
                   "({folder}/broken.py, line 2)")),
        ("syntax", "module 'syntax' cannot be imported: SyntaxError: invalid syntax (syntax.py, line 1)"),
        ("leaves", "module 'leaves' cannot be imported: SystemExit: bye ({folder}/leaves.py, line 1)"),
    ],
)  # fmt: skip
def test_no_manifest(refused, application, command, where, said):
    Path("broken.py").write_text("\nimport nope\n")
    Path("syntax.py").write_text("def (:\n")
    Path("leaves.py").write_text("raise SystemExit('bye')\n")
    assert refused(*command, where) == "error: " + said.format(folder=application)


def test_a_worker_whose_handlers_do_not_resolve_names_them_all(application, run, monkeypatch):
    monkeypatch.setattr("logging.basicConfig", lambda **_: None)
    Path("handlers.py").write_text("")
    code, _, err = run("worker", "--queue", "slow")
    assert code == 2
    assert err.splitlines() == [
        "error: jobs:manifest: 3 problems",
        *(f"  - job '{job}': handler 'handlers:tick': 'handlers' has no 'tick'" for job in ("report", "drift", "off")),
    ]


def test_a_worker_of_an_unknown_queue(refused):
    assert refused("worker", "--queue", "wrk") == "error: manifest 'shop' has no queue 'wrk'; did you mean work?"


def test_a_worker_that_is_off_says_so(application, run, monkeypatch):
    monkeypatch.setenv("ROTA_WORKER", "off")
    assert run("worker") == (0, "", "ROTA_WORKER is off: no worker is started\n")


def test_without_boto3(application):
    """Blocked in a process of its own, as if it were not installed."""
    program = "import sys; sys.modules['boto3'] = None; from rota.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program, "enqueue", "tick"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "error: boto3 is not installed here; type: pip install 'rota[aws]'\n"
