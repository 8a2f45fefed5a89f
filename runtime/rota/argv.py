"""The argv of a command, as a job declares it: what may stand there, and how people see it."""

import shlex
from collections.abc import Sequence

MAX_BYTES = 131_071
"""How long all arguments together may be: what Linux takes as a single one (MAX_ARG_STRLEN, without the byte that ends
it), so that each fits, and the environment beside them.
https://man7.org/linux/man-pages/man2/execve.2.html"""

_LIST = 'such as ["./bin/report", "--daily"], or ["sh", "-c", "..."] where a shell is to read it'


def command_problems(
    command: object, *, handler: object, takes_input: bool, isolation: object, is_elsewhere: bool
) -> list[str]:
    """What is wrong with a job's command, and with what stands beside it and belongs to a handler. `is_elsewhere` is
    whether servers of another language alone run the job."""
    if command is None:
        return []
    problems = (
        argv_problem(command),
        f"command stands in place of a handler: leave out one of them; got handler {handler!r}" if handler else None,
        "command runs where rota does, and this job is run by servers of another language alone: leave it out"
        if is_elsewhere
        else None,
        "a command takes neither payload nor input, for nothing of a message becomes part of what is run: what is "
        "always the same stands in the command itself"
        if takes_input
        else None,
        'isolation="process" is for handlers: a command has a process of its own, which is killed when it does not '
        "heed the word to stop; leave it out"
        if isolation == "process"
        else None,
    )
    return [problem for problem in problems if problem]


def argv_problem(command: object) -> str | None:
    """Why `command` is no argv, or None."""
    if isinstance(command, str | bytes | bytearray | memoryview) or not isinstance(command, Sequence):
        return f"command must be a list of strings, {_LIST}; got {command!r}"
    if not command or command[0] == "":
        return f"command must begin with the program to run, {_LIST}; got {list(command)!r}"
    for argument in command:
        if not isinstance(argument, str):
            return f"command must be of strings alone; got {argument!r}, which is {type(argument).__name__}"
        if "\0" in argument or not _is_text(argument):
            return f"command: no argument can have a NUL, or half a character; got {argument!r}"
    if (size := sum(len(argument.encode()) + 1 for argument in command) - 1) > MAX_BYTES:
        return f"command must be at most {MAX_BYTES} bytes in all; got {size}; put them into a file that is deployed"
    return None


def argv_text(command: Sequence[str]) -> str:
    """The command as one line, as a shell would take it."""
    return shlex.join(command)


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True
