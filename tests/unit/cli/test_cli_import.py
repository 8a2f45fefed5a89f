"""`rota import`."""

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

CRONTAB = """\
MAILTO=ops@example.org
# Builds the report
0 2 * * * ./bin/report --daily
@reboot ./bin/warm-up
"""

CRON_JOB = """\
kind: CronJob
metadata: {name: backup}
spec:
  schedule: "0 2 * * *"
  timeZone: Etc/UTC
  jobTemplate: {spec: {template: {spec: {containers: [{command: [./backup, --all]}]}}}}
"""

WORKFLOW = """\
on: {schedule: [{cron: "17 3 * * *"}]}
jobs: {build: {steps: [{run: make}]}}
"""

BEAT = """
from celery import Celery

app = Celery("shop", broker="memory://")


@app.task
def clean(): ...


@app.on_after_configure.connect
def due(sender, **_):
    sender.add_periodic_task(60.0, clean.s(), name="clean up")
"""


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def empty_folder(application: Path) -> None:
    Path("jobs.py").unlink()
    Path("crontab").write_text(CRONTAB)


def test_a_crontab_becomes_a_manifest_that_lists(run: Run) -> None:
    code, out, err = run("import", "crontab", "crontab", "-o", "jobs.py", "--name", "shop", "--time-zone", "Asia/Tokyo")
    assert (code, out) == (1, "")
    mailto, reboot, summary = err.splitlines()
    assert mailto.startswith("line 1: MAILTO is not carried: ")
    assert reboot.startswith("line 4, job 'warm-up': left out: '@reboot': ")
    assert summary == "1 job, 1 left out, 1 remark"
    code, out, _ = run("list", "--json")
    (job,) = json.loads(out)["jobs"]
    assert (job["job"], job["schedule"], job["description"]) == ("report-daily", "0 2 * * *", "Builds the report")


