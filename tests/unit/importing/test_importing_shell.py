"""Command lines: what is plain, what needs a shell, what it is called."""

import subprocess

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from rota.importing.command_names import name_of
from rota.importing.shell import argv_of, in_the_foreground, leaves_work_behind, variables_of


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("./bin/report --daily", ("./bin/report", "--daily")),
        ("report   --title 'Daily report' \"x y\"", ("report", "--title", "Daily report", "x y")),
        ("/usr/bin/env A=b run", ("/usr/bin/env", "A=b", "run")),
        ("date +%F", ("date", "+%F")),
    ],
)
def test_plain_words_are_the_argv(command: str, argv: tuple[str, ...]) -> None:
    assert argv_of(command) == argv


@pytest.mark.parametrize(
    "command",
    [
        "a | b",
        "a >/dev/null 2>&1",
        "a && b",
        "a; b",
        "a $HOME",
        "a `b`",
        "rm *.tmp",
        "rm [ab]",
        "ls ~/x",
        "a \\; b",
        "A=b run",
        "cd /srv",
        ". ./env",
        "a 'b",
        "a # b",
        "a\r",
        "! a",
    ],
)
def test_what_a_shell_has_to_read_is_left_to_it(command: str) -> None:
    assert argv_of(command) == ("sh", "-c", command)
    assert argv_of(command, "/bin/bash") == ("/bin/bash", "-c", command)


@given(st.text(alphabet="ab-=./ \t'\"%,:@+^", min_size=1))
@example("a ''")
@example("a '\t' =")
def test_words_are_those_that_a_shell_finds(command: str) -> None:
    argv = argv_of(command)
    assume(argv[1:2] != ("-c",))
    found = subprocess.run(["sh", "-c", f"printf '%s\\n' {command}"], check=True, capture_output=True, text=True)
    assert found.stdout.split("\n")[:-1] == list(argv)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/usr/bin/report --daily", "report daily"),
        ("cd /srv/app && /usr/bin/php8.2 artisan schedule:run >/dev/null 2>&1", "artisan schedule:run"),
        ("test -x /usr/sbin/anacron || run-parts /etc/cron.daily", "run-parts"),
        ("python3 -m shop.clean --all", "shop.clean all"),
        ("nice -n 19 timeout 5m ./backup.sh /var", "backup"),
        ("FOO=bar env X=1 ./sync # nightly", "sync"),
        ("[ -d /x ] && find /x -delete", "find"),
        ("flock -n /tmp/poll.lock sudo -u www ./poll.py", "poll"),
        ("bash -lc './go now'", "go now"),
        ("if true; then sweep; fi", "sweep"),
        ("test -x anacron || { cd / && run-parts --report /etc/cron.daily; }", "run-parts report"),
        ("test -d /x && perl -e 'sleep int(rand(9))' && certbot -q renew", "certbot renew"),
        ("if [ $(date +%d) -le 7 ]; then check --all; fi", "check all"),
        ("echo hello", "echo hello"),
        (">/dev/null", ""),
        ("", ""),
    ],
)
def test_a_command_is_called_by_its_program(command: str, name: str) -> None:
    assert name_of(command) == name


def test_the_variables_of_a_command() -> None:
    assert variables_of("a $FOO ${BAR}/$FOO $1 $(date)") == ["FOO", "BAR"]


@pytest.mark.parametrize(
    "command",
    [
        "(sleep 30; y) & true",
        "a & b",
        "{ a & }",
        "bash -c 'sleep 1; y &'",
        "a&",
        "curl http://x/?a=1&b=2",
        "x --wait & y",
        "a & # wait",
        "echo wait & b",
        "wait & b",
        "a & echo wait",
        "a & wait; b & c",
        "a & ./wait",
        "bash -c 'a & b'; wait",
        'bash -c "a \\"x\\" & b"',
    ],
)
def test_what_is_put_into_the_background_may_outlive_a_command(command: str) -> None:
    assert leaves_work_behind(command)


@pytest.mark.parametrize(
    "command",
    [
        "a && b",
        "a >/dev/null 2>&1",
        "a <&3",
        "a |& b",
        "curl 'http://x/?a=1&b=2'",
        'curl "http://x/?a=\\"1&b=2"',
        "echo a\\&b",
        "a & b & wait",
        "a & b; wait; c",
        "a # b & c",
        "a # bash -c 'b & c'",
        "a & b && { wait; }",
        "a & if b; then wait; fi",
        "bash -o pipefail -c 'a & wait'",
    ],
)
def test_what_is_waited_for_does_not(command: str) -> None:
    assert not leaves_work_behind(command)


@pytest.mark.parametrize("command", ["a &>log", "a &>>log", "a 'b' &>/dev/null", "a &>log && b"])
def test_only_some_shells_redirect_both_outputs_by_one_sign(command: str) -> None:
    assert [leaves_work_behind(command, shell) for shell in ("bash", "/bin/bash", "/usr/bin/zsh")] == [False] * 3
    assert [leaves_work_behind(command, shell) for shell in ("sh", "/bin/sh", "dash")] == [True] * 3
    assert not leaves_work_behind(f'/bin/bash -lc "{command}"', "sh")
    assert leaves_work_behind(f'sh -c "{command}"', "bash")
    assert leaves_work_behind(f"{command} & b", "bash")


@pytest.mark.parametrize(
    ("command", "same"),
    [
        ("sleep 1 && touch done & ", "sleep 1 && touch done"),
        ("nohup x > /dev/null 2>&1 &", "nohup x > /dev/null 2>&1"),
        ("(sleep 30; y)&", "(sleep 30; y)"),
        ("a &&", "a &&"),
        ("echo \\&", "echo \\&"),
        ("a 2>&1", "a 2>&1"),
    ],
)
def test_the_last_sign_is_taken_off(command: str, same: str) -> None:
    assert in_the_foreground(command) == same
