"""Crontabs as cron(8) reads them."""

import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rota.envelope import Envelope
from rota.importing.crontab import read_crontab
from rota.importing.declarations import write
from rota.importing.found import CronText, FoundJob, Remark, UnreadableError


def only(text: str, **options: Any) -> FoundJob:
    """The one job of a crontab, and its remarks."""
    (job,) = (each for each in read_crontab(text, **options) if isinstance(each, FoundJob))
    return job


def jobs_of(text: str, **options: Any) -> list[FoundJob]:
    return [each for each in read_crontab(text, **options) if isinstance(each, FoundJob)]


def zone(job: FoundJob) -> str:
    assert isinstance(job.when, CronText)
    return job.when.time_zone


def problem(text: str, **options: Any) -> str:
    """Why the one job is left out."""
    job = only(text, **options)
    assert job.problem
    return job.problem


def remarks(text: str, **options: Any) -> list[tuple[str, str]]:
    return [(each.place, each.text) for each in read_crontab(text, **options) if isinstance(each, Remark)]


def test_a_line_is_a_job_that_runs_as_cron_would_run_it() -> None:
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


def test_a_comment_describes_the_line_below_it_alone() -> None:
    jobs = jobs_of("# One\n\n0 1 * * * a\n# Two\n0 2 * * * b\n0 3 * * * c", time_zone="UTC")
    assert [job.description for job in jobs] == ["", "Two", ""]


@pytest.mark.parametrize(
    "comment", ["# 0 5 * * * ./old", "#*/5 * * * * ./old", "# @daily x", "#----", "# m h  dom mon dow   command"]
)
def test_what_describes_nothing_is_no_description(comment: str) -> None:
    assert only(f"{comment}\n0 1 * * * a").description == ""


def test_names_of_times() -> None:
    assert only("@daily ./x", time_zone="UTC").when == CronText(expression="@daily")
    assert problem("@reboot ./x").startswith("'@reboot': ")


def test_a_system_crontab_has_users() -> None:
    job = only("17 * * * *\troot\tcd / && run-parts --report /etc/cron.hourly", system=True)
    assert job.command == ("sh", "-c", "cd / && run-parts --report /etc/cron.hourly")
    assert job.remarks == ("user 'root' is not carried: commands run as the user of the worker",)
    assert only("@daily www ./x", system=True).command == ("./x",)


@pytest.mark.parametrize("text", ["0 2 * * * root /usr/bin/backup", "0 1 * * * www ./x\n@daily root\t./y --all"])
def test_what_may_be_a_column_of_users_is_asked_for(text: str) -> None:
    with pytest.raises(UnreadableError, match=r"such as root: give --system if .*; --user if it is the program"):
        read_crontab(text)
    assert jobs_of(text, system=False)[0].command[0] in ("root", "www")
    assert jobs_of(text, system=True)[0].command[0].startswith(("./", "/"))


@pytest.mark.parametrize(
    "text", ["0 2 * * * ./x a\n0 3 * * * root -b", "0 2 * * * git gc", "0 2 * * * root", "# root x"]
)
def test_what_is_no_column_of_users_is_read(text: str) -> None:
    assert all(isinstance(each, Remark) or not each.problem for each in read_crontab(text))


@pytest.mark.parametrize("user", ["./x", "/usr/bin/x", "*", "$X", "-l"])
def test_a_column_that_is_none_of_users_is_left_out(user: str) -> None:
    assert problem(f"0 2 * * * {user} --all", system=True) == (
        f"{user!r} is no user: if this crontab has no column of users, give --user"
    )
    assert only("0 2 * * * ops:wheel ./x", system=True).problem is None  # as FreeBSD has it


def test_a_command_put_into_the_background_is_waited_for() -> None:
    job = only("0 2 * * * sleep 0 && echo done &", time_zone="UTC")
    assert job.command == ("sh", "-c", "sleep 0 && echo done")
    assert job.remarks == ("the & at its end is taken off: the job lasts until the command has ended",)
    assert job.problem is None


def test_a_command_that_leaves_work_behind_is_left_out() -> None:
    assert problem("0 2 * * * (sleep 30; ./x) & ./y &") == (
        "what its & puts into the background is ended with the job: take out the &, or wait for it"
    )


@pytest.mark.parametrize("command", ["./x &>/dev/null", "./x &>>x.log &"])
def test_a_redirection_that_only_bash_knows_is_left_out_for_sh_with_the_way_out(command: str) -> None:
    assert problem(f"0 2 * * * {command}") == (
        "its &> redirects in bash; sh may read it as & and >, and what is in the background is ended with the job: "
        "write > FILE 2>&1, or SHELL=/bin/bash above it"
    )
    assert "; /bin/dash may read it" in problem(f"SHELL=/bin/dash\n0 2 * * * {command}")
    assert only(f"SHELL=/bin/bash\n0 2 * * * {command}").problem is None
    assert only("0 2 * * * ./x > /dev/null 2>&1").problem is None


