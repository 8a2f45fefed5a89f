"""How a command ended, in words."""

import signal

from rota.errors import CommandError
from rota.failures import printable


def success(tail: str) -> str:
    """Why it counts as succeeded."""
    return _with_output("exit code 0", tail)


def failure(code: int | None, tail: str, *, told: str | None, killed_after: float | None) -> CommandError:
    """Why it does not. `code` is below 0 for a signal; `told` why it was told to stop, if it was; `killed_after` how
    many seconds later it was killed, if it was."""
    if killed_after is not None:
        how = f"killed {killed_after:g} s after it was told to stop: {told}"
    elif told is not None:
        how = f"{_how(code)} when it was told to stop: {told}"
    else:
        hint = ", as when memory runs out" if code == -signal.SIGKILL else ""
        how = f"{_how(code)}{hint}"
    return CommandError(_with_output(how, tail), exit_code=code, output=tail)


def _how(code: int | None) -> str:
    if code is None:
        return "exit code not known: something else in this server waits for its processes, or ignores SIGCHLD"
    return f"exit code {code}" if code >= 0 else f"ended by {_name(-code)}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time one
        return f"signal {number}"


def _with_output(how: str, tail: str) -> str:
    return f"{how}; its output ends:\n{printable(tail)}" if tail else f"{how}, without output"
