"""What a command could be called. A guess, for people to mend: nothing of it decides what is run."""

import re

from rota.importing.shell import BUILTIN

_SCRIPT = re.compile(r"""(-\w*c\s+)(["'])(.*?)\2""")
_QUOTED = re.compile(r"""\$\([^)]*\)|`[^`]*`|"[^"]*"|'[^']*'""")
_REDIRECTION = re.compile(r"[0-9]*[<>]+&?\s*\S+")
_OPERATOR = re.compile(r"\|\||&&|[|;&\n()]")

_PREPARATION = re.compile(rf"{BUILTIN.pattern}|\[|\[\[|echo|false|sleep|test|true")
_WRAPPER = re.compile(
    r"(bash|chronic|command|cronic|dash|doas|env|exec|flock|ionice|nice|node|nohup|perl|php|python|ruby|sh|stdbuf|sudo|"
    r"systemd-cat|time|timeout|zsh)[0-9.]*|do|else|then|[{!]"
)
_VALUE = re.compile(r"[0-9.]*[smhd]?|.*=.*|/.*lock")
"""What may stand between a wrapper and the program: a duration, an assignment, a lock file."""


def name_of(command: str) -> str:
    """What a job of this command could be called: its program, and the words after it that are no paths or values."""
    plain = _QUOTED.sub(" ", _SCRIPT.sub(r"\1\3", command))
    plain = _REDIRECTION.sub(" ", re.split(r"(?:^|\s)#", plain)[0])
    parts = [_words(part) for part in _OPERATOR.split(plain)]
    parts = [words for words in parts if words]
    named = [words for words in parts if not _PREPARATION.fullmatch(words[0])] or parts
    return _name_of_words(named[0]) if named else ""


def _words(command: str) -> list[str]:
    words = command.split()
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
