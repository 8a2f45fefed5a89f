"""Command lines: which are plain words, which need a shell, and what they could be called."""

import re
import shlex

_SHELL_SYNTAX = re.compile(r"[|&;<>()$`\\*?\[\]#~{}!\n]")
"""Anywhere, even in quotes: to see more is to write a shell. What it takes too many runs under `sh -c` as before."""
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")
_REDIRECTION = re.compile(r"[0-9]*[<>]+&?\s*\S+")
_OPERATOR = re.compile(r"\|\||&&|[|;&\n()]")

_BUILTIN = re.compile(
    r"[.:]|alias|break|case|cd|command|continue|eval|exec|exit|export|for|hash|if|read|readonly|return|set|shift|source|"
    r"time|times|trap|type|ulimit|umask|unalias|unset|until|wait|while"
)
"""A first word that is no program: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html"""

_PREPARATION = re.compile(rf"{_BUILTIN.pattern}|\[|\[\[|echo|false|sleep|test|true")
_WRAPPER = re.compile(
    r"(bash|chronic|command|cronic|dash|doas|env|exec|flock|ionice|nice|node|nohup|perl|php|python|ruby|sh|stdbuf|sudo|"
    r"systemd-cat|time|timeout|zsh)[0-9.]*|do|else|then"
)
_VALUE = re.compile(r"[0-9.]*[smhd]?|.*=.*|/.*lock")
"""What may stand between a wrapper and the program: a duration, an assignment, a lock file."""


def argv_of(command: str, shell: str = "sh") -> tuple[str, ...]:
    """The words of a plain command; `shell -c command` where a shell is needed to read it."""
    try:
        words = [] if _SHELL_SYNTAX.search(command) else shlex.split(command)
    except ValueError:  # a quote that does not end
        words = []
    # "\r" parts words here and not in a shell.
    if not words or _BUILTIN.fullmatch(words[0]) or _ASSIGNMENT.fullmatch(words[0]) or "\r" in command:
        return (shell, "-c", command)
    return tuple(words)


def variables_of(command: str) -> list[str]:
    """The variables that it names, each once."""
    return list(dict.fromkeys(_VARIABLE.findall(command)))


def name_of(command: str) -> str:
    """What a job of this command could be called: its program, and the words after it that are no paths or values."""
    plain = _REDIRECTION.sub(" ", re.split(r"(?:^|\s)#", command)[0])
    parts = [_words(part) for part in _OPERATOR.split(plain)]
    parts = [words for words in parts if words]
    named = [words for words in parts if not _PREPARATION.fullmatch(words[0])] or parts
    return _name_of_words(named[0]) if named else ""


def _words(command: str) -> list[str]:
    words = [word.strip("\"'") for word in command.split()]
    while words and _is_before_the_program(words[0]):
        words = words[2 if words[0] in ("-u", "-g") else 1 :]
    return words


def _name_of_words(words: list[str]) -> str:
    program = re.sub(r"\.[A-Za-z]{1,4}$", "", words[0].rsplit("/", 1)[-1])
    said = [word.lstrip("-") for word in words[1:] if re.fullmatch(r"(--)?[A-Za-z][\w:.-]*", word)]
    return " ".join([program, *said[:2]])


def _is_before_the_program(word: str) -> bool:
    program = word.rsplit("/", 1)[-1]
    return bool(word.startswith("-") or _WRAPPER.fullmatch(program) or _VALUE.fullmatch(word))
