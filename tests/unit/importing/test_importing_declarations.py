"""The jobs.py that is written of what was found."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rota import Cron, Every, Job, Lock, Manifest, Queue, Retry
from rota.importing.declarations import Said, Written, write
from rota.importing.found import CronText, FoundJob, Remark, within_limits
from rota.validators import name_problem

BARE = FoundJob(place="line 1", source="src", name="x", when=CronText(expression="0 2 * * *"), command=("./x",))
FULL = FoundJob(
    place="line 2",
    source="the source",
    name="Nightly Report!",
    when=CronText(expression="0 2 * * 5", time_zone="Europe/Berlin", only_days=(13,)),
    command=("sh", "-c", 'echo "it\'s"\n./b \\\n  --all\n'),
    queue="high_priority",
    attempts=4,
    timeout=timedelta(minutes=90),
    start_deadline=timedelta(seconds=90),
    overlap="cancel_running",
    only_latest=True,
    enabled=False,
    description='Says "hello"',
    remarks=("one\ntwo",),
)


def written(*found: FoundJob | Remark, queue: str = "work") -> Written:
    return write(tuple(found), manifest="shop", queue=queue, source="rota import crontab x")


def load(text: str) -> Manifest:
    scope: dict[str, Any] = {"__name__": "jobs"}
    exec(compile(text, "jobs.py", "exec"), scope)
    manifest = scope["manifest"]
    assert isinstance(manifest, Manifest)
    return manifest


def test_as_it_looks() -> None:
    assert written(Remark("line 1", "MAILTO is not carried"), FULL, BARE).text == (
        '"""What was scheduled elsewhere, as rota was able to read it; to be edited.\n\n'
        'Commands run as the worker does: in its folder, with its user and its environment.\n"""\n\n'
        "# Written by: rota import crontab x\n\n"
        "from datetime import timedelta\n\n"
        "from rota import Cron, Job, Lock, Manifest, Queue, Retry\n\n"
        'high_priority = Queue(name="high-priority")\n'
        'work = Queue(name="work")\n\n'
        "# line 1: MAILTO is not carried\n\n"
        "# line 2: the source\n"
        "# - one\n"
        "# two\n"
        "nightly_report = Job(\n"
        '    name="nightly-report",\n'
        "    command=[\n"
        '        "sh",\n'
        '        "-c",\n'
        '        """\\\n'
        'echo "it\'s"\n'
        "./b \\\\\n"
        "  --all\n"
        '""",\n'
        "    ],\n"
        "    target=high_priority,\n"
        "    schedule=Cron(\n"
        '        "0 2 * * 5",\n'
        '        time_zone="Europe/Berlin",\n'
        "        excluding=lambda at: at.day not in {13},\n"
        "    ),\n"
        "    retry=Retry(attempts=4),\n"
        "    timeout=timedelta(minutes=90),\n"
        '    lock=Lock(overlap="cancel_running"),\n'
        '    catch_up="latest",\n'
        "    start_deadline=timedelta(seconds=90),\n"
        "    enabled=False,\n"
        "    description='Says \"hello\"',\n"
        ")\n\n"
        "# line 1: src\n"
        "x = Job(\n"
        '    name="x",\n'
        '    command=["./x"],\n'
        "    target=work,\n"
        '    schedule=Cron("0 2 * * *"),\n'
        ")\n\n"
        "manifest = Manifest(\n"
        '    name="shop",\n'
        "    jobs=[\n"
        "        nightly_report,\n"
        "        x,\n"
        "    ],\n"
        ")\n"
    )


def test_it_loads_as_what_was_found() -> None:
    manifest = load(written(FULL).text)
    (job,) = manifest.jobs
    assert job.schedule.excluding is not None
    assert job == Job(
        name="nightly-report",
        command=["sh", "-c", 'echo "it\'s"\n./b \\\n  --all\n'],
        target=Queue(name="high-priority"),
        schedule=job.schedule,
        retry=Retry(attempts=4),
        timeout=timedelta(minutes=90),
        lock=Lock(overlap="cancel_running"),
        catch_up="latest",
        start_deadline=timedelta(seconds=90),
        enabled=False,
        description='Says "hello"',
    )


