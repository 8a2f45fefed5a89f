"""Commands in place of handlers: what may be declared."""

from pathlib import Path
from typing import Any

import pytest

from rota import Cron, Endpoint, Job, Manifest, ManifestError, Queue
from rota.argv import MAX_BYTES, argv_text

WORK = Queue(name="work")
REPORT = ["./bin/report", "--daily"]
SUCH_AS = 'a list of strings, such as ["./bin/report", "--daily"], or ["sh", "-c", "..."] where a shell is to read it'


def job(command: Any, **more: Any) -> Job[Any]:
    return Job(**{"name": "a", "command": command, "target": WORK, **more})


def refusal(command: Any, **more: Any) -> str:
    with pytest.raises(ManifestError) as caught:
        job(command, **more)
    return str(caught.value).removeprefix("job 'a': ")


@pytest.mark.parametrize("command", [["true"], ("sh", "-c", "a | b > c"), ["./bin/ü", "", " "]])
def test_a_command_is_kept_as_it_is_and_cannot_be_changed(command: Any) -> None:
    declared = job(command)
    assert declared.command == tuple(command)
    assert hash(declared) == hash(job(list(command)))


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


def test_a_command_is_no_part_of_what_a_schedule_sends() -> None:
    scheduled = job(["sh", "-c", "secret"], schedule=Cron("0 2 * * *"))
    assert Manifest(name="shop", jobs=[scheduled]).find("a") is scheduled
    assert scheduled.post is None
