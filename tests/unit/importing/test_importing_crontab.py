"""Crontabs as cron(8) reads them."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rota.envelope import Envelope
from rota.importing.crontab import read_crontab
from rota.importing.declarations import write
from rota.importing.found import CronText, FoundJob, Remark


def only(text, **options):
    """The one job of a crontab, and its remarks."""
    (job,) = (each for each in read_crontab(text, **options) if isinstance(each, FoundJob))
    return job


def remarks(text, **options):
    return [(each.place, each.text) for each in read_crontab(text, **options) if isinstance(each, Remark)]


def test_a_line_is_a_job_that_runs_as_cron_would_run_it():
    job = only("\n# Builds the report\n0 2 * * 1-5\t./bin/report --daily\n", time_zone="Europe/Berlin")
    assert job == FoundJob(
        place="line 3",
        source="0 2 * * 1-5\t./bin/report --daily",
        name="report daily",
        when=CronText(expression="0 2 * * 1-5", time_zone="Europe/Berlin"),
        command=("./bin/report", "--daily"),
        attempts=1,  # cron does not try again
        only_latest=True,  # nor make good for what it missed
        description="Builds the report",
    )


def test_a_comment_describes_the_line_below_it_alone():
    jobs = read_crontab("# One\n\n0 1 * * * a\n# Two\n0 2 * * * b\n0 3 * * * c", time_zone="UTC")
    assert [job.description for job in jobs] == ["", "Two", ""]


@pytest.mark.parametrize(
    "comment", ["# 0 5 * * * ./old", "#*/5 * * * * ./old", "# @daily x", "#----", "# m h  dom mon dow   command"]
)
def test_what_describes_nothing_is_no_description(comment):
    assert only(f"{comment}\n0 1 * * * a").description == ""


def test_names_of_times():
    assert only("@daily ./x", time_zone="UTC").when == CronText(expression="@daily")
    assert only("@reboot ./x").problem.startswith("'@reboot': ")


def test_a_system_crontab_has_users():
    job = only("17 * * * *\troot\tcd / && run-parts --report /etc/cron.hourly", system=True)
    assert job.command == ("sh", "-c", "cd / && run-parts --report /etc/cron.hourly")
    assert job.remarks == ("user 'root' is not carried: commands run as the user of the worker",)
    assert only("@daily www ./x", system=True).command == ("./x",)


@pytest.mark.parametrize(("line", "system"), [("0 2 * * *", False), ("0 2 * * * root", True), ("@daily", False)])
def test_a_line_without_a_command_is_said(line, system):
    assert remarks(line, system=system) == [("line 1", f"is no line of a crontab: {line}")]


def test_a_schedule_that_cannot_be_said_is_left_out_with_the_reason():
    assert only("0 0 30 2 * x").problem.startswith("'0 0 30 2 *': no day ever matches it, for month 2 has no")


@pytest.mark.parametrize("line", ["MAILTO=a@b.c", "PATH = /bin", 'HOME="/srv"', "'FOO'=bar=baz", "LANG="])
def test_an_environment_line_is_said(line):
    ((place, text),) = remarks(line)
    name = line.split("=")[0].strip().strip("'")
    assert place == "line 1"
    assert text.startswith(f"{name} is not carried: ")


def test_a_job_that_names_a_variable_set_above_says_so():
    job = only("KEY=secret\n0 2 * * * ./x $KEY $OTHER", time_zone="UTC")
    assert job.remarks == ("it names $KEY, set on line 1, which is not carried; set it where workers run",)
    assert job.command == ("sh", "-c", "./x $KEY $OTHER")


def test_the_shell_is_that_of_the_crontab():
    jobs = read_crontab("0 1 * * * a | b\nSHELL=/bin/bash\n0 2 * * * a | b\n0 3 * * * a", time_zone="UTC")
    assert [job.command for job in jobs] == [("sh", "-c", "a | b"), ("/bin/bash", "-c", "a | b"), ("a",)]


def test_zones_count_for_the_lines_below():
    text = "0 1 * * * a\nCRON_TZ=Europe/Berlin\n0 2 * * * b\nTZ=Asia/Tokyo\n0 3 * * * c\nCRON_TZ=\n0 4 * * * d"
    jobs = [each for each in read_crontab(text) if isinstance(each, FoundJob)]
    assert [job.when.time_zone for job in jobs] == ["UTC", "Europe/Berlin", "Europe/Berlin", "Asia/Tokyo"]
    assert [place for place, _ in remarks(text)] == ["line 1", "line 4"]


def test_a_zone_given_goes_before_tz_which_most_crons_do_not_heed():
    assert only("TZ=Asia/Tokyo\n0 3 * * * c", time_zone="UTC").when.time_zone == "UTC"
    assert "not used" in remarks("TZ=Asia/Tokyo\n0 3 * * * c", time_zone="UTC")[0][1]


def test_a_zone_that_is_none_is_a_reason_to_leave_a_job_out():
    assert (
        only("CRON_TZ=Mars\n0 3 * * * c").problem
        == "time_zone 'Mars' is not an IANA name such as 'Europe/Berlin' or 'UTC'"
    )


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (r"printf \%s 50\%", "50%"),
        ("cat%Hello%World", "Hello\nWorld\n"),
        (r"cat%It's \% done%%", "It's % done\n\n"),
        ("cat%", ""),
        ("cat # all of it%x", "x\n"),
    ],
)
def test_percent_signs_do_what_they_do_in_cron(command, output):
    argv = only(f"0 0 * * * {command}").command
    assert subprocess.run(argv, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout == output


def test_it_runs_in_a_worker(fleet):
    runner = fleet.runner(handler="", command=list(only("0 0 * * * cat | tr a-z A-Z%sold%out").command))
    verdict = fleet.deliver(runner, Envelope(job="work", run="1"))
    assert verdict.reason == "exit code 0; its output ends:\nSOLD\nOUT"


def test_the_exit_code_is_that_of_the_command_also_with_input():
    assert subprocess.run(only("0 0 * * * exit 3%x").command, check=False).returncode == 3


field = st.sampled_from(["*", "*/5", "0", "7", "22-2", "MON", "x", "99", "1,2", "L"])
word = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=12)
line = st.one_of(
    st.builds(lambda fields, command: " ".join([*fields, command]), st.lists(field, min_size=5, max_size=5), word),
    st.builds("@{} {}".format, st.sampled_from(["daily", "reboot", "x"]), word),
    st.builds("{}={}".format, st.sampled_from(["A", "MAILTO", "SHELL", "CRON_TZ", "TZ", "'q'"]), word),
    st.builds("#{}".format, word),
    word,
)


@settings(max_examples=300)
@given(st.lists(line, max_size=8), st.booleans())
def test_every_line_is_a_job_a_remark_a_comment_or_blank(lines, system):
    found = read_crontab("\n".join(lines), system=system)
    said = {each.place for each in found}
    for number, text in enumerate(lines, 1):
        bare = text.strip(" \t")
        carried = bare.split("=")[0].strip() in ("SHELL", "CRON_TZ") and "=" in bare
        assert not bare or bare.startswith("#") or carried or f"line {number}" in said, text
    written = write(found, manifest="shop", queue="work", source="x")
    scope = {"__name__": "jobs"}
    exec(compile(written.text, "jobs.py", "exec"), scope)
    declared = [each for each in found if isinstance(each, FoundJob) and not each.problem]
    assert [job.command for job in scope["manifest"].jobs] == [each.command for each in declared]