def test_what_is_left_out_is_a_comment_with_the_reason_and_can_be_taken_in() -> None:
    gone = FoundJob(place="line 9", source="@reboot x", name="boot", when=None, problem="no\ntime", command=("x",))
    found = written(gone, BARE)
    assert found.said == (Said("line 9", "boot", "no\ntime", left_out=True),)
    assert (found.jobs, found.left_out) == (1, 1)
    assert [job.name for job in load(found.text).jobs] == ["x"]
    assert "# Left out: no\n# time\n# boot = Job(\n" in found.text
    uncommented = found.text.replace("# boot,", "boot,").replace(
        found.text[found.text.index("# boot = Job(") : found.text.index("# line 1: src")],
        'boot = Job(name="boot", command=["x"], target=work)\n\n',
    )
    assert [job.name for job in load(uncommented).jobs] == ["boot", "x"]


def test_of_nothing_there_is_a_manifest_all_the_same() -> None:
    assert load(written().text) == Manifest(name="shop", jobs=[])
    assert written().text.endswith(
        'from rota import Manifest\n\nmanifest = Manifest(\n    name="shop",\n    jobs=[],\n)\n'
    )


def test_values_that_rota_refuses_are_said_and_not_declared() -> None:
    job = within_limits(
        FoundJob(
            place="", source="", name="x", when=timedelta(seconds=90), attempts=101, timeout=timedelta(), command=("",)
        )
    )
    assert (job.attempts, job.timeout) == (None, None)
    assert job.remarks == (
        "attempts must be a whole number from 1 to 100; got 101; it is not declared",
        "timeout must be from 0:00:01 to 12:00:00; got 0:00:00; it is not declared",
    )
    assert job.problem == (
        "Every: interval must be whole minutes, the precision of EventBridge; got 0:01:30; "
        'command must begin with the program to run, such as ["./bin/report", "--daily"], '
        'or ["sh", "-c", "..."] where a shell is to read it; got [\'\']'
    )


def test_a_description_that_no_schedule_takes_is_cut() -> None:
    job = within_limits(replace(BARE, description="x" * 513))
    assert job.description == "x" * 511 + "…"
    assert job.remarks == ("its description is cut to 512 characters",)
    assert within_limits(replace(BARE, description="x" * 512)) == replace(BARE, description="x" * 512)


@pytest.mark.parametrize("script", ["a\nb\nc", "\n\na\n\n", 'a\nb\n"c"', "a\n\\\nb\\", '"\n\n"'])
def test_a_script_is_written_line_by_line_and_exactly(script: str) -> None:
    text = written(replace(BARE, command=("./x", script))).text
    assert '"""\\\n' in text
    assert load(text).jobs[0].command == ("./x", script)


@pytest.mark.parametrize("name", ["class", "match", "print", "manifest", "timedelta", "work", "queue"])
def test_a_variable_hides_nothing(name: str) -> None:
    other = FoundJob(
        place="", source="", name=name, when=timedelta(minutes=5), handler="a:b", timeout=timedelta(1 / 24)
    )
    jobs = load(written(other, BARE).text).jobs
    assert [(job.name, job.queue.name) for job in jobs] == [(name, "work"), ("x", "work")]
    assert f"\n{name} = Job(" not in written(other).text or name == "queue"


def test_names_that_are_taken_or_too_long() -> None:
    wanted = ["x", "X!", "x" * 70, "x" * 64, "9 lives", "-", "é", "job"]
    jobs = [FoundJob(place="", source="", name=name, when=timedelta(minutes=5), handler="a:b") for name in wanted]
    assert [job.name for job in load(written(*jobs).text).jobs] == [
        "x",
        "x-2",
        "x" * 64,
        "x" * 62 + "-2",
        "job-9-lives",
        "job",
        "job-2",
        "job-3",
    ]


