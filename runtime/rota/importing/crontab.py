"""Reads a crontab: a user's, or one of the system's with its column of users.

As cron(8) reads it: environment lines count for the lines below them, an unescaped `%` ends the command and begins its
standard input. https://man7.org/linux/man-pages/man5/crontab.5.html
"""

import re
import shlex
from dataclasses import dataclass, field

from rota.importing.command_names import name_of
from rota.importing.found import CronText, Found, FoundJob, Remark, within_limits
from rota.importing.shell import argv_of, variables_of

_VARIABLE = re.compile(r"""\s*("[^"]*"|'[^']*'|[^\s="'][^\s=]*)\s*=\s*(.*?)\s*""", re.DOTALL)
_WORDS = re.compile(r"(?!m(in\w*)?\s+h)[^\W\d].*", re.DOTALL)
"""A comment that says something: no line taken out, no ruler, no heading of the columns."""
_PERCENT = re.compile(r"(?<!\\)%")

_NOT_CARRIED = {
    "MAILTO": "rota sends no mail: the output's tail is in the outcome (rota show), and alarms watch the dead letters",
    "MAILFROM": "rota sends no mail",
    "PATH": "commands have the PATH of the worker; set it where workers run, or name programs by their full path",
    "HOME": "commands run in the current folder of the worker and with its HOME; set them where workers run",
    "RANDOM_DELAY": "declare jitter= on the schedules",
}

_NO_ZONE = "no zone is named, so UTC is taken; cron goes by its server's: give that one as --time-zone"


@dataclass
class _Crontab:
    """What the lines read so far have set."""

    time_zone: str | None
    shell: str = "sh"
    cron_tz: str | None = None
    tz: str | None = None
    variables: dict[str, int] = field(default_factory=dict)
    """Where each was set."""

    @property
    def zone(self) -> str | None:
        return self.cron_tz or self.time_zone or self.tz

    def set(self, name: str, value: str, line: int) -> str | None:
        """Takes an environment line; what is to be said of it."""
        if name == "CRON_TZ":
            self.cron_tz = value
            return None
        if name == "SHELL":
            self.shell = value or "sh"
            return None
        self.variables[name] = line
        if name == "TZ":
            self.tz = value
            used = (
                f"taken as the zone of the lines below, as Solaris does ({value})" if self.zone == value else "not used"
            )
            return (
                f"TZ is {used}; cronie and Debian's cron schedule in the server's zone whatever TZ says: if that is "
                "another one, give it as --time-zone. The commands have the worker's TZ"
            )
        return f"{name} is not carried: {_NOT_CARRIED.get(name, 'set it where workers run')}"


def read_crontab(text: str, *, system: bool = False, time_zone: str | None = None) -> Found:
    """The jobs of a crontab. `system` is for one with a column of users, such as /etc/crontab; `time_zone` the zone of
    lines that no CRON_TZ stands above."""
    state = _Crontab(time_zone)
    found: list[FoundJob | Remark] = []
    comment, zone_is_assumed = "", False
    for number, raw in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        line = raw.strip(" \t")
        place = f"line {number}"
        if not line:
            comment = ""
        elif line.startswith("#"):
            comment = line.lstrip("# \t") if _WORDS.fullmatch(line.lstrip("# \t")) else ""
        elif variable := _VARIABLE.fullmatch(line):
            name, value = (_unquoted(part) for part in variable.groups())
            if said := state.set(name, value, number):
                found.append(Remark(place, said))
        else:
            job = _job(line, place, comment, state, system=system)
            if job and not job.problem and not state.zone and not zone_is_assumed:
                zone_is_assumed = True
                found.append(Remark(place, _NO_ZONE))
            found.append(job or Remark(place, f"is no line of a crontab: {line}", left_out=True))
            comment = ""
    return tuple(found)


def _job(line: str, place: str, description: str, state: _Crontab, *, system: bool) -> FoundJob | None:
    parts = re.split(r"[ \t]+", line, maxsplit=(1 if line.startswith("@") else 5) + system)
    schedule, rest = " ".join(parts[: 1 if line.startswith("@") else 5]), parts[1 if line.startswith("@") else 5 :]
    if len(rest) != 1 + system or not rest[-1]:
        return None
    program, *stdin = [part.replace(r"\%", "%") for part in _PERCENT.split(rest[-1])]
    command, lines = program, stdin[:-1] if stdin[-1:] == [""] else stdin  # the last line may have its end, or lack it
    remarks = [f"user {rest[0]!r} is not carried: commands run as the user of the worker"] if system else []
    if lines:
        command = f"printf '%s\\n' {shlex.join(lines)} | {{ {program}\n}}"
        remarks.append("what stands behind % is its standard input, which printf gives it now")
    remarks += [
        f"it names ${name}, set on line {state.variables[name]}, which is not carried; set it where workers run"
        for name in variables_of(command)
        if name in state.variables
    ]
    return within_limits(
        FoundJob(
            place=place,
            source=line,
            name=name_of(program),
            when=CronText(expression=schedule, time_zone=state.zone or "UTC"),
            command=argv_of(command, state.shell),
            attempts=1,
            only_latest=True,
            description=description,
            remarks=tuple(remarks),
        )
    )


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
