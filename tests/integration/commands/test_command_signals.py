"""What a command hears whatever its server does with signals, and whom a signal may reach."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from rota.commands import child

if TYPE_CHECKING:
    from tests.integration.commands.conftest import Shell


def test_signals_that_the_thread_has_blocked_reach_the_command(shell: Shell) -> None:
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    try:
        error = shell.fails("grep -E 'Sig(Blk|Ign)' /proc/self/status; kill -TERM $$; echo still here")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    assert error.exit_code == -signal.SIGTERM
    first, masked, second, ignored = error.output.split()
    assert (first, masked, second) == ("SigBlk:", "0" * 16, "SigIgn:")
    # Python ignores these two: a program before a pipe that is closed would go on.
    assert not int(ignored, 16) & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


def ignoring(number: int) -> Iterator[None]:
    before = signal.signal(number, signal.SIG_IGN)
    yield
    signal.signal(number, before)


@pytest.fixture
def sigterm_ignored() -> Iterator[None]:
    yield from ignoring(signal.SIGTERM)


@pytest.fixture
def sighup_ignored() -> Iterator[None]:
    yield from ignoring(signal.SIGHUP)


@pytest.fixture
def sigchld_ignored() -> Iterator[None]:
    yield from ignoring(signal.SIGCHLD)


@pytest.mark.usefixtures("sigterm_ignored")
def test_signals_that_the_server_ignores_reach_the_command(shell: Shell) -> None:
    assert shell.fails("kill -TERM $$; echo still here").exit_code == -signal.SIGTERM


@pytest.mark.usefixtures("sighup_ignored")
@pytest.mark.parametrize("executable", ["/usr/bin/env", ""])  # a program that is not Python, as uWSGI; unknown
def test_they_do_so_where_sys_executable_is_no_interpreter(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, executable: str
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    assert shell.fails("kill -HUP $$; echo still here").exit_code == -signal.SIGHUP


@pytest.mark.usefixtures("sighup_ignored")
def test_a_command_that_would_be_deaf_is_not_started(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("prefix", "base_prefix", "executable", "_base_executable"):
        monkeypatch.setattr(sys, name, "/srv/frozen")
    assert str(shell.fails("exit 0")).partition(" cannot be started: ")[2] == (
        "this server ignores or blocks signals that a command is to heed, and no Python interpreter was found: "
        "sys.executable is '/srv/frozen', and neither /srv/frozen nor /srv/frozen has one; set sys.executable to its "
        "path"
    )


@pytest.mark.usefixtures("sigchld_ignored")
def test_an_exit_code_that_somebody_else_took_is_no_success(shell: Shell) -> None:
    error = shell.fails("exit 3")
    assert error.exit_code is None
    assert str(error).startswith("exit code not known")


BUSY = "echo > started; while :; do sleep 0.05; done"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """The signals that are sent, and of each whether the number it goes to is still the command's."""
    sent: list[tuple[int, bool]] = []
    kill = os.killpg

    def watched(group: int, number: int) -> None:
        if number:
            try:
                kill(group, 0)
            except ProcessLookupError:
                sent.append((number, False))
            else:
                sent.append((number, True))
        kill(group, number)

    monkeypatch.setattr(os, "killpg", watched)
    return sent


@pytest.mark.parametrize("script", ["exit 0", "sleep 60 & echo done"])
def test_what_is_left_is_killed_while_the_number_is_the_commands(
    shell: Shell, sent: list[tuple[int, bool]], script: str
) -> None:
    shell.run(script)
    assert sent == [(signal.SIGKILL, True)]


@pytest.mark.parametrize(
    ("script", "heard"),
    [
        (f"trap 'exit 7' TERM; {BUSY}", [signal.SIGTERM]),  # nobody is left to be killed
        (f"trap '' TERM; {BUSY}", [signal.SIGTERM, signal.SIGKILL]),
        (f"sh -c \"trap '' TERM; {BUSY}\"; echo never", [signal.SIGTERM, signal.SIGKILL]),
    ],
)
def test_told_to_stop_it_gets_no_signal_once_its_number_may_be_anothers(
    shell: Shell, sent: list[tuple[int, bool]], script: str, heard: list[int]
) -> None:
    shell.told(script, kill_after=0.3)
    assert sent == [(number, True) for number in heard]


def test_it_gets_none_where_its_last_words_cannot_be_told(
    shell: Shell, sent: list[tuple[int, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child.log, "info", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        shell.run("printf 'no end of line'")
    assert sent == [(signal.SIGKILL, True)]
