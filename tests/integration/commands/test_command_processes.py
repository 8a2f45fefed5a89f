"""Commands as real processes: signals, process groups, and what outlives whom."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING

import pytest

from rota import CommandError, Run, commands
from rota.commands import child

if TYPE_CHECKING:
    from tests.integration.commands.conftest import Shell


def test_it_has_a_group_of_its_own_no_input_and_no_shell(shell: Shell) -> None:
    said = shell.run("cut -d' ' -f5,6 /proc/self/stat; echo $$; wc -c; echo")
    group, session, own = [*said.split("\n")[1].split(), said.split("\n")[2]]
    assert group == session == own != str(os.getpgrp())
    assert said.endswith("\n0")
    assert shell.program("echo", "$HOME", ";", "false").endswith("\n$HOME ; false")


def test_no_descriptor_of_the_server_is_in_it_but_its_lifeline(shell: Shell) -> None:
    inheritable = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(inheritable, True)
    try:
        said = shell.run("for fd in /proc/self/fd/*; do readlink $fd; done; true")
    finally:
        os.close(inheritable)
    first, *pipes = sorted(said.split("\n")[1:], key=lambda line: line.startswith("pipe:"))
    assert (first, len(pipes)) == ("/dev/null", 3)


def test_told_to_stop_it_gets_sigterm_and_says_its_last_words(shell: Shell) -> None:
    error = shell.told("trap 'echo tidied; exit 7' TERM; echo > started; while :; do sleep 0.05; done")
    assert error.exit_code == 7
    assert str(error).startswith(f"exit code 7 when it was told to stop: {shell.word}; its output ends:\n")
    assert error.output.endswith("tidied")


def test_exit_code_0_after_the_word_to_stop_is_no_success(shell: Shell) -> None:
    error = shell.told("trap 'exit 0' TERM; echo > started; while :; do sleep 0.05; done")
    assert str(error).startswith(f"exit code 0 when it was told to stop: {shell.word}")


def test_what_does_not_heed_sigterm_is_killed_with_all_that_it_has_started(shell: Shell) -> None:
    error = shell.told("trap '' TERM; sleep 60 & echo $! > helper; echo > started; sleep 60; sleep 60", kill_after=0.3)
    said = f"killed 0.3 s after it was told to stop: {shell.word}, without output"
    assert (error.exit_code, str(error)) == (-9, said)
    shell.sees_end_of(int(shell.wrote("helper")))


def test_what_it_has_started_is_killed_too_where_it_ends_itself(shell: Shell) -> None:
    (shell.folder / "program").write_text("trap '' TERM; echo $$ > started; while :; do sleep 0.05; done")
    error = shell.told("trap 'exit 7' TERM; sh program & wait", kill_after=0.3)
    assert str(error) == f"exit code 7 when it was told to stop: {shell.word}, without output"
    shell.sees_end_of(int(shell.wrote("started")))


def test_a_shell_that_goes_before_its_program_does_not_cut_its_last_words(shell: Shell) -> None:
    program = "trap 'sleep 0.5; echo tidied > tidied; exit' TERM; echo > started; while :; do sleep 0.05; done"
    (shell.folder / "program").write_text(program)
    error = shell.told("sh program > log; echo never")
    assert error.exit_code == -signal.SIGTERM
    assert (shell.folder / "tidied").exists()


def test_what_is_left_in_the_group_ends_with_the_command(shell: Shell) -> None:
    assert shell.run("sleep 60 & echo $! > helper; echo done").endswith("\ndone")
    shell.sees_end_of(int(shell.wrote("helper")))


def test_what_has_left_the_group_and_keeps_the_pipe_does_not_hang_the_run(shell: Shell) -> None:
    said = shell.run(
        "setsid sh -c 'echo $$ > daemon; while :; do echo noise; done' & while ! test -s daemon; do :; done"
    )
    daemon = int(shell.wrote("daemon"))
    assert said.startswith("exit code 0")
    shell.sees_end_of(daemon)  # of SIGPIPE: nobody reads any more


def test_nor_does_what_keeps_it_and_says_nothing(shell: Shell) -> None:
    said = shell.run("setsid sh -c 'echo $$ > daemon; exec sleep 60' & while ! test -s daemon; do :; done; echo done")
    daemon = int(shell.wrote("daemon"))
    assert said.endswith("\ndone")
    assert shell.is_alive(daemon)
    os.kill(daemon, signal.SIGKILL)


def test_what_closes_its_output_is_still_waited_for(shell: Shell) -> None:
    assert shell.run("exec > /dev/null 2>&1; sleep 0.3; echo > ended") == "exit code 0, without output"
    assert (shell.folder / "ended").exists()


def test_endless_output_takes_neither_memory_nor_the_end(shell: Shell) -> None:
    error = shell.told("echo > started; exec tr '\\0' x < /dev/zero")
    assert error.exit_code == -signal.SIGTERM
    assert len(error.output) == 700


def test_a_death_by_a_signal_is_said_by_its_name(shell: Shell) -> None:
    assert str(shell.fails("kill -SEGV $$")) == "ended by SIGSEGV, without output"
    assert str(shell.fails("kill -KILL $$")) == "ended by SIGKILL, as when memory runs out, without output"


def test_what_cannot_be_started_says_why(shell: Shell) -> None:
    script = shell.folder / "script"
    for text, why in (("#!/no/such/shell\n", "No such file or directory"), ("echo\n", "Exec format error")):
        script.write_text(text)
        script.chmod(0o755)
        with pytest.raises(CommandError) as raised:
            shell.program(str(script))
        assert str(raised.value) == f"{script} cannot be started: {why}"
    assert not child._running


def test_a_log_that_fails_ends_the_command_too(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(child.log, "info", full)  # as a filter of the user's may
    with pytest.raises(OSError, match="no space left"):
        shell.run("echo $$ > started; echo; echo printed; sleep 60")
    shell.sees_end_of(int(shell.wrote("started")))


def test_those_that_were_told_are_waited_for_and_no_others(shell: Shell) -> None:
    assert not commands.wait_for_told()
    other = threading.Thread(target=commands.run, args=(["sleep", "1"], Run(job="a", id="2", attempt=1, queue="work")))
    other.start()
    script = "trap 'sleep 0.3; echo > ended; exit 1' TERM; echo > started; while :; do sleep 0.05; done"
    failing = shell.threads.submit(shell.fails, script)
    shell.wrote("started")
    assert not commands.wait_for_told()
    shell.stop.request(shell.word)
    assert commands.wait_for_told()
    assert (shell.folder / "ended").exists()
    assert other.is_alive()
    failing.result(30)
    other.join()


SERVER = """
import os, sys, threading
from rota import Run, commands
script = "trap '' TERM; (trap '' TERM; echo $$ > one; sleep 60) & echo $! > two; echo $$ > three; sleep 60; sleep 60"
threading.Thread(target=commands.run, args=(["sh", "-c", script], Run(job="a", id="1", attempt=1, queue="q")),
                 daemon=True).start()
if os.fork() == 0:  # by the application: it holds what it has inherited
    import time; time.sleep(60)
sys.stdin.readline()
if sys.argv[1] == "exit": os._exit(1)
"""


@pytest.mark.parametrize("how", ["exit", "kill", "return"])
def test_no_command_outlives_its_server(shell: Shell, how: str) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVER), how],
        cwd=shell.folder,
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert server.stdin is not None
    try:
        pids = [int(shell.wrote(name)) for name in ("two", "three")]
        if how == "kill":
            server.kill()
        else:
            server.stdin.write("\n")
            server.stdin.flush()
        server.wait(30)
        for pid in pids:
            shell.sees_end_of(pid)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
