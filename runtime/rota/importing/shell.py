"""Command lines: which are plain words, and which need a shell."""

import re
import shlex

_SHELL_SYNTAX = re.compile(r"[|&;<>()$`\\*?\[\]#~{}!\n]")
"""Anywhere, even in quotes: to see more is to write a shell. What it takes too many runs under `sh -c` as before."""
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_QUOTED_SCRIPT = re.compile(r"""(\s-\w*c\s+)(["'])(.*?)\2""", re.DOTALL)
_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_BACKGROUND = re.compile(r"(?<![&<>|])&(?![&>])")
"""No `&&`, `>&`, `<&`, `&>` or `|&`."""
_WAIT = re.compile(r"(?:^|[\s;&({])wait(?:$|[\s;&)}])")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")

BUILTIN = re.compile(
    r"[.:]|alias|break|case|cd|command|continue|eval|exec|exit|export|for|hash|if|read|readonly|return|set|shift|source|"
    r"time|times|trap|type|ulimit|umask|unalias|unset|until|wait|while"
)
"""A first word that is no program: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html"""


def argv_of(command: str, shell: str = "sh") -> tuple[str, ...]:
    """The words of a plain command; `shell -c command` where a shell is needed to read it."""
    try:
        words = [] if _SHELL_SYNTAX.search(command) else shlex.split(command)
    except ValueError:  # a quote that does not end
        words = []
    # "\r" parts words here and not in a shell.
    if not words or BUILTIN.fullmatch(words[0]) or _ASSIGNMENT.fullmatch(words[0]) or "\r" in command:
        return (shell, "-c", command)
    return tuple(words)


def variables_of(command: str) -> list[str]:
    """The variables that it names, each once."""
    return list(dict.fromkeys(_VARIABLE.findall(command)))


def leaves_work_behind(command: str) -> bool:
    """Whether it may end before all that it started does: it puts something into the background and does not wait."""
    bare = _COMMENT.sub("", _QUOTED.sub(" ", _QUOTED_SCRIPT.sub(r"\1\3", command)))
    return bool(_BACKGROUND.search(bare)) and not _WAIT.search(bare)


def in_the_foreground(command: str) -> str:
    """The command without the `&` at its end, if it has one."""
    bare = command.rstrip()
    return bare[:-1].rstrip() if re.search(r"(?<![&<>|\\])&$", bare) else command
