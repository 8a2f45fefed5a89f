"""The pytest plugin as users have it: pytest runs in a project of their own."""

import pytest

pytest_plugins = ["pytester"]

JOBS = """
from datetime import timedelta

from rota import Cron, Every, Job, Manifest, Queue

reports = Queue(name="reports")
manifest = Manifest(
    name="shop",
    jobs=[
        Job(name="sync", handler="shop:sync", target=reports, schedule=Every(timedelta(minutes=5))),
        Job(
            name="close-books",
            handler="shop:close_books",
            target=reports,
            schedule=Cron("0 2 * * *", time_zone="Europe/Berlin"),
        ),
    ],
)
"""

SHOP = """
def close_books(run):
    pass

def sync():
    pass
"""

SNAPSHOT = """
def test_what_will_run_when(rota_snapshot):
    rota_snapshot("schedules.txt")
"""

SYNTH = """
import pytest
from rota_cdk.testing import assert_scheduled

def test_every_job_is_scheduled(rota_template, rota_manifest):
    for job in rota_manifest.jobs:
        assert_scheduled(rota_template, job)
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's project; pytest there is a process of its own, with every plugin that is installed."""
    pytester.makepyfile(jobs=JOBS, shop=SHOP)
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist", *arguments)


def said(result: pytest.RunResult) -> str:
    return result.stdout.str()


def change(project: pytest.Pytester, before: str, after: str) -> None:
    jobs = project.path / "jobs.py"
    text = jobs.read_text()
    assert before in text
    jobs.write_text(text.replace(before, after))


# The manifest


