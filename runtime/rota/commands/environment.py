"""What a command finds in its environment: the server's, and which run it is for."""

import os
from datetime import datetime

from rota.envelope import instant_text
from rota.failures import printable
from rota.run import Run
from rota.settings import KEYS_VARIABLE, WORKER_VARIABLE

JOB, RUN, ATTEMPT, TOKEN = "ROTA_JOB", "ROTA_RUN", "ROTA_ATTEMPT", "ROTA_TOKEN"
SCHEDULED_AT, ENQUEUED_AT, DEADLINE = "ROTA_SCHEDULED_AT", "ROTA_ENQUEUED_AT", "ROTA_DEADLINE"


def environment(run: Run) -> dict[str, str]:
    """That of this process, without the keys that requests are signed with, and with the run's `ROTA_...`; what a run
    has not is not set. Instants are as in `2026-01-31T02:00:00Z`."""
    about = {
        JOB: run.job,
        RUN: run.id,
        ATTEMPT: str(run.attempt),
        TOKEN: None if run.token is None else str(run.token),
        SCHEDULED_AT: _instant(run.scheduled_at),
        ENQUEUED_AT: _instant(run.enqueued_at),
        DEADLINE: _instant(run.deadline),
    }
    # This process may itself be what a command has started: then it has another run's.
    given = {name: value for name, value in os.environ.items() if name not in about and name != KEYS_VARIABLE}
    # The application may start its worker where it is imported; not in this process.
    given[WORKER_VARIABLE] = "off"
    # An id may be another program's: a NUL in it would keep the command from starting.
    return given | {name: printable(value) for name, value in about.items() if value is not None}


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else instant_text(moment)