def test_the_how_to_says_what_it_does(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/move-a-crontab.md").read_text()
    source, command, said, jobs, following, due = re.findall(r"^```\w+\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[:6]
    Path("crontab.txt").write_text(source)
    assert run(*command.split()[1:]) == (1, "", said)
    assert jobs in Path("jobs.py").read_text()
    monkeypatch.setattr("rota.cli.next.now", lambda: datetime(2026, 11, 21, 15, 27, tzinfo=UTC))
    assert run(*following.split()[1:]) == (0, due, "")


def test_on_stdout_unless_a_file_is_named_and_0_where_nothing_is_left_out(run: Run) -> None:
    code, out, err = run("import", "crontab", "-", "--queue", "slow", stdin="0 2 * * * ./x\n")
    assert (code, err.splitlines()[-1]) == (0, "1 job, 1 remark")
    assert 'slow = Queue(name="slow")\n' in out
    assert out.endswith('manifest = Manifest(\n    name="jobs",\n    jobs=[\n        x,\n    ],\n)\n')


def test_a_crontab_of_the_system(run: Run) -> None:
    code, out, _ = run("import", "crontab", "-", "--system", stdin="0 2 * * * root ./x --all\n")
    assert code == 0
    assert '    command=["./x", "--all"],\n' in out


@pytest.mark.parametrize("path", ["backup/etc/cron.d/x", "server/cron.d/of/x", "backup/etc/crontab", "linked"])
def test_a_copy_of_a_crontab_of_the_system(run: Run, path: str) -> None:
    Path("server/cron.d/of").mkdir(parents=True)
    Path("backup/etc/cron.d").mkdir(parents=True)
    Path("linked").symlink_to("backup/etc/crontab")
    Path(path).write_text("0 2 * * * backup ./x --all\n")
    code, out, _ = run("import", "crontab", path)
    assert code == 0
    assert '    command=["./x", "--all"],\n' in out
    assert '    command=["backup", "./x", "--all"],\n' in run("import", "crontab", path, "--user")[1]


def test_a_column_that_may_be_of_users_is_asked_for(run: Run) -> None:
    code, out, err = run("import", "crontab", "-", stdin="0 2 * * * root ./x --all\n")
    assert (code, out) == (2, "")
    assert err.startswith("error: each command begins with what may be a user, such as root: give --system if ")


def test_it_does_not_overwrite_unless_told(run: Run) -> None:
    Path("jobs.py").write_text("mine")
    code, _, err = run("import", "crontab", "crontab", "-o", "jobs.py")
    assert (code, err) == (2, "error: jobs.py is there already; write elsewhere, or add --force\n")
    assert Path("jobs.py").read_text() == "mine"
    assert run("import", "crontab", "crontab", "-o", "jobs.py", "--force")[0] == 1
    assert "report_daily = Job(" in Path("jobs.py").read_text()


def test_for_machines(run: Run) -> None:
    code, out, err = run("import", "crontab", "crontab", "--json")
    read = json.loads(out)
    assert (code, err) == (1, "")
    assert (read["file"], read["jobs"], read["left_out"]) == (None, 1, 1)
    assert read["text"].startswith('"""')
    assert [(said["place"], said["job"], said["left_out"]) for said in read["remarks"]] == [
        ("line 1", None, False),
        ("line 3", None, False),
        ("line 4", "warm-up", True),
    ]
    _, out, _ = run("import", "crontab", "crontab", "--json", "-o", "jobs.py")
    assert (json.loads(out)["file"], json.loads(out)["text"]) == ("jobs.py", None)


def test_kubernetes(run: Run) -> None:
    Path("a.yaml").write_text(CRON_JOB)
    code, _, err = run("import", "kubernetes", "a.yaml", "-", "-o", "jobs.py", stdin=CRON_JOB)
    assert (code, err) == (0, "2 jobs, 0 remarks\n")
    _, out, _ = run("list", "--json")
    assert [job["job"] for job in json.loads(out)["jobs"]] == ["backup", "backup-2"]


def test_github(run: Run) -> None:
    Path("nightly.yml").write_text(WORKFLOW)
    assert run("import", "github", "nightly.yml", "-o", "jobs.py")[0] == 0
    _, out, _ = run("list", "--json")
    assert [(job["job"], job["schedule"]) for job in json.loads(out)["jobs"]] == [("nightly", "17 3 * * *")]


def test_a_script_of_several_lines_is_listed_on_one(run: Run) -> None:
    Path("nightly.yml").write_text(WORKFLOW.replace("{run: make}", "{run: make}, {run: make install}"))
    run("import", "github", "nightly.yml", "-o", "jobs.py")
    lines = run("list")[1].splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("bash -e -c '( make ) ( make install )'")


def test_celery(run: Run) -> None:
    Path("tasks_of_shop.py").write_text(BEAT)
    assert run("import", "celery", "tasks_of_shop:app", "-o", "jobs.py")[0] == 0
    assert run("check", "--json")[0] == 0
    _, out, _ = run("list", "--json")
    assert [(job["job"], job["handler"]) for job in json.loads(out)["jobs"]] == [("clean-up", "tasks_of_shop:clean")]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["crontab", "gone"], "'gone' cannot be read: "),
        (["crontab", "crontab", "-o", "no/jobs.py"], "'no/jobs.py' cannot be written: "),
        (["celery", "gone:app"], "'gone:app' cannot be imported: ModuleNotFoundError: No module named 'gone'; "),
        (["celery", "json:dumps"], "'json:dumps' is of type function, and no Celery application with a beat_schedule"),
        (["kubernetes", "crontab"], "crontab is not YAML: "),
    ],
)
def test_what_cannot_be_read_is_one_line(run: Run, arguments: list[str], error: str) -> None:
    code, out, err = run("import", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {error}")
    assert len(err.splitlines()) == 1


def test_yaml_without_pyyaml_says_how_to_install_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert run("import", "github", "crontab") == (
        2,
        "",
        "error: reading YAML takes PyYAML; install it: pip install 'rota[import]'\n",
    )


@pytest.mark.parametrize("option", ["--name", "--queue"])
def test_names_are_checked_before_anything_is_read(run: Run, option: str) -> None:
    code, _, err = run("import", "crontab", "gone", option, "My Shop")
    assert code == 2
    assert "lower-case letters" in err
