"""Workflows of GitHub Actions."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from rota.importing.found import CronText, Found, FoundJob, Remark
from rota.importing.github_actions import read_github

NIGHTLY = """
name: Nightly build
on:
  schedule:
    - cron: "17 3 * * *"
jobs:
  build:
    name: Build it
    timeout-minutes: 10
    steps:
      - uses: actions/checkout@v4
      - run: make all
"""


def read(text: str) -> Found:
    return read_github(text, source=".github/workflows/nightly.yml")


def only(steps: list[str], *, schedule: str = '{cron: "0 2 * * *"}', of_workflow: str = "", **job: str) -> FoundJob:
    """The job of a workflow with these steps, written as flow mappings."""
    body = "\n".join(
        [f"    {key}: {value}" for key, value in job.items()] + ["    steps:", *(f"    - {step}" for step in steps)]
    )
    (*_, found) = read(f"{of_workflow}\non: {{schedule: [{schedule}]}}\njobs:\n  x:\n{body}\n")
    assert isinstance(found, FoundJob)
    return found


def problem(steps: list[str], **options: str) -> str:
    """Why the job is left out."""
    found = only(steps, **options)
    assert found.problem
    return found.problem


def test_a_workflow() -> None:
    assert read(NIGHTLY) == (
        FoundJob(
            place=".github/workflows/nightly.yml: job 'build'",
            source="17 3 * * *",
            name="Nightly build",
            when=CronText(expression="17 3 * * *"),
            command=("bash", "-e", "-c", "make all"),
            attempts=1,
            timeout=timedelta(minutes=10),
            only_latest=True,
            description="Build it",
            remarks=("not carried: actions/checkout@v4",),
        ),
    )


def test_each_job_is_due_at_each_cron() -> None:
    text = NIGHTLY.replace("jobs:", '    - cron: "0 0 1 * *"\njobs:\n  lint: {steps: [{run: make lint}]}')
    jobs = [each for each in read(text) if isinstance(each, FoundJob)]
    assert [(job.name, job.when) for job in jobs] == [
        ("Nightly build lint", CronText(expression="17 3 * * *")),
        ("Nightly build lint", CronText(expression="0 0 1 * *")),
        ("Nightly build build", CronText(expression="17 3 * * *")),
        ("Nightly build build", CronText(expression="0 0 1 * *")),
    ]


def test_steps_do_not_share_a_folder_and_the_first_that_fails_ends_it(tmp_path: Path) -> None:
    found = only(
        ["run: cd / && echo 1", "run: pwd", "{run: pwd, working-directory: 'a b'}", "run: 'false'", "run: echo no"]
    )
    (tmp_path / "a b").mkdir()
    done = subprocess.run(found.command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.split("\n") == ["1", str(tmp_path), str(tmp_path / "a b"), ""]
    assert done.returncode == 1


@pytest.mark.parametrize(("step", "code"), [("run: false | true", 0), ("{run: false | true, shell: bash}", 1)])
def test_shells_are_as_strict_as_on_github(step: str, code: int) -> None:
    assert subprocess.run(only([step]).command, check=False).returncode == code


def test_defaults_of_a_shell() -> None:
    assert only(["run: a"], defaults="{run: {shell: sh}}").command == ("sh", "-e", "-c", "a")


def test_what_it_cannot_do_is_left_out() -> None:
    assert "no run: steps" in problem(["uses: a/b@v1"])
    assert problem(["run: a", "{run: b, shell: python}"]) == "its steps are for None, python: write its command"
    assert problem(["run: a"], **{"runs-on": "windows-latest"}) == "its steps are for pwsh: write its command"
    assert "in step 1: " in problem(["{run: a, working-directory: '${{ github.workspace }}'}"])
    assert problem(["run: a", "{name: Post, run: 'curl ${{ secrets.URL }}'}"]) == (
        "GitHub fills in ${{ }} in step 2 (Post): write what it stands for"
    )


@pytest.mark.parametrize(
    "condition", ["github.event_name == 'push'", "${{ github.event.schedule == '0 2 * * *' }}", "failure()", "false"]
)
def test_what_may_not_run_at_each_time_is_left_out(condition: str) -> None:
    assert problem(["run: ./deploy.sh"], **{"if": condition}).startswith(f"it runs only if {condition}, which GitHub ")
    bare = condition.removeprefix("${{ ").removesuffix(" }}")
    assert problem(["run: a", f'{{run: b, if: "{condition}"}}', "run: c"]) == (
        f"step 2 runs only if {bare}, and the others always: write the command"
    )


@pytest.mark.parametrize("condition", ["always()", "${{ !cancelled() }}"])
def test_what_runs_in_any_case_is_carried(condition: str) -> None:
    found = only(["run: 'true'", f'{{run: echo b, if: "{condition}"}}'], **{"if": f'"{condition}"'})
    assert found.problem is None
    assert subprocess.run(found.command, check=True, capture_output=True, text=True).stdout == "b\n"
    assert found.remarks == ("step 2 runs on GitHub after a step that failed too, and here it does not",)
    assert only(["{run: a, if: success()}"]).remarks == ()


def test_what_differs_between_its_runs_is_left_out() -> None:
    assert problem(["run: make test"], strategy="{matrix: {db: [mysql, postgres]}}") == (
        "GitHub runs it once for each of its matrix: write a job for each"
    )
    assert only(["run: make test"], strategy="{max-parallel: 1}").problem is None
    for strategy in ("${{ fromJSON(vars.STRATEGY) }}", "{max-parallel: '${{ vars.MOST }}'}"):
        assert problem(["run: make test"], strategy=strategy) == (
            "GitHub fills in ${{ }} in its strategy, and may run it several times: write a job for each"
        )


@pytest.mark.parametrize(("needs", "said"), [("lint", "lint"), ("[lint, test]", "lint, test")])
def test_what_runs_after_other_jobs_is_left_out(needs: str, said: str) -> None:
    assert problem(["run: ./deploy.sh"], needs=needs) == (
        f"it needs {said}, after which GitHub ran it: make one job of them, or enqueue it at the end of that"
    )
    assert only(["run: ./deploy.sh"], needs="[]").problem is None


def test_a_script_with_an_action_in_its_midst_is_left_out() -> None:
    assert problem(["run: a", "{name: Log in, uses: b/c@v1}", "run: d"]) == (
        "step 2 (Log in) uses b/c@v1 between its run: steps, which no worker does: write the command"
    )
    around = only(["uses: a/b@v1", "run: c", "run: d", "uses: e/f@v1"])
    assert (around.problem, around.remarks) == (None, ("not carried: a/b@v1, e/f@v1",))


@pytest.mark.parametrize("value", ["true", "${{ inputs.lax }}"])
def test_a_step_that_may_fail_is_left_out(value: str) -> None:
    assert problem(["run: a", f'{{run: b, continue-on-error: "{value}"}}']) == (
        f"step 2 has continue-on-error: {value}, and here a step that fails ends it: write the command"
    )
    strict = only(["{run: a, continue-on-error: false}"])
    assert (strict.problem, strict.remarks) == (None, ())


@pytest.mark.parametrize("where", ["of the workflow", "of its job", "of step 1"])
def test_what_github_fills_in_the_env_with_is_left_out(where: str) -> None:
    env = "env: {A: 1, DB: '${{ matrix.db }}'}"
    found = problem(
        [f"{{run: 'dropdb $DB', {env}}}" if where == "of step 1" else "run: dropdb $DB"],
        of_workflow=env if where == "of the workflow" else "",
        **({"env": env.removeprefix("env: ")} if where == "of its job" else {}),
    )
    assert found.startswith(f"GitHub fills in ${{{{ }}}} in the env {where} (DB): ")
    assert "in the env of its job ()" in problem(["run: a"], env="${{ fromJSON(vars.ENV) }}")


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("rm -rf $GITHUB_WORKSPACE/*", "GITHUB_WORKSPACE"),
        ("echo a=b >> ${GITHUB_ENV}", "GITHUB_ENV"),
        ("tar xf - -C $RUNNER_TEMP", "RUNNER_TEMP"),
        ("python -c 'import os; print(os.environ[\"GITHUB_SHA\"])'", "GITHUB_SHA"),
        ("test $CI = true", "CI"),
    ],
)
def test_a_script_that_lacks_what_github_sets_is_left_out(script: str, name: str) -> None:
    assert problem(["run: a", f"run: |\n        {script}"]).startswith(f"step 2 names {name}, which GitHub sets and a ")


@pytest.mark.parametrize("script", ["./MY_GITHUB_X", "curl https://github.com", "echo CI $CIRCLE"])
def test_what_is_like_it_is_carried(script: str) -> None:
    assert only([f"run: {script}"]).problem is None


def test_a_script_that_names_a_variable_of_its_env_says_so() -> None:
    found = only(["{run: 'a $ONE $TWO $HOME', env: {TWO: x}}"], env="{ONE: x}")
    assert found.remarks[-3:-1] == (
        "it names $ONE, set in its env, which is not carried; set it where workers run",
        "it names $TWO, set in its env, which is not carried; set it where workers run",
    )


def test_what_is_not_carried_is_said() -> None:
    found = only(
        ["{run: a, env: {TOKEN: secret}, timeout-minutes: 5}", "{uses: c/d@v1, if: failure()}"],
        **{"runs-on": "ubuntu-latest", "env": "{KEY: secret}", "concurrency": "deploy"},
        **{"timeout-minutes": "${{ fromJSON(vars.LIMIT) }}"},
    )
    assert found.problem is None
    assert found.command[-1] == "a"
    assert found.overlap == "wait"
    assert found.timeout is None
    assert found.remarks == (
        "not carried: c/d@v1",
        "step 1: not carried: env (TOKEN), timeout-minutes",
        "its concurrency group became a lock of this job alone; for one that jobs share: Lock(key=...)",
        "not carried: timeout-minutes, which is '${{ fromJSON(vars.LIMIT) }}'; write the timeout",
        "not carried: runs-on: ubuntu-latest, env (KEY)",
    )


@pytest.mark.parametrize("script", ["true", "yes", "010", "1.50"])
def test_a_script_is_what_stands_there(script: str) -> None:
    assert only([f"run: {script}"]).command[-1] == script


def test_a_number_with_a_step_goes_on_to_the_end() -> None:
    assert only(["run: a"], schedule='{cron: "20/15 * * * *"}').when == CronText(expression="20-59/15 * * * *")


def test_names_that_github_does_not_know_never_ran() -> None:
    assert problem(["run: a"], schedule='{cron: "@daily"}').startswith("its cron is '@daily', at which GitHub never ")


@pytest.mark.parametrize("cron", ["*/2 * * * *", "0,3 2 1 * *", "0,59 * * * *"])
def test_what_github_runs_less_often_than_its_cron_says_is_left_out(cron: str) -> None:
    assert "GitHub runs nothing more often than every 5 minutes" in problem(["run: a"], schedule=f'{{cron: "{cron}"}}')
    assert only(["run: a"], schedule='{cron: "*/5 * * * *"}').problem is None


@pytest.mark.parametrize(
    ("cron", "zone", "is_said"),
    [
        ("30 2 * * *", "America/New_York", True),
        ("30 3 * * *", "America/New_York", False),
        ("30 2 * * *", "Asia/Tokyo", False),
        ("30 2 * * *", "Mars", False),
    ],
)
def test_a_time_that_clocks_skip_is_said(cron: str, zone: str, is_said: bool) -> None:
    found = only(["run: a"], schedule=f'{{cron: "{cron}", timezone: {zone}}}')
    assert isinstance(found.when, CronText)
    assert found.when.time_zone == zone
    skipped = (
        "at a time that a change of clocks skips GitHub ran it at the next that there is; here it does not run then"
    )
    assert found.remarks == ((skipped,) if is_said else ())


def test_one_that_cancels_what_runs() -> None:
    assert only(["run: a"], concurrency="{group: x, cancel-in-progress: true}").overlap == "cancel_running"


@pytest.mark.parametrize("on", ["on: push", "on: [push]", "on: {push: {}}", "jobs: {}", "3"])
def test_a_workflow_without_a_schedule_is_said(on: str) -> None:
    assert read(on) == (Remark(".github/workflows/nightly.yml", "is no workflow with on.schedule, and not read"),)


def test_other_triggers_are_said() -> None:
    (remark, _) = read(NIGHTLY.replace("on:", "on:\n  workflow_dispatch:"))
    assert isinstance(remark, Remark)
    assert remark.text == "it is also run on workflow_dispatch; enqueue its jobs where that is wanted"


def test_a_schedule_that_cannot_be_said_is_left_out() -> None:
    assert problem(["run: a"], schedule='{cron: "0 0 30 2 *"}').startswith(
        "'0 0 30 2 *': no day ever matches it, for month 2 has no"
    )
