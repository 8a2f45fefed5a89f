"""Commands in place of handlers (`Job(command=[...])`): a program in a process of its own, run by a thread of a server.

`child` starts, follows and ends the process; `output` is what it prints, `environment` what it is given, `programs`
whether there is such a program at all. Why a thread waits for each: docs/adr/0020.
"""

from rota.commands.child import KILL_AFTER, run, wait_for_told
from rota.commands.programs import missing

__all__ = ["KILL_AFTER", "missing", "run", "wait_for_told"]
