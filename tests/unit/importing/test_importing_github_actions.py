"""Workflows of GitHub Actions."""

import subprocess
from datetime import timedelta

import pytest

from rota.importing.found import CronText, FoundJob, Remark
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


def read(text):
    return read_github(text, source=".github/workflows/nightly.yml")


def only(steps, **job):
    """The job of a workflow with these steps, written as flow mappings."""
    body = "\n".join(
        [f"    {key}: {value}" for key, value in job.items()] + ["    steps:", *(f"    - {step}" for step in steps)]
    )
    (found,) = read(f'on: {{schedule: [{{cron: "0 2 * * *"}}]}}\njobs:\n  x:\n{body}\n')
    return found


def test_a_workflow():
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


def test_each_job_is_due_at_each_cron():
    text = NIGHTLY.replace("jobs:", '    - cron: "0 0 1 * *"\njobs:\n  lint: {steps: [{run: make lint}]}')
    assert [(job.name, job.when.expression) for job in read(text)] == [
        ("Nightly build lint", "17 3 * * *"),
        ("Nightly build lint", "0 0 1 * *"),
        ("Nightly build build", "17 3 * * *"),
        ("Nightly build build", "0 0 1 * *"),
    ]


def test_steps_do_not_share_a_folder_and_the_first_that_fails_ends_it(tmp_path):
    found = only(
        ["run: cd / && echo 1", "run: pwd", "{run: pwd, working-directory: 'a b'}", "run: 'false'", "run: echo no"]
    )
    (tmp_path / "a b").mkdir()
    done = subprocess.run(found.command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.split("\n") == ["1", str(tmp_path), str(tmp_path / "a b"), ""]
    assert done.returncode == 1


@pytest.mark.parametrize(("step", "code"), [("run: false | true", 0), ("{run: false | true, shell: bash}", 1)])
def test_shells_are_as_strict_as_on_github(step, code):
    assert subprocess.run(only([step]).command, check=False).returncode == code


def test_defaults_of_a_shell():
    assert only(["run: a"], defaults="{run: {shell: sh}}").command == ("sh", "-e", "-c", "a")


def test_what_it_cannot_do_is_left_out():
    assert "no run: steps" in only(["uses: a/b@v1"]).problem
    assert only(["run: a", "{run: b, shell: python}"]).problem == "its steps are for None, python: write its command"
    assert only(["run: a"], **{"runs-on": "windows-latest"}).problem == "its steps are for pwsh: write its command"
    assert "in step 1: " in only(["{run: a, working-directory: '${{ github.workspace }}'}"]).problem
    assert only(["run: a", "{name: Post, run: 'curl ${{ secrets.URL }}'}"]).problem == (
        "GitHub fills in ${{ }} in step 2 (Post): write what it stands for"
    )


def test_what_is_not_carried_is_said():
    found = only(
        ["{run: a, env: {TOKEN: secret}, continue-on-error: true}", "{if: failure(), run: b}"],
        **{"runs-on": "ubuntu-latest", "needs": "[lint, test]", "env": "{KEY: secret}", "concurrency": "deploy"},
    )
    assert found.command[-1] == "a"
    assert found.overlap == "wait"
    assert found.remarks == (
        "step 2 is not carried, for it has an if",
        "step 1: not carried: env (TOKEN), continue-on-error",
        "its concurrency group became a lock of this job alone; for one that jobs share: Lock(key=...)",
        "not carried: runs-on: ubuntu-latest, env (KEY)",
        "it needs lint, test, and is due at the same time: make one job of them, or enqueue it at the end of that",
    )


def test_one_that_cancels_what_runs():
    assert only(["run: a"], concurrency="{group: x, cancel-in-progress: true}").overlap == "cancel_running"


@pytest.mark.parametrize("on", ["on: push", "on: [push]", "on: {push: {}}", "jobs: {}", "3"])
def test_a_workflow_without_a_schedule_is_said(on):
    assert read(on) == (Remark(".github/workflows/nightly.yml", "is no workflow with on.schedule, and not read"),)


def test_other_triggers_are_said():
    (remark, _) = read(NIGHTLY.replace("on:", "on:\n  workflow_dispatch:"))
    assert remark.text == "it is also run on workflow_dispatch; enqueue its jobs where that is wanted"


def test_a_schedule_that_cannot_be_said_is_left_out():
    (found,) = read(NIGHTLY.replace("17 3 * * *", "0 0 30 2 *"))
    assert found.problem.startswith("'0 0 30 2 *': no day ever matches it, for month 2 has no")