def test_every_has_a_unit_that_says_it() -> None:
    jobs = [
        FoundJob(place="", source="", name="x", when=timedelta(minutes=minutes), handler="a:b")
        for minutes in (1, 90, 120, 2880)
    ]
    found = written(*jobs)
    assert [line for line in found.text.split("\n") if "Every(" in line] == [
        "    schedule=Every(timedelta(minutes=1)),",
        "    schedule=Every(timedelta(minutes=90)),",
        "    schedule=Every(timedelta(hours=2)),",
        "    schedule=Every(timedelta(days=2)),",
    ]
    assert [job.schedule for job in load(found.text).jobs] == [Every(job.when) for job in jobs]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.text(
    "ab '\"\\\n#$é\x0c\x85\u2028", max_size=120
)
durations = st.none() | st.timedeltas(timedelta(0), timedelta(days=9))
jobs_found = st.builds(
    FoundJob,
    place=texts,
    source=texts,
    name=texts,
    when=st.builds(
        CronText,
        expression=st.sampled_from(
            ["0 2 * * *", "@daily", "1,2,3,5,7,11,13,17,19,23,29,31,37,41,43,47,53,59 */5 * * 1-5"]
        ),
        time_zone=st.sampled_from(["UTC", "America/Argentina/ComodRivadavia", "Mars"]),
        only_days=st.just(()) | st.just((1, 13)),
    )
    | st.timedeltas(timedelta(0), timedelta(days=400)),
    command=st.lists(texts, min_size=1, max_size=4).map(tuple),
    queue=st.none() | texts,
    attempts=st.none() | st.integers(0, 101),
    timeout=durations,
    start_deadline=durations,
    overlap=st.sampled_from([None, "skip", "wait", "cancel_running"]),
    only_latest=st.booleans(),
    enabled=st.booleans(),
    description=texts,
    remarks=st.lists(texts, max_size=2).map(tuple),
    problem=st.none() | texts,
).map(within_limits)
everything = st.lists(jobs_found | st.builds(Remark, texts, texts, st.booleans()), max_size=5)


@settings(max_examples=200)
@given(everything, texts)
def test_whatever_was_found_loads_with_all_that_can_be_declared(found: list[FoundJob | Remark], source: str) -> None:
    result = write(tuple(found), manifest="shop", queue="work", source=source)
    declared = [each for each in found if isinstance(each, FoundJob) and not each.problem]
    loaded = load(result.text).jobs
    assert len(loaded) == len(declared) == result.jobs
    for job, one in zip(loaded, declared, strict=True):
        assert name_problem(job.name) is None
        assert job.command == one.command
        assert job.description == one.description
        assert (job.timeout, job.start_deadline, job.enabled) == (one.timeout, one.start_deadline, one.enabled)
        schedule = Every(one.when) if isinstance(one.when, timedelta) else Cron(one.when.expression).expression
        assert schedule == (job.schedule if isinstance(one.when, timedelta) else job.schedule.expression)


@settings(max_examples=40)
@given(everything, st.sampled_from([88, 100, 120]))
def test_whatever_was_found_is_written_as_ruff_leaves_it(found: list[FoundJob | Remark], width: int) -> None:
    text = write(tuple(found), manifest="shop", queue="work", source="x").text
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--isolated", f"--line-length={width}", "-"]
    formatted = subprocess.run([*ruff, "format", *options], input=text.encode(), capture_output=True, check=True)
    assert formatted.stdout.decode() == text
    checked = subprocess.run(
        [*ruff, "check", "--select=F,I", *options], input=text.encode(), capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout.decode()


def test_it_passes_mypy(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(written(FULL, BARE, Remark("x", "y")).text)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "jobs.py"]
    checked = subprocess.run(mypy, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
