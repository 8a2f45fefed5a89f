"""Command lines: which are plain words, and which need a shell."""

import re
import shlex
from pathlib import PurePosixPath

_SHELL_SYNTAX = re.compile(r"[|&;<>()$`\\*?\[\]#~{}!\n]")
"""Anywhere, even in quotes: to see more is to write a shell. What it takes too many runs under `sh -c` as before."""
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_NOT_BARE = re.compile(
    r"""(?:\b(?P<shell>\w*sh)(?:\s+[^\s"'#;&|()]+)*?)?\s-\w*c\s+(?P<script>'[^']*'|"(?:\\.|[^"\\])*")"""
    r"""|\\.|'[^']*'|"(?:\\.|[^"\\])*"|(?:^|(?<=\s))#[^\n]*""",
    re.DOTALL,
)
"""What a shell takes no operator from: what is quoted, a script for another shell among it, and comments."""
_BACKGROUND = re.compile(r"(?<![&<>|])&(?!&)")
"""No `&&`, `>&`, `<&` or `|&`."""
_REDIRECTION = re.compile(r"(?<!&)&>")
_REDIRECTING = {"bash", "zsh"}
"""Shells to which `a &>b` is a redirection; to POSIX's, such as dash, it is `a &`, and then `>b`."""
_WAIT = re.compile(r"(?:^|[;&{\n]|\b(?:do|then|else)\s)\s*wait(?![^\s;&)}])")
"""As a command, not as the argument of one."""
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


def leaves_work_behind(command: str, shell: str = "sh") -> bool:
    """Whether it may end before all that it started does: it puts something into the background and does not wait.

    `shell` is the one that reads it, by name or path; a script for another (`bash -c '...'`) is read as that one does.
    """
    scripts = (
        (found["script"][1:-1], found["shell"] or shell) for found in _NOT_BARE.finditer(command) if found["script"]
    )
    bare = _NOT_BARE.sub(" _ ", command)
    if PurePosixPath(shell).name in _REDIRECTING:
        bare = _REDIRECTION.sub(" >", bare)
    after_the_last = _BACKGROUND.split(bare)[1:][-1:]
    return any(not _WAIT.search(rest) for rest in after_the_last) or any(leaves_work_behind(*each) for each in scripts)


def in_the_foreground(command: str) -> str:
    """The command without the `&` at its end, if it has one."""
    bare = command.rstrip()
    return bare[:-1].rstrip() if re.search(r"(?<![&<>|\\])&$", bare) else command
