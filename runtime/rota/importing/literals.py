"""Python as `ruff format` leaves it, whatever line length it is set to: what is longer than the shortest of them stands
on lines of its own, with the comma behind it that keeps it there."""

import builtins
import keyword
from collections.abc import Collection, Sequence
from datetime import timedelta

_WIDTH = 88

_UNITS = (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))


def text(value: str) -> str:
    """A string literal, in the quotes that need fewer escapes."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    return quote + "".join(_character(each, quote) for each in value) + quote


def script(value: str) -> str:
    """A string literal of several lines, each on its own, if it has several and none that cannot be seen."""
    lines = value.split("\n")
    if len(lines) < 3 or '"""' in value or not all(line.replace("\t", "").isprintable() for line in lines):
        return text(value)
    written = value.replace("\\", "\\\\")
    # Nothing is added: the first line begins behind the backslash, and a quote at the end is not one of the three.
    return '"""\\\n' + (written[:-1] + '\\"' if written.endswith('"') else written) + '"""'


def words(values: Sequence[str], indent: str, before: str) -> str:
    """A list of strings, to stand behind `before` in a line of `indent`."""
    literals = [script(value) for value in values]
    line = f"[{', '.join(literals)}]"
    if "\n" not in line and len(f"{indent}{before}{line},") <= _WIDTH:
        return line
    return "\n".join(["[", *(f"{indent}    {literal}," for literal in literals), f"{indent}]"])


def call(name: str, arguments: Sequence[str], indent: str, before: str) -> str:
    """A call, to stand behind `before` in a line of `indent`."""
    line = f"{name}({', '.join(arguments)})"
    if len(f"{indent}{before}{line},") <= _WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"{indent}    {argument}," for argument in arguments), f"{indent})"])


def interval(value: timedelta) -> str:
    """A timedelta of one unit where one says it, of as few as do."""
    left, parts = value, []
    for unit, seconds in _UNITS:
        count, left = divmod(left, timedelta(seconds=seconds))
        parts += [f"{unit}={count}"] if count else []
    parts += [f"microseconds={left.microseconds}"] if left else []
    whole = value // timedelta(seconds=1)
    single = next((f"{unit}={whole // seconds}" for unit, seconds in _UNITS if not left and whole % seconds == 0), "")
    return f"timedelta({single if len(parts) > 1 and single else ', '.join(parts) or 'seconds=0'})"


def comment(value: str, indent: str = "") -> list[str]:
    """Comment lines of a text, each of one line."""
    return [f"{indent}# {_printable(line)}".rstrip() for line in value.split("\n")]


def variable(name: str, taken: Collection[str]) -> str:
    """A variable for what is called `name`, unlike any of `taken`, of Python's words and of its built-ins."""
    found = name.replace("-", "_")
    while found in taken or keyword.iskeyword(found) or keyword.issoftkeyword(found) or hasattr(builtins, found):
        found += "_"
    return found


def _printable(line: str) -> str:
    return "".join(each if each == "\t" or each.isprintable() else repr(each)[1:-1] for each in line)


def _character(character: str, quote: str) -> str:
    if character in (quote, "\\"):
        return "\\" + character
    return character if character.isprintable() else repr(character)[1:-1]
