"""Command lines: which are plain words, and which need a shell."""

import re
import shlex

_SHELL_SYNTAX = re.compile(r"[|&;<>()$`\\*?\[\]#~{}!\n]")
"""Anywhere, even in quotes: to see more is to write a shell. What it takes too many runs under `sh -c` as before."""
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
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
