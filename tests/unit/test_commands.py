"""Commands in place of handlers: what may be declared, what they are given, and what is kept and said of them."""

from __future__ import annotations

import itertools
import os
import re
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota import CommandError, Cron, Endpoint, Job, Lock, Manifest, ManifestError, Outcome, Queue, Retry, Run
from rota.argv import MAX_BYTES, argv_text
from rota.commands import missing
from rota.commands.environment import environment
from rota.commands.output import PIECE, TAIL_LENGTH, TAIL_LINES, Output
from rota.commands.telling import failure, success
from rota.envelope import Envelope
from rota.failures import Failure
from rota.verdicts import REASON_LENGTH, Acknowledge, DeadLetter, SendAgain

if TYPE_CHECKING:
    from tests.unit.conftest import Fleet

WORK = Queue(name="work")
REPORT = ["./bin/report", "--daily"]
OVERDUE = "its deadline has passed"


def job(command: Any, **more: Any) -> Job[Any]:
    return Job(**{"name": "a", "command": command, "target": WORK, **more})


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing of rota's in the environment."""
    for name in [name for name in os.environ if name.startswith("ROTA_")]:
        monkeypatch.delenv(name)
    return monkeypatch


def refusal(command: Any, **more: Any) -> str:
    with pytest.raises(ManifestError) as caught:
        job(command, **more)
    return str(caught.value).removeprefix("job 'a': ")


@pytest.mark.parametrize("command", [["true"], ("sh", "-c", "a | b > c"), ["./bin/ü", "", " "]])
def test_a_command_is_kept_as_it_is_and_cannot_be_changed(command: Any) -> None:
    declared = job(command)
    assert declared.command == tuple(command)
    assert hash(declared) == hash(job(list(command)))


SUCH_AS = 'a list of strings, such as ["./bin/report", "--daily"], or ["sh", "-c", "..."] where a shell is to read it'


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("./bin/report --daily", f"command must be {SUCH_AS}; got './bin/report --daily'"),
        (b"true", f"command must be {SUCH_AS}; got b'true'"),
        (7, f"command must be {SUCH_AS}; got 7"),
        ({"true"}, f"command must be {SUCH_AS}; got {{'true'}}"),
        ([], "command must begin with the program to run"),
        (["", "a"], "command must begin with the program to run"),
        ([Path("/bin/true")], "command must be of strings alone; got PosixPath('/bin/true'), which is PosixPath"),
        (["sleep", 5], "command must be of strings alone; got 5, which is int"),
        (["a", "b\0"], "command: no argument can have a NUL, or half a character; got 'b\\x00'"),
        (["a", "\ud800"], "command: no argument can have a NUL, or half a character; got '\\ud800'"),
        (["a", "ü" * MAX_BYTES], f"command must be at most 131071 bytes in all; got {2 * MAX_BYTES + 2}"),
    ],
)
def test_what_is_no_command_is_refused_with_the_way_out(command: Any, said: str) -> None:
    assert refusal(command).startswith(said)


def test_the_longest_command_is_one_that_the_system_takes() -> None:
    import subprocess

    longest = ["true", "a" * (MAX_BYTES - 5)]
    assert job(longest).command is not None
    assert subprocess.run(longest, check=False).returncode == 0
    assert "got 131072" in refusal([*longest, ""])


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ({"handler": "a:b"}, "command stands in place of a handler: leave out one of them; got handler 'a:b'"),
        ({"payload": dict}, "a command takes neither payload nor input"),
        ({"input": 5}, "a command takes neither payload nor input"),
        ({"isolation": "process"}, 'isolation="process" is for handlers'),
        ({"target": Endpoint(name="node", ledger=False)}, "command runs where rota does"),
    ],
)
def test_what_belongs_to_a_handler_is_refused_beside_it(beside: dict[str, Any], said: str) -> None:
    assert refusal(REPORT, **beside).startswith(said)


def test_a_job_needs_one_of_the_two() -> None:
    assert "handler must read" in refusal(None)


def test_a_command_runs_behind_endpoints_whose_servers_have_the_middleware() -> None:
    both = [Endpoint(name="web"), Endpoint(name="node", ledger=False)]
    assert job(REPORT, target=both).command == tuple(REPORT)


def test_a_command_is_shown_as_a_shell_takes_it() -> None:
    assert argv_text(["sh", "-c", "a | b"]) == "sh -c 'a | b'"


def lines_of(*chunks: bytes) -> tuple[list[str], str]:
    lines: list[str] = []
    output = Output(lines.append)
    for chunk in chunks:
        output.feed(chunk)
    output.close()
    return lines, output.tail


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_however_output_is_cut_its_lines_and_its_tail_are_the_same(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(data)]
    chunks = [data[start:end] for start, end in itertools.pairwise(edges)]
    assert lines_of(*chunks) == lines_of(data)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=80), max_size=60))
