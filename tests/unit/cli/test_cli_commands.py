"""Jobs with a command in `rota list`, `rota check` and `rota run`."""

import json
from pathlib import Path

import pytest

REPORT = """
web, node = Endpoint(name="web"), Endpoint(name="node", ledger=False)
manifest = Manifest(name="shop", jobs=[
    Job(name="report", command=["./bin/report", "a b"], target=Queue(name="work"), timeout=timedelta(seconds=20)),
    Job(name="tidy", command=["sh", "-c", "true"], target=Queue(name="work")),
])
"""


def test_the_list_shows_the_command_in_place_of_the_handler(declare, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    declare(REPORT)
    assert "./bin/report 'a b'" in run("list")[1]
    first = json.loads(run("list", "--json")[1])["jobs"][0]
    assert (first["handler"], first["command"]) == (None, ["./bin/report", "a b"])


def test_check_warns_of_a_program_that_is_not_there(declare, run):
    declare(REPORT)
    code, out, _ = run("check", "--json")
    said = f"command \"./bin/report 'a b'\" could not be started here: there is no './bin/report' in {Path.cwd()}"
    assert (code, json.loads(out)) == (0, {"problems": [], "warnings": [{"subject": "job 'report'", "message": said}]})
    Path("bin").mkdir()
    Path("bin/report").touch(mode=0o755)
    assert json.loads(run("check", "--json")[1])["warnings"] == []


def test_check_says_what_is_wrong_with_a_command(declare, run):
    declare('Job(name="a", command="./bin/report --daily", target=Queue(name="work"))')
    code, out, _ = run("check")
    assert code == 1
    assert "command must be a list of strings" in out


@pytest.mark.usefixtures("application")
def test_check_knows_that_a_command_behind_a_foreign_endpoint_too_may_take_too_long(declare, run):
    declare("""
node = Endpoint(name="node", ledger=False)
manifest = Manifest(name="shop", jobs=[Job(name="a", command=["true"], target=[Endpoint(name="web"), node])])
""")
    warnings = json.loads(run("check", "--json")[1])["warnings"]
    assert any("answers 503" in warning["message"] for warning in warnings)