def test_it_is_jobs_manifest_unless_told_otherwise(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(rota_manifest): assert rota_manifest.name == 'shop'")
    run(project).assert_outcomes(passed=1)


def test_the_setting_and_before_it_the_option_say_where_it_is(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nrota_manifest = more.manifests:second")
    project.makepyfile("def test_it(rota_manifest): assert rota_manifest.name == 'second'")
    project.mkpydir("more")
    (project.path / "more/manifests.py").write_text(
        JOBS.replace("manifest =", "second =").replace('"shop"', '"second"')
    )
    run(project).assert_outcomes(passed=1)
    result = run(project, "--rota-manifest", "jobs:manifest")
    result.assert_outcomes(failed=1)
    assert "'shop' == 'second'" in said(result)


def test_it_is_found_from_a_folder_below_too(project: pytest.Pytester) -> None:
    project.makeini("[pytest]")
    below = project.mkdir("tests")
    (below / "test_it.py").write_text("def test_it(rota_manifest): assert rota_manifest.name == 'shop'")
    project.chdir()
    result = project.run("env", "-C", str(below), project_python(), "-m", "pytest", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)


def project_python() -> str:
    import sys

    return sys.executable


def test_one_that_is_not_there_is_told_with_the_way_out(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(rota_manifest): pass")
    result = run(project, "--rota-manifest", "jbos:manifest")
    result.assert_outcomes(errors=1)
    assert "there is no module 'jbos'" in said(result)
    assert "During handling of the above exception" not in said(result)
    assert 'rota_manifest = "shop.jobs:manifest"' in said(result)


# Handlers


def test_every_handler_that_does_not_fit_is_named(project: pytest.Pytester) -> None:
    project.makepyfile(
        "from rota_cdk.testing import assert_handlers\ndef test_it(rota_manifest): assert_handlers(rota_manifest)"
    )
    run(project).assert_outcomes(passed=1)
    (project.path / "shop.py").write_text("def close_books(run, more): pass\n")
    result = run(project)
    result.assert_outcomes(failed=1)
    assert "manifest 'shop' and its handlers do not agree, 2 problems" in said(result)
    assert "job 'sync': handler 'shop:sync': 'shop' has no 'sync'" in said(result)
    assert "job 'close-books': handler 'shop:close_books': parameter 'more' has nothing to receive" in said(result)


# The snapshot


def test_a_snapshot_is_made_when_asked_and_then_compared(project: pytest.Pytester) -> None:
    project.makepyfile(SNAPSHOT)
    missing = run(project)
    missing.assert_outcomes(failed=1)
    assert "make it with `pytest --rota-update`" in said(missing)
    assert not (project.path / "schedules.txt").exists()
    run(project, "--rota-update").assert_outcomes(passed=1)
    run(project).assert_outcomes(passed=1)


def test_a_change_of_one_job_is_a_small_difference(project: pytest.Pytester) -> None:
    project.makepyfile(SNAPSHOT)
    run(project, "--rota-update").assert_outcomes(passed=1)
    before = (project.path / "schedules.txt").read_text()
    change(project, "0 2 * * *", "0 3 * * *")

    result = run(project)

    result.assert_outcomes(failed=1)
    changed = [
        line.removeprefix("E       ")
        for line in said(result).splitlines()
        if line.startswith(("E       -", "E       +"))
    ]
    assert changed[:2] == ["--- schedules.txt", "+++ manifest 'shop' now"]
    assert changed[2:] == [
        "-  schedule  0 2 * * *",
        "+  schedule  0 3 * * *",
        "-  aws       cron(0 2 * * ? *)",
        "-  next      Fri 2027-01-01 02:00:00 +0100",
        "-            Sat 2027-01-02 02:00:00 +0100",
        "-            Sun 2027-01-03 02:00:00 +0100",
        "+  aws       cron(0 3 * * ? *)",
        "+  next      Fri 2027-01-01 03:00:00 +0100",
        "+            Sat 2027-01-02 03:00:00 +0100",
        "+            Sun 2027-01-03 03:00:00 +0100",
    ]
    assert "if it is meant so: `pytest --rota-update`, and commit schedules.txt" in said(result)
    run(project, "--rota-update").assert_outcomes(passed=1)
    after = (project.path / "schedules.txt").read_text()
    assert len(set(after.splitlines()) ^ set(before.splitlines())) == 10


def test_a_new_job_is_added_lines_alone_wherever_it_stands(project: pytest.Pytester) -> None:
    project.makepyfile(SNAPSHOT)
    run(project, "--rota-update").assert_outcomes(passed=1)
    before = (project.path / "schedules.txt").read_text().splitlines()
    change(
        project,
        "    jobs=[",
        '    jobs=[\n        Job(name="purge", handler="shop:sync", target=reports, enabled=False,'
        ' schedule=Cron("@daily")),',
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    run(project, "--rota-update").assert_outcomes(passed=1)
    after = (project.path / "schedules.txt").read_text().splitlines()
    start = after.index("purge")
    assert after[:start] + after[start + after[start:].index("") + 1 :] == before
    assert "  enabled   no" in after


# The template


def test_a_template_is_synthesised_once_a_session_without_the_slow_validation(project: pytest.Pytester) -> None:
    project.makepyfile(
        SYNTH
        + """
from pathlib import Path
from aws_cdk import Stack
from aws_cdk.assertions import Template

def test_it_is_the_same(rota_template, request):
    rota_template.resource_count_is("AWS::Events::Rule", 1)
    assert request.getfixturevalue("rota_template") is rota_template

def test_nothing_was_validated(rota_stack, rota_template):
    folder = Path(rota_stack.node.root.synth().directory)
    assert (folder / "Test.template.json").exists()
    assert not (folder / "validation-report.json").exists()
"""
    )
    run(project).assert_outcomes(passed=3)


def test_a_stack_of_the_users_own_takes_its_place(project: pytest.Pytester) -> None:
    project.makeconftest(
        """
import pytest
from aws_cdk import Stack
from rota_cdk import Rota
from jobs import manifest

@pytest.fixture(scope="session")
def rota_stack(rota_app):
    stack = Stack(rota_app, "Shop")
    Rota(stack, "Jobs", manifest=manifest, stage="staging", schedules_with="scheduler", shards=3)
    return stack
"""
    )
    project.makepyfile(
        SYNTH.replace("rota_template", "rota_templates")
        + """
def test_it_is_mine(rota_template, rota_templates):
    rota_template.has_resource_properties("AWS::SQS::Queue", {"QueueName": "shop-staging_reports"})
    rota_template.resource_count_is("AWS::Scheduler::Schedule", 0)
    assert len(rota_templates) == 4
"""
    )
    run(project).assert_outcomes(passed=2)


def test_endpoints_have_places_also_those_whose_every_server_is_asked(project: pytest.Pytester) -> None:
    project.makepyfile(
        SYNTH
        + """
from rota_cdk.testing import synth

def test_without_fixtures(rota_manifest):
    for job in rota_manifest.jobs:
        assert_scheduled(synth(rota_manifest), job)
"""
    )
    change(project, "import Cron,", "import Cron, Endpoint, EveryServer,")
    change(
        project,
        "    jobs=[",
        """    jobs=[
        Job(name="drop-caches", handler="shop:sync", target=[EveryServer(Endpoint(name="web")), Endpoint(name="cdn")],
            schedule=Cron("@daily")),
        Job(name="reload", handler="shop:sync", target=EveryServer(Endpoint(name="api")), schedule=Cron("@daily")),
        Job(name="warm", handler="shop:sync", target=Endpoint(name="web"), schedule=Cron("@daily")),""",
    )
    run(project).assert_outcomes(passed=2)


def test_a_job_that_the_template_lacks_fails_with_what_is_there(project: pytest.Pytester) -> None:
    project.makepyfile(
        SYNTH
        + """
from dataclasses import replace

def test_another(rota_template, rota_manifest):
    job = rota_manifest.find("sync")
    assert_scheduled(rota_template, replace(job, name="snyc"))
"""
    )
    result = run(project)
    result.assert_outcomes(passed=1, failed=1)
    assert "job 'snyc' is not scheduled as it is declared" in said(result)
    assert "no rule or schedule names it; there are those of 'close-books', 'sync'" in said(result)


def test_neither_cdk_nor_node_is_there_for_those_who_ask_for_nothing(project: pytest.Pytester) -> None:
    project.makepyfile("import sys\ndef test_it(rota_manifest): assert not {'aws_cdk', 'jsii'} & sys.modules.keys()")
    run(project).assert_outcomes(passed=1)