def test_the_tail_is_the_end_of_the_last_lines(printed: list[str]) -> None:
    lines, tail = lines_of("\n".join(printed).encode())
    assert lines == [line.rstrip() for line in printed if line.strip()]
    assert len(tail) <= TAIL_LENGTH
    whole = "\n".join(lines[-TAIL_LINES:])
    assert whole.endswith(tail.removeprefix("…"))
    assert len(tail) == min(len(whole), TAIL_LENGTH)


def test_a_line_without_an_end_comes_in_pieces_and_takes_no_more_memory_than_one() -> None:
    lines: list[str] = []
    output = Output(lines.append)
    for _ in range(1000):
        output.feed(b"x" * 1000)
        assert len(output._partial) <= PIECE
    output.close()
    assert [len(line) for line in lines] == [PIECE] * (1_000_000 // PIECE) + [1_000_000 % PIECE]
    assert lines_of(b"x" * 1_000_000)[0] == lines
    assert output.tail.endswith("\n" + lines[-1])
    assert len(output.tail) == TAIL_LENGTH


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert lines_of(b"caf\xe9 \xc3", b"\xbc \xf0\x9f") == (["caf� ü �"], "caf� ü �")


def test_of_a_progress_bar_the_last_counts() -> None:
    assert lines_of(b"1 %\r50 %\r100 %\r\ndone\r\n") == (["100 %", "done"], "100 %\ndone")


def test_a_command_has_the_servers_environment_and_its_run(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("SHOP", "open")
    bare.setenv("ROTA_STAGE", "staging")
    bare.setenv("ROTA_KEYS", "whsec_secret")
    bare.setenv("ROTA_TOKEN", "another run's")
    due = datetime(2026, 1, 31, 2, tzinfo=UTC)
    found = environment(Run(job="a", id="a@1\0", attempt=2, queue="work", token=None, scheduled_at=due, deadline=due))
    assert {name: value for name, value in found.items() if name.startswith(("ROTA_", "SHOP"))} == {
        "SHOP": "open",
        "ROTA_STAGE": "staging",
        "ROTA_WORKER": "off",
        "ROTA_JOB": "a",
        "ROTA_RUN": "a@1?",
        "ROTA_ATTEMPT": "2",
        "ROTA_SCHEDULED_AT": "2026-01-31T02:00:00Z",
        "ROTA_DEADLINE": "2026-01-31T02:00:00Z",
    }
    assert environment(Run(job="a", id="1", attempt=1, queue="work", token=7))["ROTA_TOKEN"] == "7"
    assert os.environ["ROTA_KEYS"] == "whsec_secret"


def test_whether_there_is_such_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = tmp_path / "bin" / "report"
    report.parent.mkdir()
    assert missing(["./bin/report"]) == f"there is no './bin/report' in {tmp_path}"
    report.write_text("#!/bin/sh\n")
    assert missing(["./bin/report"]) == "'./bin/report' is not executable; chmod +x ./bin/report"
    report.chmod(0o755)
    assert missing(["./bin/report"]) is None
    assert missing(["./bin"]) == "'./bin' is a directory"
    assert missing(["report"]) == "there is no program 'report' in PATH"
    monkeypatch.setenv("PATH", str(report.parent))
    assert missing(["report"]) is None


@pytest.mark.parametrize(
    ("code", "told", "killed_after", "said"),
    [
        (3, None, None, "exit code 3"),
        (-signal.SIGSEGV, None, None, "ended by SIGSEGV"),
        (-signal.SIGKILL, None, None, "ended by SIGKILL, as when memory runs out"),
        (-40, None, None, "ended by signal 40"),
        (-signal.SIGTERM, OVERDUE, None, f"ended by SIGTERM when it was told to stop: {OVERDUE}"),
        (0, OVERDUE, None, f"exit code 0 when it was told to stop: {OVERDUE}"),
        (-signal.SIGKILL, OVERDUE, 4.0, f"killed 4 s after it was told to stop: {OVERDUE}"),
        (
            None,
            None,
            None,
            "exit code not known: something else in this server waits for its processes, or ignores SIGCHLD",
        ),
    ],
)
def test_how_a_command_failed(code: int | None, told: str | None, killed_after: float | None, said: str) -> None:
    silent = failure(code, "", told=told, killed_after=killed_after)
    assert (str(silent), silent.exit_code, silent.output) == (f"{said}, without output", code, "")
    spoke = failure(code, "no disk\x1b", told=told, killed_after=killed_after)
    assert (str(spoke), spoke.output) == (f"{said}; its output ends:\nno disk?", "no disk\x1b")


def test_the_longest_reason_still_has_the_end_of_the_output() -> None:
    tail = lines_of(b"x" * 5000 + b" the end")[1]
    said = Failure.of(failure(-9, tail, told=f"another server may own this run: {OVERDUE}", killed_after=4.0)).said
    assert len(f"attempts exhausted (100): {said}") <= REASON_LENGTH
    assert said.endswith(" the end")
    assert success(tail).endswith(" the end")


def deliver(fleet: Fleet, script: str, **declared: Any) -> Any:
    runner = fleet.runner(handler="", command=["sh", "-c", script], **declared)
    return fleet.deliver(runner, Envelope(job="work", run="1"))


def test_a_command_that_succeeds_is_acknowledged_with_its_output(
    fleet: Fleet, recorded: pytest.LogCaptureFixture
) -> None:
    verdict = deliver(fleet, "echo sold $ROTA_JOB $ROTA_RUN; echo oops >&2")
    assert (verdict.outcome, verdict.settle) == (Outcome.SUCCEEDED, Acknowledge())
    assert verdict.reason == "exit code 0; its output ends:\nsold work 1\noops"
    printed = [record for record in recorded.records if record.name == "rota.command"]
    assert [record.getMessage() for record in printed] == ["sold work 1", "oops"]
    assert {vars(record)["rota_run"] for record in printed} == {"1"}


def test_a_command_that_fails_is_tried_again_and_then_dead_lettered(
    fleet: Fleet, recorded: pytest.LogCaptureFixture
) -> None:
    verdict = deliver(fleet, "echo no disk; exit 3")
    assert verdict.outcome is Outcome.FAILED
    assert isinstance(verdict.settle, SendAgain)
    assert verdict.reason == "exit code 3; its output ends:\nno disk"
    assert not any(record.exc_info for record in recorded.records)
    last = deliver(fleet, "echo no disk; exit 3", retry=Retry(attempts=1))
    assert isinstance(last.settle, DeadLetter)
    assert last.reason == "attempts exhausted (1): exit code 3; its output ends:\nno disk"


@pytest.mark.parametrize("error", [CommandError, "rota.errors:CommandError", "rota:CommandError"])
def test_retries_know_a_commands_failure(fleet: Fleet, error: Any) -> None:
    assert isinstance(deliver(fleet, "exit 3", retry=Retry(on=[error])).settle, SendAgain)
    assert isinstance(deliver(fleet, "exit 3", retry=Retry(on=["OSError"])).settle, DeadLetter)
    given_up = deliver(fleet, "exit 3", retry=Retry(give_up_on=[error]))
    assert given_up.reason == "not to be tried again: exit code 3, without output"


def test_a_program_that_is_not_there_is_tried_again_for_a_deploy_may_bring_it(fleet: Fleet) -> None:
    runner = fleet.runner(handler="", command=["./no/such"])
    verdict = fleet.deliver(runner, Envelope(job="work", run="1"))
    assert isinstance(verdict.settle, SendAgain)
    assert verdict.reason == f"./no/such cannot be started: there is no './no/such' in {Path.cwd()}"


def test_output_and_exit_code_are_on_record(fleet: Fleet) -> None:
    runner = fleet.runner(handler="", command=["sh", "-c", "echo token $ROTA_TOKEN"], ledger=True, lock=Lock())
    verdict = fleet.deliver(runner, Envelope(job="work", run="1"))
    assert verdict.on_record
    token = fleet.record.token
    assert (fleet.record.outcome, fleet.record.reason) == (
        Outcome.SUCCEEDED,
        f"exit code 0; its output ends:\ntoken {token}",
    )


def test_nothing_of_a_message_becomes_part_of_what_is_run(fleet: Fleet) -> None:
    runner = fleet.runner(handler="", command=["sh", "-c", 'echo "$#" "$@"', "own"])
    body = '{"rota":1,"job":"work","run":"$(id)","command":["id"],"payload":{"command":["id"]},"handler":"os:getpid"}'
    assert fleet.deliver(runner, body).reason == "exit code 0; its output ends:\n0"


def test_a_command_is_no_part_of_what_a_schedule_sends() -> None:
    scheduled = job(["sh", "-c", "secret"], schedule=Cron("0 2 * * *"))
    assert Manifest(name="shop", jobs=[scheduled]).find("a") is scheduled
    assert scheduled.post is None


@pytest.mark.usefixtures("bare")
def test_the_page_about_commands_declares_what_it_says() -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/run-commands.md").read_text(encoding="utf-8")
    found: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], found)
    assert [declared.command for declared in found["manifest"].jobs] == [
        ("./bin/report", "--daily"),
        ("sh", "-c", "pg_dump shop | gzip > /backup/shop.gz"),
    ]
    due = datetime(2026, 1, 31, tzinfo=UTC)
    run = Run(job="a", id="1", attempt=1, queue="q", token=1, scheduled_at=due, enqueued_at=due, deadline=due)
    told = re.findall(r"^\| `(ROTA_\w+)` \|", page, re.MULTILINE)
    assert set(told) == {name for name in environment(run) if name.startswith("ROTA_")}
