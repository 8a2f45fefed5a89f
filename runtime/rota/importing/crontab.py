"""Reads a crontab: a user's, or one of the system's with its column of users.

As cron(8) reads it: environment lines count for the lines below them, an unescaped `%` ends the command and begins its
standard input. https://man7.org/linux/man-pages/man5/crontab.5.html
"""

import re
import shlex
from dataclasses import dataclass, field

from rota.importing.command_names import name_of
from rota.importing.found import CronText, Found, FoundJob, Remark, UnreadableError, within_limits
from rota.importing.shell import argv_of, in_the_foreground, leaves_work_behind, variables_of

_VARIABLE = re.compile(r"""\s*("[^"]*"|'[^']*'|[^\s="'][^\s=]*)\s*=\s*(.*?)\s*""", re.DOTALL)
_WORDS = re.compile(r"(?!m(in\w*)?\s+h)[^\W\d].*", re.DOTALL)
"""A comment that says something: no line taken out, no ruler, no heading of the columns."""
_PERCENT = re.compile(r"(?<!\\)%")

_USER = re.compile(r"[A-Za-z_][\w.-]*(:[\w.-]+)?(/[\w.-]+)?")
"""A user, in FreeBSD's with a group or a login class."""
_USERS_AND_NO_PROGRAMS = {"root", "www-data", "nobody"}

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


def read_crontab(text: str, *, system: bool | None = None, time_zone: str | None = None) -> Found:
    """The jobs of a crontab. `system` is for one with a column of users, such as /etc/crontab; `time_zone` the zone of
    lines that no CRON_TZ stands above.

    Raises `UnreadableError` where `system` is not given and there may be such a column.
    """
    lines = [line.strip(" \t") for line in text.replace("\r\n", "\n").split("\n")]
    if system is None and _may_have_users(lines):
        raise UnreadableError(
            "each command begins with what may be a user, such as root: give --system if that is a column of users, "
            "as in /etc/crontab; --user if it is the program"
        )
    state = _Crontab(time_zone)
    found: list[FoundJob | Remark] = []
    comment, zone_is_assumed = "", False
    for number, line in enumerate(lines, 1):
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
            job = _job(line, place, comment, state, system=bool(system))
            if job and not job.problem and not state.zone and not zone_is_assumed:
                zone_is_assumed = True
                found.append(Remark(place, _NO_ZONE))
            found.append(job or Remark(place, f"is no line of a crontab: {line}", left_out=True))
            comment = ""
    return tuple(found)


def _may_have_users(lines: list[str]) -> bool:
    jobs = [line for line in lines if line and not line.startswith("#") and not _VARIABLE.fullmatch(line)]
    words = [_parts(line, 1)[1] for line in jobs]
    return all(len(rest) == 2 and _USER.fullmatch(rest[0]) for rest in words) and any(
        rest[0] in _USERS_AND_NO_PROGRAMS for rest in words
    )


def _parts(line: str, columns: int) -> tuple[str, list[str]]:
    """The schedule; so many columns and the command behind it."""
    fields = 1 if line.startswith("@") else 5
    parts = re.split(r"[ \t]+", line, maxsplit=fields + columns)
    return " ".join(parts[:fields]), parts[fields:]


def _job(line: str, place: str, description: str, state: _Crontab, *, system: bool) -> FoundJob | None:
    schedule, rest = _parts(line, int(system))
    if len(rest) != 1 + system or not rest[-1]:
        return None
    written, *stdin = [part.replace(r"\%", "%") for part in _PERCENT.split(rest[-1])]
    program = in_the_foreground(written)
    command, lines = program, stdin[:-1] if stdin[-1:] == [""] else stdin  # the last line may have its end, or lack it
    remarks = [f"user {rest[0]!r} is not carried: commands run as the user of the worker"] if system else []
    if program != written:
        remarks.append("the & at its end is taken off: the job lasts until the command has ended")
    if lines:
        command = f"printf '%s\\n' {shlex.join(lines)} | {{ {program}\n}}"
        remarks.append("what stands behind % is its standard input, which printf gives it now")
    remarks += [
        f"it names ${name}, set on line {state.variables[name]}, which is not carried; set it where workers run"
        for name in variables_of(command)
        if name in state.variables
    ]
    problem = _background_problem(program, state.shell)
    if system and not _USER.fullmatch(rest[0]):
        problem = f"{rest[0]!r} is no user: if this crontab has no column of users, give --user"
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
            problem=problem,
        )
    )


def _background_problem(program: str, shell: str) -> str | None:
    if not leaves_work_behind(program, shell):
        return None
    if not leaves_work_behind(program, "bash"):
        return (
            f"its &> redirects in bash; {shell} may read it as & and >, and what is in the background is ended with "
            "the job: write > FILE 2>&1, or SHELL=/bin/bash above it"
        )
    return "what its & puts into the background is ended with the job: take out the &, or wait for it"


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