@pytest.mark.parametrize(("line", "system"), [("0 2 * * *", False), ("0 2 * * * root", True), ("@daily", False)])
def test_a_line_without_a_command_is_said(line: str, system: bool) -> None:
    assert remarks(line, system=system) == [("line 1", f"is no line of a crontab: {line}")]


def test_a_schedule_that_cannot_be_said_is_left_out_with_the_reason() -> None:
    assert problem("0 0 30 2 * x").startswith("'0 0 30 2 *': no day ever matches it, for month 2 has no")


@pytest.mark.parametrize("line", ["MAILTO=a@b.c", "PATH = /bin", 'HOME="/srv"', "'FOO'=bar=baz", "LANG="])
def test_an_environment_line_is_said(line: str) -> None:
    ((place, text),) = remarks(line)
    name = line.partition("=")[0].strip().strip("'")
    assert place == "line 1"
    assert text.startswith(f"{name} is not carried: ")


def test_a_job_that_names_a_variable_set_above_says_so() -> None:
    job = only("KEY=secret\n0 2 * * * ./x $KEY $OTHER", time_zone="UTC")
    assert job.remarks == ("it names $KEY, set on line 1, which is not carried; set it where workers run",)
    assert job.command == ("sh", "-c", "./x $KEY $OTHER")


def test_the_shell_is_that_of_the_crontab() -> None:
    jobs = jobs_of("0 1 * * * a | b\nSHELL=/bin/bash\n0 2 * * * a | b\n0 3 * * * a", time_zone="UTC")
    assert [job.command for job in jobs] == [("sh", "-c", "a | b"), ("/bin/bash", "-c", "a | b"), ("a",)]


def test_zones_count_for_the_lines_below() -> None:
    text = "0 1 * * * a\nCRON_TZ=Europe/Berlin\n0 2 * * * b\nTZ=Asia/Tokyo\n0 3 * * * c\nCRON_TZ=\n0 4 * * * d"
    jobs = jobs_of(text)
    assert [zone(job) for job in jobs] == ["UTC", "Europe/Berlin", "Europe/Berlin", "Asia/Tokyo"]
    assert [place for place, _ in remarks(text)] == ["line 1", "line 4"]


def test_a_zone_given_goes_before_tz_which_most_crons_do_not_heed() -> None:
    assert zone(only("TZ=Asia/Tokyo\n0 3 * * * c", time_zone="UTC")) == "UTC"
    assert "not used" in remarks("TZ=Asia/Tokyo\n0 3 * * * c", time_zone="UTC")[0][1]


def test_a_zone_that_is_none_is_a_reason_to_leave_a_job_out() -> None:
    assert (
        problem("CRON_TZ=Mars\n0 3 * * * c") == "time_zone 'Mars' is not an IANA name such as 'Europe/Berlin' or 'UTC'"
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
def test_percent_signs_do_what_they_do_in_cron(command: str, output: str) -> None:
    argv = only(f"0 0 * * * {command}").command
    assert subprocess.run(argv, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout == output


def test_it_runs_in_a_worker(fleet: Any) -> None:
    runner = fleet.runner(handler="", command=list(only("0 0 * * * cat | tr a-z A-Z%sold%out").command))
    verdict = fleet.deliver(runner, Envelope(job="work", run="1"))
    assert verdict.reason == "exit code 0; its output ends:\nSOLD\nOUT"


def test_the_exit_code_is_that_of_the_command_also_with_input() -> None:
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
def test_every_line_is_a_job_a_remark_a_comment_or_blank(lines: list[str], system: bool) -> None:
    found = read_crontab("\n".join(lines), system=system)
    said = {each.place for each in found}
    for number, text in enumerate(lines, 1):
        bare = text.strip(" \t")
        carried = bare.split("=")[0].strip() in ("SHELL", "CRON_TZ") and "=" in bare
        assert not bare or bare.startswith("#") or carried or f"line {number}" in said, text
    written = write(found, manifest="shop", queue="work", source="x")
    scope: dict[str, Any] = {"__name__": "jobs"}
    exec(compile(written.text, "jobs.py", "exec"), scope)
    declared = [each for each in found if isinstance(each, FoundJob) and not each.problem]
    assert [job.command for job in scope["manifest"].jobs] == [each.command for each in declared]
